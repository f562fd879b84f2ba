import { setTimeout as sleep } from 'node:timers/promises';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** At most `count` in any minute: each call resolves when it is its turn. Rejects once the signal is aborted. */
export function perMinute(count: number, signal?: AbortSignal): () => Promise<void> {
  const times: number[] = [];
  const turn = async () => {
    const first = times.length < count ? undefined : times.shift();
    const waitMs = first === undefined ? 0 : first + MINUTE_MS - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, signal && { signal });
    times.push(performance.now());
  };
  let last = Promise.resolve();
  return () => (last = last.then(turn));
}

const UNIT_MS: Record<string, number> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** A duration from the command line, such as 90m or 24h, in milliseconds; NaN if it is none. */
export function readDuration(given: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? NaN);
}
