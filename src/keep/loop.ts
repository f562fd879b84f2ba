import { setTimeout as sleep } from 'node:timers/promises';
import { DAY_MS, HOUR_MS, MINUTE_MS, perMinute, SECOND_MS } from '../pace.js';
import { NoTunnel } from '../registration/tunnels.js';
import { isRefused, isTemporary, LoginRefused, retryAfterMs } from '../ringcentral/errors.js';
import { findWatched, type Watched } from '../ringcentral/extensions.js';
import type { WatchSettings } from '../settings.js';
import { compare, type CompareOptions } from './compare.js';
import type { Road } from './road.js';

/** How soon the address is checked again: without a tunnel, and the first time that it does not lead here. */
const NO_TUNNEL_MS = 5 * SECOND_MS;
const NOT_HERE_MS = 30 * SECOND_MS;
/** How many mailboxes are listed in a minute at most, and so in one comparison. */
const LISTS_PER_MINUTE = 20;

/** Checks the road every `everyMs`, and compares every minute. If something was missing, the road is checked earlier. */
export class Loop {
  readonly #turn: () => Promise<void>;
  #watched: Watched | undefined;
  /** RingCentral's time at the login, until the mailboxes are known. */
  #met: number | undefined;
  #notHereMs = NOT_HERE_MS;
  /** When refused events were last asked for again. */
  #renewedAt = performance.now();
  /** When each step is due, by performance.now(). */
  readonly #due = { watched: 0, road: 0, compare: 0 };

  constructor(
    private readonly road: Road,
    private readonly options: CompareOptions,
  ) {
    this.#turn = perMinute(LISTS_PER_MINUTE, options.signal);
  }

  /** Runs until the signal is aborted; then it rejects. */
  async run(wanted: WatchSettings): Promise<never> {
    const { ledger, problems, signal } = this.options;
    const due = this.#due;
    let roadAt = 0;
    for (;;) {
      if (due.watched <= performance.now()) {
        const pauseMs = await this.#findWatched(wanted);
        due.watched = performance.now() + pauseMs;
      }
      if (due.road <= performance.now()) {
        roadAt = performance.now();
        due.road = roadAt + (await this.#checkRoad());
      }
      if (due.compare <= performance.now()) {
        const { missing, pauseMs } = await this.#compare();
        due.compare = performance.now() + pauseMs;
        if (missing > 0) due.road = Math.min(due.road, roadAt + MINUTE_MS);
      }
      problems.set('the ledger', ledger.problem());
      problems.endRound();
      const nextMs = Math.min(due.watched, due.road, due.compare) - performance.now();
      await sleep(Math.max(nextMs, 0), undefined, { signal });
    }
  }

  /** Logs in, and looks up the mailboxes. Resolves to the pause until the next time, in milliseconds. */
  async #findWatched(wanted: WatchSettings): Promise<number> {
    const { session, everyMs, ledger, recordings, problems } = this.options;
    const failure = await problems.attempt('the extensions', async () => {
      await session.logIn();
      const met = (this.#met ??= session.now());
      const watched = await findWatched(session, wanted);
      for (const { id, number } of watched.mailboxes) {
        ledger.meet(id, met);
        recordings?.numbers.set(id, number);
      }
      const unread = await this.road.readEvidence(watched.mailboxes).catch((error: unknown) => {
        if (isRefused(error)) return error.message;
        throw error;
      });
      if (performance.now() - this.#renewedAt >= DAY_MS) {
        this.road.renew();
        this.#renewedAt = performance.now();
      }
      this.#watched = watched;
      this.#met = undefined;
      Object.assign(this.#due, { road: 0, compare: 0 });
      return [...watched.problems, ...(unread ? [unread] : [])];
    });
    if (failure && (failure instanceof LoginRefused || !isTemporary(failure)))
      problems.set('the extensions', `${failure.message}\nThen restart keep: by itself, it tries again in an hour.`);
    if (isTemporary(failure)) return Math.max(Math.min(everyMs, MINUTE_MS), retryAfterMs(failure));
    return failure ? HOUR_MS : DAY_MS;
  }

  /** Checks the address and the subscription. Resolves to the pause until the next time, in milliseconds. */
  async #checkRoad(): Promise<number> {
    const { everyMs, problems } = this.options;
    let address = '';
    const notHere = await problems.attempt('the public address', async () => {
      address = await this.road.findAddress();
    });
    if (notHere instanceof NoTunnel) return Math.min(everyMs, NO_TUNNEL_MS);
    // Each pause is longer, because tunnels limit the requests.
    this.#notHereMs = notHere ? this.#notHereMs * 2 : NOT_HERE_MS;
    if (notHere) return Math.min(everyMs, this.#notHereMs / 2);
    const watched = this.#watched;
    if (!watched || watched.eventFilters.length === 0) return everyMs;
    const failure = await problems.attempt('the subscription', async () => {
      const refused = await this.road.checkSubscription(address, watched);
      problems.set('events that RingCentral will not send', refused.join('\n'));
    });
    return Math.max(everyMs, retryAfterMs(failure));
  }

  async #compare(): Promise<{ missing: number; pauseMs: number }> {
    const { everyMs, problems } = this.options;
    const all = this.#watched?.mailboxes ?? [];
    const mailboxes = all.splice(0, LISTS_PER_MINUTE);
    all.push(...mailboxes);
    // Several mailboxes share the lists of a minute; a single one may be listed more often.
    const isOne = all.length <= 1;
    const shareMs = isOne ? 0 : (MINUTE_MS / LISTS_PER_MINUTE) * mailboxes.length;
    const pauseMs = Math.max(Math.min(everyMs, MINUTE_MS), shareMs);
    if (all.length === 0) return { missing: 0, pauseMs };
    const turn = isOne ? () => Promise.resolve() : this.#turn;
    const { missing, failure } = await compare(mailboxes, turn, this.options);
    problems.set('the comparison', failure?.message);
    return { missing, pauseMs: Math.max(pauseMs, retryAfterMs(failure)) };
  }
}
