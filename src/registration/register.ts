import { voicemailExtension } from '../contract.js';
import { Failure, messageOf } from '../errors.js';
import type { Say } from '../program.js';
import { hasCode, PERMISSIONS, RingCentralError } from '../ringcentral/errors.js';
import type { Session } from '../ringcentral/session.js';
import { createSubscription, deleteUnlessGone, isLive, listSubscriptions } from '../ringcentral/subscriptions.js';
import { refusedFilters, type Subscription, type Target } from '../ringcentral/subscriptions.js';
import { isSameAddress, isTunnelName } from './tunnels.js';

export interface Wanted extends Target {
  eventFilters: string[];
  /** If RingCentral refuses some of the event filters: 'all' fails, 'some' subscribes to the others. */
  need: 'all' | 'some';
  /** Whether a subscription of another address is an earlier one of this receiver. */
  isFormer?: (subscription: Subscription) => boolean;
}

/**
 * Subscribes a checked address, and once that is live, deletes its earlier subscriptions: `replaced` is how many, `refused`
 * and `left` are messages. `before` are all subscriptions that there are. Throws a Failure only if nothing was changed, or if
 * the new one is refused after one made room.
 */
export async function register(session: Session, wanted: Wanted, before: Subscription[], say: Say) {
  const isOurs = (each: Subscription) => isSameAddress(each.address, wanted.address) || wanted.isFormer?.(each);
  const earlier = before.filter(isOurs);
  const created = await createLive(session, wanted).catch(async (error: unknown) => {
    const leaving = earlier.find((each) => !isLive(each, session.now())) ?? earlier[0];
    if (!leaving || !hasCode(error, 'SUB-505')) throw error;
    say('RingCentral has no room for another subscription: deleting an earlier one of this address first.');
    await deleteUnlessGone(session, leaving.id);
    return createLive(session, wanted).catch((refusal: unknown) => {
      const next = 'The earlier subscription is deleted, so none may be left: solve this, and run this again.';
      const message = `${messageOf(refusal)}\n${next}`;
      throw refusal instanceof RingCentralError ? refusal.withMessage(message) : new Failure(message);
    });
  });
  // Another run may have created one meanwhile.
  const { subscriptions } = await listSubscriptions(session).catch(() => ({ subscriptions: before }));
  const left = await removeEarlier(session, subscriptions.filter(isOurs), created.subscription);
  const strays = before.filter((each) => !isOurs(each) && isTunnelName(each.address)).length;
  const how = '`npm run register -- --list` shows them, `-- --delete ID...` deletes those that are long gone.';
  if (strays > 0) say(`Subscriptions of other tunnels: ${strays}. ${how}`, 'warning');
  return { ...created, replaced: earlier.length - left.length, left };
}

/** Deletes ours that are older than `current`. Resolves to a message for each that could not be deleted. */
export async function removeEarlier(session: Session, ours: Subscription[], current: Subscription): Promise<string[]> {
  // Of equally old ones the last by id stays, so that two runs at once leave one.
  const order = ({ creationTime, id }: Subscription) => `${creationTime} ${id}`;
  const own = ours.find(({ id }) => id === current.id) ?? current;
  const left: string[] = [];
  for (const each of ours.filter((one) => order(one) < order(own)))
    await deleteUnlessGone(session, each.id).catch((error: unknown) => left.push(messageOf(error)));
  return left;
}

/** Creates a subscription. If it does not bring what is needed, deletes it again and throws a Failure. */
async function createLive(session: Session, wanted: Wanted) {
  const { eventFilters, need } = wanted;
  const named = new Map<string, string>();
  const subscription = await createWithout(named, session, wanted);
  const refused = new Map([...refusedFilters(subscription, eventFilters, session.ownerId), ...named]);
  const granted = eventFilters.filter((filter) => !refused.has(filter));
  const messages = [...refused].map(([filter, reason]) => `RingCentral will send nothing for ${filter}: ${reason}`);
  const isEnough = refused.size === 0 || (need === 'some' && granted.length > 0);
  if (isEnough && isLive(subscription, session.now())) return { subscription, granted, refused: messages };
  const why = isEnough ? [`The new subscription is not live (${subscription.status}).`] : [...messages, PERMISSIONS];
  await deleteUnlessGone(session, subscription.id).catch((error: unknown) => why.push(messageOf(error)));
  throw new Failure(`${why.join('\n')} Run this again.`);
}

/** Creates a subscription. If only some are needed, without event filters that a refusal names: `named` gets filter → refusal. */
async function createWithout(named: Map<string, string>, session: Session, wanted: Wanted): Promise<Subscription> {
  const eventFilters = wanted.eventFilters.filter((filter) => !named.has(filter));
  return createSubscription(session, eventFilters, wanted).catch((error: unknown) => {
    const message = messageOf(error);
    const words = message.split(/\W+/);
    const isNamed = (each: string) => message.includes(each) || words.includes(voicemailExtension(each) ?? each);
    const more = eventFilters.filter(isNamed);
    if (wanted.need === 'all' || more.length === 0 || more.length === eventFilters.length) throw error;
    for (const filter of more) named.set(filter, message);
    return createWithout(named, session, wanted);
  });
}
