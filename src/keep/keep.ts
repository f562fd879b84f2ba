import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import type { LogEvent } from '../log/event-log.js';
import { perMinute } from '../pace.js';
import type { Terminal } from '../program.js';
import { NoTunnel } from '../registration/tunnels.js';
import { isRefused, retryAfterMs, RingCentralError, Unanswered } from '../ringcentral/errors.js';
import { findWatched, type Watched } from '../ringcentral/extensions.js';
import { Session } from '../ringcentral/session.js';
import type { AddressSettings, LogFormat, RingCentralSettings, Watched as WatchedSettings } from '../settings.js';
import { compare } from './compare.js';
import { readEvidence } from './evidence.js';
import type { Ledger } from './ledger.js';
import { problemLog, type Problems } from './problems.js';
import type { Recordings } from './recordings.js';
import { Road } from './road.js';
import type { Transcripts } from './transcripts.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How soon the address is checked again: without a tunnel, and at first if it does not lead here. */
const NO_TUNNEL_MS = 5 * SECOND_MS;
const NOT_HERE_MS = 30 * SECOND_MS;
/** How many mailboxes are listed in a minute, at the most, and so in one comparison. */
const LISTS_PER_MINUTE = 20;
/** How long a notification that is under way gets. */
const GRACE_MS = 10 * SECOND_MS;

export interface KeepOptions extends Terminal {
  everyMs: number;
  settings: RingCentralSettings;
  addressSettings: AddressSettings;
  wanted: WatchedSettings;
  format: LogFormat;
  ledger: Ledger;
  log: LogEvent;
  /** Whether a voicemail is logged, or being written. */
  has: (key: string) => boolean;
  /** See RoadOptions. */
  ownChecks: Set<string>;
  transcripts: Transcripts;
  recordings: Recordings | undefined;
}

/**
 * Keeps notifications coming, and compares: logs in, checks the road, lists the mailboxes, and goes on with that until
 * `signal` is aborted, whatever fails. What fails is said once, and tried again.
 */
export async function keep(options: KeepOptions): Promise<void> {
  const { settings, signal } = options;
  const session = new Session(settings, { say: () => {}, signal });
  try {
    const problems = problemLog(options.say, signal);
    await Promise.all([
      new Keeper(session, options, problems).run(),
      options.transcripts.run(session, options.everyMs, problems),
      options.recordings?.run(session, problems, { ...options, progress: () => {} }),
    ]);
  } catch (error) {
    // What waits is ended by an error.
    if (!signal.aborted) throw error;
  } finally {
    await session.logOut();
  }
}

/** The loop with two paces: the road each `everyMs`, the comparison each minute. A difference brings the road forward. */
class Keeper {
  readonly #road: Road;
  readonly #turn: () => Promise<void>;
  #watched: Watched | undefined;
  #isEvidenceRead = false;
  /** The mailbox that is listed next. */
  #next = 0;
  #retryMs = NOT_HERE_MS;
  /** When each step is due, by performance.now(). */
  readonly #due = { watched: 0, road: 0, compare: 0 };

  constructor(
    private readonly session: Session,
    private readonly options: KeepOptions,
    private readonly problems: Problems,
  ) {
    this.#road = new Road({ ...options, verificationToken: options.settings.verificationToken });
    this.#turn = perMinute(LISTS_PER_MINUTE, options.signal);
  }

