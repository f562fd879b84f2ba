import { setTimeout as sleep } from 'node:timers/promises';

/** At most `count` in any minute: each call resolves when it is its turn. Rejects once the signal is aborted. */
export function perMinute(count: number, signal?: AbortSignal): () => Promise<void> {
  const times: number[] = [];
  const turn = async () => {
    const waitMs = (times.at(-count) ?? -60_000) + 60_000 - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, signal && { signal });
    times.push(performance.now());
    if (times.length > count) times.shift();
  };
  let last: Promise<void> = Promise.resolve();
  return () => (last = last.then(turn));
}
