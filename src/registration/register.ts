import { Failure } from '../errors.js';
import type { Say } from '../program.js';
import { hasCode, RingCentralError, Unanswered } from '../ringcentral/errors.js';
import { refusedFilters, voicemailExtension, type Refused } from '../ringcentral/event-filters.js';
import type { Session } from '../ringcentral/session.js';
import {
  createSubscription,
  deleteUnlessGone,
  isLive,
  listSubscriptions,
  whyNotLive,
  type NewSubscription,
  type Subscription,
} from '../ringcentral/subscriptions.js';
import { plural } from '../show.js';
import { isSameAddress, isTunnelName } from './tunnels.js';

const YEAR_MS = 365.25 * 86_400_000;

export interface Wanted extends NewSubscription {
  /** If RingCentral refuses some of the event filters: 'all' fails, 'some' subscribes to the others. */
  need: 'all' | 'some';
  /** Whether a subscription of another address is an earlier one of this receiver. */
  isFormer?: (subscription: Subscription) => boolean;
}

/** A new subscription, and the event filters that RingCentral refused. */
type Created = { subscription: Subscription; refused: Refused[] };

/** What a registration did, and what it could not do. */
export interface Registered extends Created {
  /** How many earlier subscriptions were deleted. */
  replaced: number;
  /** Earlier subscriptions that could not be deleted, each with the reason. */
  left: Map<Subscription, string>;
  /** Earlier subscriptions, and those of other tunnels, that RingCentral had ended. */
  ended: Subscription[];
  warnings: string[];
}

/**
 * Subscribes a checked address, in place of its earlier subscriptions: they are deleted once the new one is live.
 *
 * Throws a Failure only if nothing was changed, or if one was deleted to make room and the new one was refused then.
 */
export async function register(session: Session, wanted: Wanted, say: Say): Promise<Registered> {
  const isOurs = (each: Subscription) =>
    isSameAddress(each.address, wanted.address) || wanted.isFormer?.(each) === true;
  const before = (await listSubscriptions(session)).subscriptions;
  const now = session.now();
  const earlier = before.filter(isOurs);
  const ofOtherTunnels = before.filter((each) => !isOurs(each) && isTunnelName(each.address));
  const ended = [...earlier, ...ofOtherTunnels].filter((each) => !isLive(each, now));
  const { madeRoom, ...created } = await createAndMakeRoom(session, wanted, earlier, say);
  const warnings = warningsOf(created.subscription, ofOtherTunnels.length, session.now());
  const known = new Set(earlier.map(({ id }) => id));
  const { removed, left } = await listSubscriptions(session).then(
    ({ subscriptions }) => removeEarlier(session, subscriptions, created.subscription, isOurs, known),
    (error: unknown) => ({ removed: 0, left: new Map(earlier.map((each) => [each, messageOf(error)])) }),
  );
  return { ...created, replaced: removed + madeRoom, left, ended, warnings };
}

/**
 * Deletes what `current` replaces: the `known` ones, and of ours those of other addresses and older ones. Of equally old
 * ones the last by id stays, so that two runs at the same moment leave one. Each is tried, even if another one fails.
 */
export async function removeEarlier(
  session: Session,
  all: Subscription[],
  current: Subscription,
  isOurs: (each: Subscription) => boolean,
  known: ReadonlySet<string> = new Set(),
): Promise<{ removed: number; left: Registered['left'] }> {
  const order = ({ creationTime, id }: Subscription) => `${creationTime} ${id}`;
  const own = all.find(({ id }) => id === current.id) ?? current;
  const left: Registered['left'] = new Map();
  let removed = 0;
  for (const each of all) {
    const isEarlier = order(each) < order(own) || !isSameAddress(each.address, own.address);
    if (each.id === own.id || (!known.has(each.id) && !(isOurs(each) && isEarlier))) continue;
    try {
      await deleteUnlessGone(session, each.id);
      removed++;
    } catch (error) {
      left.set(each, messageOf(error));
    }
  }
  return { removed, left };
}

