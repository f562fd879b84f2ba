import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import { MINUTE_MS } from '../pace.js';
import type { Say } from '../program.js';
import { retryAfterMs } from '../ringcentral/errors.js';

/** What it resolves to, or the Failure that it throws, says what failed. */
type Step = () => Promise<string[] | void>;
export type Problems = ReturnType<typeof problemLog>;

/** Says each problem once when it begins and once when it ends, also if its lines alternate between several kinds. */
export function problemLog(say: Say, signal: AbortSignal) {
  /** What it is about and the kind of line → the last such line. */
  const open = new Map<string, string>();
  /** Begins a problem; ends it if there is no message. */
  const set = (about: string, message: string | undefined): void => {
    // What is under way then fails, which is no problem.
    if (signal.aborted) return;
    if (!message) {
      const ended = [...open.keys()].filter((key) => key.startsWith(`${about}\n`));
      for (const key of ended) open.delete(key);
      if (ended.length > 0) say(`Works now: ${about}.${open.size === 0 ? ' No problem is left.' : ''}`);
      return;
    }
    const news = message.split('\n').filter((line) => {
      // Without ids and numbers: they differ each time.
      const key = `${about}\n${line.replace(/[\w-]*\d[\w-]*/g, '')}`;
      const isNew = !open.has(key) && ![...open.values()].includes(line);
      open.set(key, line);
      return isNew;
    });
    if (news.length > 0) say(news.join('\n'), 'error');
  };
  /** Does a step. Resolves to the Failure, if there was one. */
  const attempt = async (about: string, step: Step): Promise<Failure | undefined> => {
    const failure = await step().then(
      (failed) => (failed?.length ? new Failure(failed.join('\n')) : undefined),
      (error: unknown) => (error instanceof Failure ? error : Promise.reject(error)),
    );
    set(about, failure?.message);
    return failure;
  };
  /** Repeats a step, `pauseMs` after it ended; after a failure in a minute, or when RingCentral asks. */
  const repeat = async (about: string, pauseMs: number, step: Step): Promise<never> => {
    let failure: Failure | undefined;
    for (;;) {
      await sleep(failure ? Math.max(MINUTE_MS, retryAfterMs(failure)) : pauseMs, undefined, { signal });
      failure = await attempt(about, step);
    }
  };
  return { set, attempt, repeat };
}
