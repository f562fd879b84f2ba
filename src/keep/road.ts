import { randomUUID } from 'node:crypto';
import { Failure } from '../errors.js';
import { DAY_MS, HOUR_MS } from '../pace.js';
import { shakeHands } from '../registration/handshake-check.js';
import { register, removeEarlier } from '../registration/register.js';
import { findAddress, isSameAddress, mayBeEarlier } from '../registration/tunnels.js';
import { mailboxesOf, withLabels, type Mailbox, type Watched } from '../ringcentral/extensions.js';
import type { Subscription } from '../ringcentral/subscriptions.js';
import { isLive, listSubscriptions, missedSince, refusedFilters, shownExpiry } from '../ringcentral/subscriptions.js';
import type { AddressSettings } from '../settings.js';
import { shownTime } from '../show.js';
import type { Parts } from './compare.js';

const MONTH_MS = 30 * DAY_MS;

interface RoadOptions extends Pick<Parts, 'session' | 'ledger' | 'say' | 'signal'> {
  addressSettings: AddressSettings;
  verificationToken: string;
  /** The Validation-Tokens of handshakes that this process sends to itself: its receiver deletes each that arrives. */
  ownChecks: Set<string>;
}

export type Road = ReturnType<typeof openRoad>;

/** The way from RingCentral to here: the address leads to this process, and one subscription of it is live. */
export function openRoad({ session, addressSettings, verificationToken, ledger, ownChecks, say, signal }: RoadOptions) {
  /** What the last registration was for, what it got, and a message for each event filter that it did not. */
  let last: { address: string; asked: string; granted: string[]; refused: string[]; at: number } | undefined;

  /** Remembers which subscription keep has, or throws a Failure that says which others could not be deleted. */
  const remember = (ids: string[], left: string[]) => {
    if (left.length > 0) throw new Failure(left.join('\n'));
    ledger.subscribed(ids);
  };

  /** Keeps the newest live subscription of the address, of whatever run, and deletes earlier ones. False if none will do. */
  const keepNewest = async (address: string, subscriptions: Subscription[], granted: string[]): Promise<boolean> => {
    const now = session.now();
    const isWhole = (each: Subscription) => refusedFilters(each, granted, session.ownerId).size === 0;
    const isHere = (each: Subscription) => isSameAddress(each.address, address);
    const [own] = subscriptions
      .filter((each) => isHere(each) && isLive(each, now) && isWhole(each))
      .sort((one, other) => other.creationTime.localeCompare(one.creationTime));
    if (!own || isEnding(own, now)) return false;
    const ours = subscriptions.filter((each) => isHere(each) || ledger.isCreated(each));
    const ids = ledger.isCreated(own) ? [own.id] : [];
    remember(ids, await removeEarlier(session, ours, own));
    return true;
  };

  const registerAnew = async (address: string, before: Subscription[], { eventFilters, mailboxes }: Watched) => {
    const isFirst = last === undefined;
    ledger.subscribing(address, session.now());
    const wanted = { address, eventFilters, verificationToken, need: 'some', isFormer: ledger.isCreated } as const;
    // Warnings are for a person at the start.
    const registered = await register(session, wanted, before, isFirst ? say : () => {});
    const { subscription, granted, left } = registered;
    const refused = registered.refused.map((each) => withLabels(each, mailboxes));
    last = { address, asked: eventFilters.join(), granted, refused, at: performance.now() };
    say(`Subscribed${isFirst ? '' : ' again'}: ${address}, until ${shownExpiry(subscription, session.now())}`);
    if (isFirst) say('Call the number and leave a voicemail. Stop with Ctrl-C.');
    remember([subscription.id], left);
  };

  return {
    /** Resolves to the public address once it is proven to lead to this very process. Throws a Failure. */
    async proveAddress(): Promise<string> {
      const { address } = await findAddress(addressSettings, signal);
      const nonce = randomUUID();
      ownChecks.add(nonce);
      const isHere = await shakeHands(address, { nonce, signal })
        .then(() => !ownChecks.has(nonce))
        .finally(() => ownChecks.delete(nonce));
      if (isHere) return address;
      const cure = 'Stop it, or give this one its own address.';
      throw new Failure(`Another receiver answers at ${address}: notifications go there. ${cure}`);
    },

    /**
     * Registers at the start, as nobody can read back a verification token; if what the last registration got is not live; and
     * once a day if RingCentral refused event filters. Resolves to a message for each of these. Throws a Failure.
     */
    async checkSubscription(address: string, watched: Watched): Promise<string[]> {
      const isSame = last?.address === address && last.asked === watched.eventFilters.join();
      const isRetryDue = last && last.refused.length > 0 && performance.now() - last.at > DAY_MS;
      const { subscriptions } = await listSubscriptions(session);
      if (!last || !isSame || isRetryDue || !(await keepNewest(address, subscriptions, last.granted)))
        await registerAnew(address, subscriptions, watched);
      return last?.refused ?? [];
    },

    /** Since when new mailboxes miss voicemails, by subscriptions that a registration would delete. Throws a Failure. */
    async readEvidence(mailboxes: Mailbox[]): Promise<void> {
      const fresh = mailboxes.filter(({ id }) => ledger.isNew(id));
      if (fresh.length === 0) return;
      const { subscriptions } = await listSubscriptions(session);
      const now = session.now();
      const own = addressSettings.address;
      // Not those that keep created: the ledger already knows their mailboxes.
      const earlier = subscriptions.filter((each) => mayBeEarlier(each.address, own) && !ledger.isCreated(each));
      const said = new Set<string>();
      for (const { id } of fresh) {
        const covering = earlier.filter((each) => mailboxesOf(each.eventFilters, session).some((one) => one.id === id));
        if (covering.length === 0) continue;
        const ended = covering.filter((each) => !isLive(each, now));
        const since = Math.min(missedSince(ended, now), ended.length < covering.length ? now - DAY_MS : now);
        ledger.compared(id, since + HOUR_MS);
        const what = ended.length > 0 ? 'RingCentral ended' : 'There is';
        const from = shownTime(new Date(since));
        said.add(`${what} an earlier subscription: comparing from ${from} on, perhaps with repeats.`);
      }
      for (const line of said) say(line);
    },
  };
}

/** Whether a subscription ends within a month, or is past half of a shorter life. */
function isEnding({ creationTime, expirationTime }: Subscription, now: number): boolean {
  const [from, to] = [Date.parse(creationTime), Date.parse(expirationTime)];
  return to - now < Math.min(MONTH_MS, (to - from) / 2 || MONTH_MS);
}