async function createAndMakeRoom(
  session: Session,
  wanted: Wanted,
  earlier: Subscription[],
  say: Say,
): Promise<Created & { madeRoom: 0 | 1 }> {
  try {
    return { ...(await createLive(session, wanted, say)), madeRoom: 0 };
  } catch (error) {
    const leaving = earlier.find((each) => !isLive(each, session.now())) ?? earlier[0];
    if (!leaving || !hasCode(error, 'SUB-505')) throw error;
    say('RingCentral has no room for another subscription: deleting an earlier one of this address first.');
    await deleteUnlessGone(session, leaving.id);
  }
  try {
    return { ...(await createLive(session, wanted, say)), madeRoom: 1 };
  } catch (error) {
    if (error instanceof Unanswered) throw error;
    // Another run may have made one meanwhile.
    const isThere = (each: Subscription) => isSameAddress(each.address, wanted.address) && isLive(each, session.now());
    const count = await listSubscriptions(session).then(
      ({ subscriptions }) => subscriptions.filter(isThere).length,
      () => earlier.length - 1,
    );
    const what = count === 0 ? 'No live subscription' : plural(count, 'live subscription');
    throw new Failure(
      `${messageOf(error)}\n${what} of this address ${count > 1 ? 'are' : 'is'} left now: solve this, and run \`npm run register\` again.`,
      { cause: error },
    );
  }
}

/** Creates a subscription. If it does not bring what is needed, deletes it again and throws a Failure. */
async function createLive(session: Session, { need, ...wanted }: Wanted, say: Say): Promise<Created> {
  const refused: Refused[] = [];
  for (;;) {
    const eventFilters = wanted.eventFilters.filter((filter) => !refused.some((each) => each.filter === filter));
    let subscription: Subscription;
    try {
      subscription = await createSubscription(session, { ...wanted, eventFilters }, say);
    } catch (error) {
      const named = need === 'some' ? eventFilters.filter((filter) => namesFilter(error, filter)) : [];
      if (named.length === 0 || named.length === eventFilters.length) throw error;
      refused.push(...named.map((filter) => ({ filter, reason: messageOf(error) })));
      continue;
    }
    refused.push(...refusedFilters(subscription, eventFilters, session.ownerId));
    const isEnough = need === 'some' && refused.length < wanted.eventFilters.length;
    const problem = whyNotLive(subscription, isEnough ? [] : refused, session.now());
    if (problem === undefined) return { subscription, refused };
    const stays = await deleteUnlessGone(session, subscription.id).catch((error: unknown) => `\n${messageOf(error)}`);
    throw new Failure(`${problem}${stays ?? ''}`);
  }
}

function namesFilter(error: unknown, filter: string): boolean {
  if (!(error instanceof RingCentralError) || error.status === 429) return false;
  const id = /^\d+$/.exec(voicemailExtension(filter) ?? '')?.[0];
  return error.message.includes(filter) || (id !== undefined && new RegExp(`\\b${id}\\b`).test(error.message));
}

function warningsOf({ expirationTime }: Subscription, ofOtherTunnels: number, now: number): string[] {
  const warnings: string[] = [];
  // NaN, if RingCentral does not say, is not enough either.
  if (!(Date.parse(expirationTime ?? '') - now > 2 * YEAR_MS))
    warnings.push('RingCentral granted less than two years: run `npm run register` again before it expires.');
  if (ofOtherTunnels > 0)
    warnings.push(
      `${plural(ofOtherTunnels, 'more subscription')} ${ofOtherTunnels === 1 ? 'leads' : 'lead'} to another tunnel, perhaps long gone.\n` +
        'See all: npm run register -- --list. Delete: npm run register -- --delete ID...',
    );
  return warnings;
}

function messageOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  throw error;
}
