import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import type { Say } from '../program.js';
import { retryAfterMs } from '../ringcentral/errors.js';

export type Problems = ReturnType<typeof problemLog>;

/**
 * Says each problem once when it begins and once when it ends. Its lines may alternate between several kinds: each kind is
 * said once.
 */
export function problemLog(say: Say, signal: AbortSignal) {
  /** What it is about → kind of line → the last such line. */
  const open = new Map<string, Map<string, string>>();
  let hasWorked = false;
  /** Begins a problem; ends it if there is no message. */
  const set = (about: string, message: string | undefined): void => {
    // What is under way then fails, which is no problem.
    if (signal.aborted) return;
    if (message) {
      const said = new Set([...open.values()].flatMap((lines) => [...lines.values()]));
      const lines = open.get(about) ?? new Map<string, string>();
      const fresh = message.split('\n').filter((line) => {
        // Without ids and numbers: they differ each time.
        const kind = line.replace(/[\w-]*\d[\w-]*/g, '');
        const isKnown = lines.has(kind) || said.has(line);
        lines.set(kind, line);
        return !isKnown;
      });
      open.set(about, lines);
      if (fresh.length > 0) say(fresh.join('\n'), 'error');
    } else if (open.delete(about)) {
      if (!hasWorked) say(`Works now: ${about}.`);
      else say(open.size === 0 ? 'Everything works again.' : `Works again: ${about}.`);
    }
  };
  /** Does a step, which may resolve to messages of what failed in it. Resolves to the Failure, if there was one. */
  const attempt = async (about: string, step: () => Promise<string[] | void>): Promise<Failure | undefined> => {
    try {
      const failed = (await step()) ?? [];
      if (failed.length > 0) throw new Failure(failed.join('\n'));
      set(about, undefined);
      return undefined;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      set(about, error.message);
      return error;
    }
  };
  /** Repeats a step, `pauseMs` after it ended, or later if RingCentral asks for a longer pause. */
  const repeat = async (about: string, pauseMs: number, step: () => Promise<string[] | void>): Promise<never> => {
    for (let failure: Failure | undefined; ; failure = await attempt(about, step))
      await sleep(Math.max(pauseMs, retryAfterMs(failure)), undefined, { signal });
  };
  /** To be called whenever everything was tried. */
  const endRound = (): void => void (hasWorked ||= open.size === 0);
  return { set, attempt, repeat, endRound };
}
