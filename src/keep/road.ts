import { randomUUID } from 'node:crypto';
import { Failure } from '../errors.js';
import { DAY_MS, HOUR_MS } from '../pace.js';
import type { Say } from '../program.js';
import { shakeHands } from '../registration/handshake-check.js';
import { register, removeEarlier, type Registered } from '../registration/register.js';
import { findAddress, isSameAddress, isTunnelName } from '../registration/tunnels.js';
import { refusedFilters } from '../ringcentral/event-filters.js';
import { mailboxesOf, withLabels, type Mailbox, type Watched } from '../ringcentral/extensions.js';
import type { Session } from '../ringcentral/session.js';
import type { Subscription } from '../ringcentral/subscriptions.js';
import { isLive, listSubscriptions, missedSince, shownExpiry } from '../ringcentral/subscriptions.js';
import type { AddressSettings } from '../settings.js';
import { shownTime } from '../show.js';
import type { Ledger } from './ledger.js';

const MONTH_MS = 30 * DAY_MS;

export interface RoadOptions {
  session: Session;
  addressSettings: AddressSettings;
  verificationToken: string;
  ledger: Ledger;
  /** The Validation-Tokens of handshakes that this process sends to itself: its receiver deletes each that arrives. */
  ownChecks: Set<string>;
  say: Say;
  signal: AbortSignal;
}

/** The way from RingCentral to here: the address leads to this process, and one subscription of it is live. */
export class Road {
  /** What the last registration was for, and what it got. */
  #registered: { address: string; asked: string[]; granted: string[] } | undefined;
  /** What RingCentral will not send: a message for each. */
  #refused: string[] = [];

  constructor(private readonly options: RoadOptions) {}

  /** Asks again at the next check for what RingCentral would not send. */
  renew(): void {
    if (this.#registered && this.#refused.length > 0) this.#registered.asked = [];
  }

  /**
   * For mailboxes that are new to the ledger: remembers since when voicemails may be missing, by the subscriptions of
   * earlier runs, before a registration deletes them. Throws a Failure.
   */
  async readEvidence(mailboxes: Mailbox[]): Promise<void> {
    const { session, addressSettings, ledger, say } = this.options;
    const fresh = mailboxes.filter(({ id }) => ledger.isNew(id));
    if (fresh.length === 0) return;
    const { subscriptions } = await listSubscriptions(session);
    const now = session.now();
    const set = addressSettings.address;
    const isOurs = (at: string) => isTunnelName(at) || (set !== undefined && isSameAddress(at, set));
    // Not those that keep created: the ledger already knows their mailboxes.
    const ours = subscriptions.filter((each) => isOurs(each.address) && !ledger.isCreated(each));
    const said = new Set<string>();
    for (const { id } of fresh) {
      const covering = ours.filter((each) => mailboxesOf(each.eventFilters, session).some((own) => own.id === id));
      if (covering.length === 0) continue;
      const ended = covering.filter((each) => !isLive(each, now));
      const since = Math.min(missedSince(ended, now), ended.length < covering.length ? now - DAY_MS : now);
      ledger.compared(id, since + HOUR_MS);
      said.add(
        ended.length > 0
          ? `RingCentral had ended an earlier subscription: comparing from ${shownTime(new Date(since))} on.`
          : 'A live subscription of an earlier run is there: comparing the last 24 hours. Some voicemails may be repeats.',
      );
    }
    said.forEach((line) => say(line));
  }

  /** Resolves to the public address once it is proven to lead to this very process. Throws a Failure. */
  async findAddress(): Promise<string> {
    const { addressSettings, ownChecks, signal } = this.options;
    const { address } = await findAddress(addressSettings, signal);
    const nonce = randomUUID();
    ownChecks.add(nonce);
    try {
      await shakeHands(address, { nonce, signal });
      if (ownChecks.has(nonce))
        throw new Failure(
          `Another receiver answers at ${address}: notifications go there. Stop it, or give this one its own address.`,
        );
    } finally {
      ownChecks.delete(nonce);
    }
    return address;
  }

  /**
   * Registers if no live subscription of the address brings what the last registration got; and always at first, because
   * nobody can read back the verification token of a subscription. Resolves to a message for each event filter that
   * RingCentral will send nothing for. Throws a Failure.
   */
  async checkSubscription(address: string, watched: Watched): Promise<string[]> {
    const { eventFilters } = watched;
    const known = this.#registered;
    const isSame = known?.address === address && eventFilters.join() === known.asked.join();
    if (!isSame || !(await this.#isSubscribed(address, known.granted))) await this.#register(address, watched);
    return this.#refused;
  }

  /** Whether a subscription of the address is live, perhaps another run's. Deletes earlier ones. Throws a Failure. */
  async #isSubscribed(address: string, granted: string[]): Promise<boolean> {
    const { session, ledger } = this.options;
    const { subscriptions } = await listSubscriptions(session);
    const now = session.now();
    const isAtAddress = (each: Subscription) => isSameAddress(each.address, address);
    const own = subscriptions
      .filter(
        (each) => isAtAddress(each) && isLive(each, now) && refusedFilters(each, granted, session.ownerId).length === 0,
      )
      .sort((one, other) => one.creationTime.localeCompare(other.creationTime))
      .at(-1);
    if (!own || isEnding(own, now)) return false;
    const isOurs = (each: Subscription) => isAtAddress(each) || ledger.isCreated(each);
    const { left } = await removeEarlier(session, subscriptions, own, isOurs);
    this.#remember(
      subscriptions.filter((each) => each === own || left.has(each)),
      left,
    );
    return true;
  }

  async #register(address: string, { eventFilters, mailboxes }: Watched): Promise<void> {
    const { session, verificationToken, ledger, say } = this.options;
    const isFirst = !this.#registered;
    const isFormer = (each: Subscription) => ledger.isCreated(each);
    ledger.subscribing(address, session.now());
    const wanted = { address, eventFilters, verificationToken, need: 'some', isFormer } as const;
    const { subscription, refused, left, warnings } = await register(session, wanted, say);
    const granted = eventFilters.filter((filter) => !refused.some((each) => each.filter === filter));
    this.#registered = { address, asked: eventFilters, granted };
    this.#refused = refused.map(({ filter, reason }) =>
      withLabels(`RingCentral will send nothing for ${filter}: ${reason}`, mailboxes),
    );
    say(`Subscribed${isFirst ? '' : ' again'}: ${address}, until ${shownExpiry(subscription, session.now())}`);
    if (isFirst) {
      for (const warning of warnings) say(warning, 'warning');
      say('Call the number and leave a voicemail. Stop with Ctrl-C.');
    }
    this.#remember([subscription, ...left.keys()], left, subscription.id);
  }

  /** Remembers which subscriptions keep created. Throws a Failure if earlier ones could not be deleted. */
  #remember(existing: Subscription[], left: Registered['left'], newId?: string): void {
    const { ledger } = this.options;
    ledger.subscribed(existing.filter((each) => each.id === newId || ledger.isCreated(each)).map(({ id }) => id));
    if (left.size > 0) throw new Failure([...left.values()].join('\n'));
  }
}

/** Whether a subscription ends within a month, or is past half of a shorter life. */
function isEnding({ creationTime, expirationTime }: Subscription, now: number): boolean {
  const [from, to] = [Date.parse(creationTime), Date.parse(expirationTime ?? '')];
  return to - now < Math.min(MONTH_MS, (to - from) / 2 || MONTH_MS);
}
