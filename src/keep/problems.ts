import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import type { Say } from '../program.js';
import { retryAfterMs } from '../ringcentral/errors.js';

export type Problems = ReturnType<typeof problemLog>;

/**
 * Says each problem once when it begins and once when it ends, by what it is about, line by line. Two kinds of one may
 * alternate: each is said once. Before everything has worked once, ends are not said.
 */
export function problemLog(say: Say, signal: AbortSignal) {
  /** What about → kind → the line that was said of it. */
  const open = new Map<string, Map<string, string>>();
  let hasWorked = false;
  /** Takes note of a problem, or that there is none. */
  const set = (about: string, message: string | undefined): void => {
    // What is under way fails then.
    if (signal.aborted) return;
    if (message) {
      const said = new Set([...open.values()].flatMap((lines) => [...lines.values()]));
      const lines = open.get(about) ?? new Map<string, string>();
      const fresh = message.split('\n').filter((line) => {
        // Without ids and numbers, which differ each time.
        const kind = line.replace(/[\w-]*\d[\w-]*/g, '');
        const isKnown = lines.has(kind) || said.has(line);
        lines.set(kind, line);
        return !isKnown;
      });
      open.set(about, lines);
      if (fresh.length > 0) say(fresh.join('\n'), 'error');
    } else if (open.delete(about) && hasWorked)
      say(open.size === 0 ? 'Everything works again.' : `Works again: ${about}.`);
  };
  /** Does a step. Resolves to the Failure that it ended in; what it resolves to are single things that failed. */
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
  /** Does a step again and again, `pauseMs` after it ended, or later if RingCentral asks for that. */
  const repeat = async (about: string, pauseMs: number, step: () => Promise<string[] | void>): Promise<never> => {
    for (let failure: Failure | undefined; ; failure = await attempt(about, step))
      await sleep(Math.max(pauseMs, retryAfterMs(failure)), undefined, { signal });
  };
  /** Takes note that all was tried: has it worked? */
  const note = (): void => void (hasWorked ||= open.size === 0);
  return { set, attempt, repeat, note };
}
