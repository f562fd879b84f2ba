import type { Session } from '../ringcentral/session.js';
import { listSubscriptions, whyNotLive, type Subscription } from '../ringcentral/subscriptions.js';
import type { AddressSettings } from '../settings.js';
import type { Failure } from '../text.js';
import { checkAddress, receiverStart, shakeHands } from './handshake-check.js';
import { findAddress, isSameAddress } from './ngrok.js';
import { register, removeEarlier, type Registered } from './register.js';

/** How long before the last good look voicemails are logged from: what was missed may have begun before it. */
const MARGIN_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

export interface KeeperOptions {
  addressSettings: AddressSettings;
  eventFilters: string[];
  verificationToken: string;
  /** Ends the keeper. */
  signal: AbortSignal;
  say: (message: string) => void;
  logIn: (say: KeeperOptions['say']) => Promise<Session>;
  /** Told of each registration: whether it is the first of this run, and what it did. */
  onRegistered: (registered: Registered, isFirst: boolean) => void;
  /** Logs the voicemails since a time, each once a run. */
  logMissed: (session: Session, since: Date) => Promise<void>;
}

/** What one run knows from one look to the next. */
export class Keeper {
  #session: Session | undefined;
  /** The subscription that is kept. */
  #own: Subscription | undefined;
  /** The address that was registered. */
  #address: string | undefined;
  /** Addresses that this run tried to register: of one that got no answer, too, a subscription may be there. */
  #tried = new Set<string>();
  /** When the last look began that found all well, or the run. Voicemails may have been missed since. */
  #lastWell = Date.now();
  #mayHaveMissed = false;
  #receiverStartedAt: unknown;
  /** Whether a look ended before it came to RingCentral. */
  isStoppedNearby = false;

  constructor(private readonly options: KeeperOptions) {}

  get #isFirst(): boolean {
    return this.#address === undefined;
  }

  get hasLoggedIn(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Looks at everything and mends it. Resolves to what is left to mend although voicemails come. Throws a Failure if
   * something is missing.
   */
  async look(slept: boolean): Promise<Failure[]> {
    const start = Date.now();
    const { addressSettings, verificationToken, signal, say } = this.options;
    // The clock may have been put back.
    this.#lastWell = Math.min(this.#lastWell, start);
    let mayHaveMissed = this.#mayHaveMissed || slept;
    if (slept) say('This machine slept, or this program was stopped.');
    // Only a look that comes through whole says that all was well.
    this.#mayHaveMissed = true;
    this.isStoppedNearby = true;
    const { address } = await findAddress(addressSettings, { signal });
    const isSame = this.#address === address;
    if (isSame) await shakeHands(address, verificationToken, { signal });
    else {
      const { warning } = await checkAddress(address, verificationToken, { signal });
      if (warning) say(warning);
    }
    const startedAt = await this.#newReceiver(address);
    if (startedAt > (this.#isFirst ? start - MARGIN_MS : this.#lastWell)) {
      // At the first look: perhaps both have just been started, after an outage of this machine.
      if (this.#isFirst) this.#lastWell = Math.min(this.#lastWell, startedAt);
      else say('The receiver was restarted.');
      mayHaveMissed = true;
    }
    this.isStoppedNearby = false;
    this.#session ??= await this.options.logIn(say);
    const ownId = this.#own?.id;
    const leftovers = isSame ? await this.#lookAtOwn(this.#session, address) : undefined;
    const isReplaced = leftovers === undefined && (await this.#register(this.#session, address));
    const isAdopted = isSame && this.#own?.id !== ownId;
    if (mayHaveMissed || isReplaced || isAdopted)
      await this.options.logMissed(this.#session, new Date(this.#lastWell - MARGIN_MS));
    this.#lastWell = start;
    this.#mayHaveMissed = false;
    return leftovers ?? [];
  }

  async end(): Promise<void> {
    await this.#session?.logOut();
  }

  /** When a receiver that was not seen before was started, by this machine's clock; NaN if it is the same, or cannot be asked. */
  async #newReceiver(address: string): Promise<number> {
    const { addressSettings, signal } = this.options;
    const isLocal = addressSettings.address === undefined;
    const url = isLocal ? `http://localhost:${addressSettings.port}/healthz` : new URL('healthz', address).href;
    const { startedAt, age } = await receiverStart(url, { signal });
    if (startedAt === undefined || startedAt === this.#receiverStartedAt) return NaN;
    this.#receiverStartedAt = startedAt;
    return Date.now() - age;
  }

  /** Resolves to undefined if no subscription of the address is live, otherwise to what could not be deleted. */
  async #lookAtOwn(session: Session, address: string): Promise<Failure[] | undefined> {
    const { subscriptions } = await listSubscriptions(session);
    // The newest, which may be that of another run: two that replaced each other's would never end.
    const own = subscriptions
      .filter((each) => isSameAddress(each.address, address) && !whyNotLive(each, this.options.eventFilters))
      .sort((one, other) => one.creationTime.localeCompare(other.creationTime))
      .at(-1);
    if (!own) {
      this.options.say('RingCentral has no live subscription of this address any more.');
      return undefined;
    }
    this.#own = own;
    const isOurs = (each: Subscription) => [...this.#tried].some((tried) => isSameAddress(each.address, tried));
    const { failures } = await removeEarlier(session, subscriptions, own, isOurs);
    if (failures.length === 0) this.#tried = new Set([address]);
    return failures;
  }

  /** Registers. Resolves to whether voicemails may have been missed. */
  async #register(session: Session, address: string): Promise<boolean> {
    const { eventFilters, verificationToken, say, onRegistered } = this.options;
    const isFirst = this.#isFirst;
    let isGivenUp = false;
    this.#tried.add(address);
    const registered = await register(
      session,
      { address, eventFilters, verificationToken },
      {
        say,
        onGivenUp: (since) => {
          // Later, it is known better when all was last well.
          if (!isFirst) return;
          isGivenUp = true;
          this.#lastWell = Math.min(this.#lastWell, since?.getTime() ?? Date.now() - DAY_MS);
          say(
            `RingCentral had given up an earlier subscription: logging what came since ${new Date(this.#lastWell).toISOString()}.`,
          );
        },
        formerAddresses: [...this.#tried],
      },
    );
    this.#own = registered.subscription;
    this.#address = address;
    onRegistered(registered, isFirst);
    return isGivenUp || !isFirst;
  }
}
