import { setTimeout as sleep } from 'node:timers/promises';
import { LoginRefused, RingCentralError } from '../ringcentral/errors.js';
import { Failure } from '../text.js';
import { Keeper, type KeeperOptions } from './keeper.js';

/** How soon to look again, at the latest, at what is not RingCentral's. */
const NEARBY_MS = 30_000;
const LOGIN_REFUSED_MS = 3_600_000;
const TICK_MS = 1000;

/**
 * Registers the receiver, and looks again and again whether all is well: the same public address, which answers the
 * handshake, and a live subscription. If not, it waits for what is missing, registers again, and has those voicemails
 * logged that came meanwhile. Each trouble is said once when it begins.
 *
 * Resolves once `signal` is aborted. Throws a Failure if the first login is refused.
 */
export async function keep(everyMs: number, options: KeeperOptions): Promise<void> {
  const { signal, say } = options;
  const clock = watchClock();
  /** What was said since all was last well, without ids and digits: two troubles may come by turns. */
  const said = new Set<string>();
  let isWell = true;
  const sayOnce = (trouble: string) => {
    const kind = trouble.replace(/[\w-]*\d[\w-]*/g, '');
    if (!said.has(kind)) say(trouble);
    said.add(kind);
  };
  const keeper = new Keeper({ ...options, say: sayOnce });
  try {
    while (!signal.aborted) {
      let pauseMs = everyMs;
      try {
        const leftovers = await keeper.look(clock.takeSlept());
        for (const { message } of leftovers) sayOnce(message);
        if (leftovers.length === 0) {
          if (!isWell) say('All is well again.');
          said.clear();
        }
        isWell = leftovers.length === 0;
        pauseMs = Math.max(everyMs, ...leftovers.map((error) => pauseAfter(error, false, everyMs)));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Failure) || (error instanceof LoginRefused && !keeper.hasLoggedIn)) throw error;
        sayOnce(error.message);
        isWell = false;
        pauseMs = pauseAfter(error, keeper.isStoppedNearby, everyMs);
      }
      // Wait as long as RingCentral asked, even after a sleep.
      const isAsked = pauseMs > everyMs;
      for (let left = pauseMs; left > 0 && !signal.aborted && (!clock.hasSlept() || isAsked); left -= TICK_MS)
        await sleep(Math.min(left, TICK_MS), undefined, { signal }).catch(() => {});
    }
  } finally {
    clock.end();
    await keeper.end();
  }
}

function pauseAfter(failure: Failure, isNearby: boolean, everyMs: number): number {
  const error = failure.cause ?? failure;
  if (isNearby) return Math.min(everyMs, NEARBY_MS);
  // A few wrong logins lock the user.
  if (error instanceof LoginRefused) return Math.max(everyMs, LOGIN_REFUSED_MS);
  return Math.max(everyMs, error instanceof RingCentralError ? (error.retryAfterSeconds ?? 0) * 1000 : 0);
}

/** Notices that this machine slept, or this program was stopped: timers stand still then, and the clock does not. */
function watchClock() {
  let last = Date.now();
  let slept = false;
  const hasSlept = () => {
    const now = Date.now();
    slept ||= now - last > 3 * TICK_MS;
    last = now;
    return slept;
  };
  const timer = setInterval(hasSlept, TICK_MS);
  const takeSlept = () => {
    const taken = hasSlept();
    slept = false;
    return taken;
  };
  return { hasSlept, takeSlept, end: () => clearInterval(timer) };
}
