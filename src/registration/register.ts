import { isRefusal, Unanswered } from '../ringcentral/errors.js';
import type { Session } from '../ringcentral/session.js';
import { createSubscription, deleteUnlessGone, listSubscriptions } from '../ringcentral/subscriptions.js';
import { isGivenUp, whyNotLive, type NewSubscription, type Subscription } from '../ringcentral/subscriptions.js';
import { Failure, plural } from '../text.js';
import { isNgrok, isSameAddress } from './ngrok.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365.25 * 24 * HOUR_MS;

/** What a registration did. */
export interface Registered {
  subscription: Subscription;
  /** How many earlier subscriptions are gone. */
  replaced: number;
  /** Why some are not: a message for each. */
  notReplaced: string[];
  /** What to mind, although it worked. */
  warnings: string[];
}

interface RegisterOptions {
  say: (line: string) => void;
  /**
   * Told, before anything is changed, that RingCentral had given up an earlier subscription, and from when on voicemails
   * may be missing: an hour before the earliest known moment; undefined if no moment is known.
   */
  onGivenUp: (since: Date | undefined) => void;
  /** Addresses that the receiver had before: subscriptions there are earlier ones, too. */
  formerAddresses?: readonly string[];
}

/**
 * Subscribes the receiver at an address that was checked, in place of its earlier subscriptions. An earlier one is
 * deleted only once the new one is live.
 *
 * Throws a Failure only if nothing was changed, or if an earlier one had to make room and the new one was refused then.
 */
export async function register(
  session: Session,
  wanted: NewSubscription,
  options: RegisterOptions,
): Promise<Registered> {
  const { say, onGivenUp, formerAddresses = [] } = options;
  const isOurs = (each: Subscription) =>
    [wanted.address, ...formerAddresses].some((address) => isSameAddress(each.address, address));
  const before = (await listSubscriptions(session)).subscriptions.filter(isWebHook);
  const earlier = before.filter(isOurs);
  const strays = before.filter((each) => !isOurs(each) && isNgrok(each.address));
  const givenUp = [...earlier, ...strays].filter(isGivenUp);
  if (givenUp.length > 0) onGivenUp(missedSince(givenUp));
  const { subscription, madeRoom } = await createWithRoom(session, wanted, earlier, say);
  const registered = { subscription, warnings: warningsOf(subscription, strays.length) };
  try {
    const { subscriptions } = await listSubscriptions(session);
    const known = new Set(earlier.map(({ id }) => id));
    const { removed, failures } = await removeEarlier(session, subscriptions, subscription, isOurs, known);
    return { ...registered, replaced: removed + madeRoom, notReplaced: failures.map(messageOf) };
  } catch (error) {
    return { ...registered, replaced: madeRoom, notReplaced: [messageOf(error)] };
  }
}

/**
 * Deletes the earlier ones of a subscription: those `known` to be, ours of other addresses, and any that is older, or the
 * same age and first by id, so that two runs at the same moment leave one. Each is tried, whatever happens to the others.
 */
export async function removeEarlier(
  session: Session,
  all: Subscription[],
  current: Subscription,
  isOurs: (each: Subscription) => boolean,
  known: ReadonlySet<string> = new Set(),
): Promise<{ removed: number; failures: Failure[] }> {
  const order = ({ creationTime, id }: Subscription) => `${creationTime} ${id}`;
  const own = all.find(({ id }) => id === current.id) ?? current;
  const failures: Failure[] = [];
  let removed = 0;
  for (const each of all.filter(isWebHook)) {
    const isEarlier = order(each) < order(own) || !isSameAddress(each.address, own.address);
    if (!known.has(each.id) && !(isOurs(each) && isEarlier)) continue;
    try {
      await deleteUnlessGone(session, each.id);
      removed++;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failures.push(error);
    }
  }
  return { removed, failures };
}

function isWebHook({ transportType }: Subscription): boolean {
  return transportType === 'WebHook';
}

/** Creates the new subscription, in the place of an earlier one if there is no room for both. */
async function createWithRoom(
  session: Session,
  wanted: NewSubscription,
  earlier: Subscription[],
  say: RegisterOptions['say'],
): Promise<{ subscription: Subscription; madeRoom: 0 | 1 }> {
  try {
    return { subscription: await createLive(session, wanted, say), madeRoom: 0 };
  } catch (error) {
    const leaving = earlier.find(isGivenUp) ?? earlier[0];
    if (!leaving || !isRefusal(error, 'SUB-505')) throw error;
    say('RingCentral has no room for another subscription: deleting an earlier one of this address first.');
    await deleteUnlessGone(session, leaving.id);
  }
  try {
    return { subscription: await createLive(session, wanted, say), madeRoom: 1 };
  } catch (error) {
    if (error instanceof Unanswered) throw error;
    // Another run may have made one meanwhile.
    const isLive = (each: Subscription) => isSameAddress(each.address, wanted.address) && !isGivenUp(each);
    const left = await listSubscriptions(session).then(
      ({ subscriptions }) => subscriptions.filter(isLive).length,
      () => earlier.length - 1,
    );
    const what = left === 0 ? 'No live subscription' : plural(left, 'live subscription');
    throw new Failure(
      `${messageOf(error)}\n${what} of this address ${left > 1 ? 'are' : 'is'} left now: mend that, and run \`npm run register\` again.`,
      { cause: error },
    );
  }
}

/** Creates a subscription. Throws a Failure if it will not bring all that was asked for, and deletes it again. */
async function createLive(
  session: Session,
  wanted: NewSubscription,
  say: RegisterOptions['say'],
): Promise<Subscription> {
  const subscription = await createSubscription(session, wanted, say);
  const problem = whyNotLive(subscription, wanted.eventFilters);
  if (problem === undefined) return subscription;
  const stays = await deleteUnlessGone(session, subscription.id).catch((error: unknown) => `\n${messageOf(error)}`);
  throw new Failure(`${problem}${stays ?? ''}`);
}

function warningsOf({ expirationTime }: Subscription, strays: number): string[] {
  const warnings: string[] = [];
  // NaN, if it does not say, is not enough either.
  if (!(Date.parse(expirationTime ?? '') - Date.now() > 19 * YEAR_MS))
    warnings.push('RingCentral granted less than the 20 years asked for: run `npm run register` before it expires.');
  if (strays > 0)
    warnings.push(
      `${plural(strays, 'more subscription')} ${strays === 1 ? 'leads' : 'lead'} to another ngrok address, perhaps long gone.\n` +
        'See all: npm run register -- --list. Delete: npm run register -- --delete ID...',
    );
  return warnings;
}

/** From when on voicemails may be missing: an hour before the earliest known moment; undefined if none is known. */
export function missedSince(givenUp: Subscription[]): Date | undefined {
  const moments = givenUp.map((each) => pastMoment(each.blacklistedAt) ?? pastMoment(each.expirationTime));
  if (moments.every((moment) => moment === undefined)) return undefined;
  const since = moments.map((moment) => (moment === undefined ? Date.now() - 24 * HOUR_MS : moment - HOUR_MS));
  return new Date(Math.min(...since));
}

/** A moment in the past, in milliseconds; undefined for anything but an ISO 8601 time. */
function pastMoment(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^20\d\d-\d\d-\d\dT/.test(value)) return undefined;
  const moment = Date.parse(value);
  return moment < Date.now() ? moment : undefined;
}

function messageOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  throw error;
}