  async run(): Promise<void> {
    const { ledger, signal } = this.options;
    const due = this.#due;
    let roadAt = 0;
    for (;;) {
      if (due.watched <= performance.now()) due.watched = performance.now() + (await this.#findWatched());
      if (due.road <= performance.now()) {
        roadAt = performance.now();
        due.road = roadAt + (await this.#checkRoad());
      }
      if (due.compare <= performance.now()) {
        const { missing, pauseMs } = await this.#compare();
        due.compare = performance.now() + pauseMs;
        if (missing > 0) due.road = Math.min(due.road, roadAt + MINUTE_MS);
      }
      this.problems.set('the ledger', ledger.problem());
      this.problems.note();
      const nextMs = Math.min(due.watched, due.road, due.compare) - performance.now();
      await sleep(Math.max(nextMs, 0), undefined, { signal });
    }
  }

  /** Logs in, and looks up whose voicemails are wanted. Resolves to when to do that again. */
  async #findWatched(): Promise<number> {
    const { everyMs, wanted, addressSettings, ledger, recordings, say } = this.options;
    const { session } = this;
    const failure = await this.problems.attempt('the extensions', async () => {
      await session.logIn();
      const met = session.now();
      const watched = await findWatched(session, wanted);
      for (const { id, number } of watched.mailboxes) {
        ledger.meet(id, met);
        if (number) recordings?.numbers.set(id, number);
      }
      if (this.#road.refused.length > 0) this.#road.renew();
      this.#watched = watched;
      Object.assign(this.#due, { road: 0, compare: 0 });
      if (watched.problems.length > 0) throw new Failure(watched.problems.join('\n'));
    });
    const soonMs = Math.max(Math.min(everyMs, MINUTE_MS), retryAfterMs(failure));
    if (this.#watched && !this.#isEvidenceRead) {
      const { mailboxes } = this.#watched;
      const unread = await this.problems.attempt('the earlier subscriptions', () =>
        readEvidence(session, mailboxes, addressSettings.address, ledger, say),
      );
      this.#isEvidenceRead = !unread || isRefused(unread);
      if (!this.#isEvidenceRead) return soonMs;
    }
    if (failure instanceof Unanswered || (failure instanceof RingCentralError && !isRefused(failure))) return soonMs;
    return failure ? HOUR_MS : DAY_MS;
  }

  /** Checks the address, and the subscription. Resolves to when to do that again, in milliseconds. */
  async #checkRoad(): Promise<number> {
    const { everyMs, say } = this.options;
    let address = '';
    const notHere = await this.problems.attempt('the public address', async () => {
      address = await this.#road.findAddress();
    });
    if (notHere instanceof NoTunnel) return Math.min(everyMs, NO_TUNNEL_MS);
    // Each time later, as a tunnel's requests are counted.
    this.#retryMs = notHere ? this.#retryMs * 2 : NOT_HERE_MS;
    if (notHere) return Math.min(everyMs, this.#retryMs / 2);
    const watched = this.#watched;
    if (!watched || !this.#isEvidenceRead || watched.eventFilters.length === 0) return everyMs;
    const isFirst = !this.#road.isRegistered;
    const failure = await this.problems.attempt('the subscription', () =>
      this.#road.checkSubscription(this.session, address, watched),
    );
    if (isFirst && this.#road.isRegistered) say('Call the number and leave a voicemail. Stop with Ctrl-C.');
    this.problems.set('events that RingCentral will not send', this.#road.refused.join('\n'));
    return Math.max(everyMs, retryAfterMs(failure));
  }

  /** Compares the next mailboxes. Resolves to how many voicemails were missing, and when to go on. */
  async #compare(): Promise<{ missing: number; pauseMs: number }> {
    const { everyMs } = this.options;
    const all = this.#watched?.mailboxes ?? [];
    // Several share the lists that a minute has; a single one is listed as often as asked for.
    const shareMs = all.length > 1 ? (MINUTE_MS / LISTS_PER_MINUTE) * Math.min(all.length, LISTS_PER_MINUTE) : 0;
    const pauseMs = Math.max(Math.min(everyMs, MINUTE_MS), shareMs);
    if (!this.#isEvidenceRead || all.length === 0) return { missing: 0, pauseMs };
    const mailboxes = [...all.slice(this.#next), ...all.slice(0, this.#next)].slice(0, LISTS_PER_MINUTE);
    this.#next = (this.#next + mailboxes.length) % all.length;
    const turn = all.length > 1 ? this.#turn : () => Promise.resolve();
    const options = { ...this.options, graceMs: Math.min(everyMs, GRACE_MS), turn };
    const { missing, compared, refused, failure } = await compare(this.session, mailboxes, options);
    for (const { label } of compared) this.problems.set(`the mailbox of ${label}`, undefined);
    for (const [{ label }, error] of refused)
      this.problems.set(`the mailbox of ${label}`, `${label}: ${error.message}`);
    this.problems.set('the comparison', failure?.message);
    return { missing, pauseMs: Math.max(pauseMs, retryAfterMs(failure)) };
  }
}
