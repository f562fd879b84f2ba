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
  /** What if RingCentral will not deliver some of the events: 'all' fails, 'some' subscribes to the rest. */
  need: 'all' | 'some';
  /** Whether a subscription of another address is an earlier one of this receiver, too. */
  isFormer?: (subscription: Subscription) => boolean;
}

/** A new subscription, and its event filters that bring nothing. */
type Created = { subscription: Subscription; refused: Refused[] };

/** What a registration did, and what it could not. */
export interface Registered extends Created {
  /** How many earlier subscriptions are gone. */
  replaced: number;
  /** The earlier ones that are not, each with the reason. */
  left: Map<Subscription, string>;
  /** The earlier ones, and those of other tunnels, that RingCentral had ended. */
  ended: Subscription[];
  /** What to mind, although it worked. */
  warnings: string[];
}

/**
 * Subscribes the receiver at an address that was checked, in the place of its earlier subscriptions. An earlier one is
 * deleted only once the new one is live.
 *
 * Throws a Failure only if nothing was changed, or if an earlier one had to make room and the new one was refused then.
 */
export async function register(session: Session, wanted: Wanted, say: Say): Promise<Registered> {
  const isOurs = (each: Subscription) =>
    isSameAddress(each.address, wanted.address) || wanted.isFormer?.(each) === true;
  const before = (await listSubscriptions(session)).subscriptions;
  const now = session.now();
  const earlier = before.filter(isOurs);
  const strays = before.filter((each) => !isOurs(each) && isTunnelName(each.address));
  const ended = [...earlier, ...strays].filter((each) => !isLive(each, now));
  const { madeRoom, ...created } = await createWithRoom(session, wanted, earlier, say);
  const warnings = warningsOf(created.subscription, strays.length, session.now());
  const known = new Set(earlier.map(({ id }) => id));
  const { removed, left } = await listSubscriptions(session).then(
    ({ subscriptions }) => removeEarlier(session, subscriptions, created.subscription, isOurs, known),
    (error: unknown) => ({ removed: 0, left: new Map(earlier.map((each) => [each, messageOf(error)])) }),
  );
  return { ...created, replaced: removed + madeRoom, left, ended, warnings };
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

/** Creates the new subscription, in the place of an earlier one if there is no room for both. */
async function createWithRoom(
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
      `${messageOf(error)}\n${what} of this address ${count > 1 ? 'are' : 'is'} left now: mend that, and run \`npm run register\` again.`,
      { cause: error },
    );
  }
}

/** Creates a subscription. Throws a Failure if it will not bring what it has to, and deletes it again. */
async function createLive(session: Session, { need, ...wanted }: Wanted, say: Say): Promise<Created> {
  const refused: Refused[] = [];
  for (;;) {
    const eventFilters = wanted.eventFilters.filter((filter) => !refused.some((each) => each.filter === filter));
    let subscription: Subscription;
    try {
      subscription = await createSubscription(session, { ...wanted, eventFilters }, say);
    } catch (error) {
      const named = need === 'some' ? eventFilters.filter((filter) => isNamed(filter, error)) : [];
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

/** Whether a refusal names an event filter, or the extension in it. */
function isNamed(filter: string, error: unknown): boolean {
  if (!(error instanceof RingCentralError) || error.status === 429) return false;
  const id = /^\d+$/.exec(voicemailExtension(filter) ?? '')?.[0];
  return error.message.includes(filter) || (id !== undefined && new RegExp(`\\b${id}\\b`).test(error.message));
}

function warningsOf({ expirationTime }: Subscription, strays: number, now: number): string[] {
  const warnings: string[] = [];
  // NaN, if it does not say, is not enough either.
  if (!(Date.parse(expirationTime ?? '') - now > 2 * YEAR_MS))
    warnings.push('RingCentral granted less than two years: run `npm run register` again before it expires.');
  if (strays > 0)
    warnings.push(
      `${plural(strays, 'more subscription')} ${strays === 1 ? 'leads' : 'lead'} to another tunnel, perhaps long gone.\n` +
        'See all: npm run register -- --list. Delete: npm run register -- --delete ID...',
    );
  return warnings;
}

function messageOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  throw error;
}
