import type CreateWebhookSubscriptionRequest from '@rc-ex/core/definitions/CreateWebhookSubscriptionRequest';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import { Failure, fieldsOf, itemsOf, shownText, textOf } from '../text.js';
import { isRefusal, PERMISSIONS, RingCentralError, Unanswered } from './errors.js';
import type { Session } from './session.js';

/**
 * The longest life of a WebHook subscription, in seconds: 20 years by RingCentral's developer relations
 * (community.ringcentral.com), 10 by the API reference. The platform refuses what is over its maximum, or grants less.
 */
const LONGEST_SECONDS = 630_720_000;
const SHORTER_SECONDS = 315_360_000;

const PATH = '/restapi/v1.0/subscription';

/** What there is to know of a subscription. Any field of RingCentral's description can be missing. */
export interface Subscription {
  id: string;
  /** "Active", "Blacklisted", … */
  status: string;
  /** When RingCentral gave it up, and why, as it came. */
  blacklistedAt: unknown;
  blacklistReason: string | undefined;
  eventFilters: string[];
  /** Event filters that bring nothing, each with the reason. */
  disabledFilters: { filter: string; reason: string }[];
  creationTime: string;
  expirationTime: string | undefined;
  /** "WebHook", "WebSocket", … */
  transportType: string;
  address: string;
  /** RingCentral's description as it came. */
  raw: unknown;
}

export interface NewSubscription {
  eventFilters: string[];
  address: string;
  verificationToken: string;
}

/** All subscriptions of this user and app, of every transport, and the list as it came. Throws a Failure. */
export async function listSubscriptions(session: Session): Promise<{ subscriptions: Subscription[]; raw: unknown }> {
  const raw = await session.json('list the subscriptions', { method: 'GET', url: PATH });
  return { subscriptions: itemsOf(fieldsOf(raw)['records']).map(readSubscription), raw };
}

/**
 * Creates a WebHook subscription for as long as RingCentral allows. It may not be live yet: see whyNotLive().
 *
 * Throws a Failure; Unanswered if the subscription may exist all the same.
 */
export async function createSubscription(
  session: Session,
  { eventFilters, address, verificationToken }: NewSubscription,
  say: (line: string) => void,
): Promise<Subscription> {
  const create = async (expiresIn: number) => {
    const deliveryMode = { transportType: 'WebHook', address, verificationToken } as const;
    const body: CreateWebhookSubscriptionRequest = { eventFilters, expiresIn, deliveryMode };
    const answer = await session.json('create the subscription', { method: 'POST', url: PATH, body });
    const created = readSubscription(answer);
    if (!created.id) throw new Failure('RingCentral answered without a subscription.');
    return created;
  };
  try {
    return await create(LONGEST_SECONDS).catch((error: unknown) => {
      if (!isRefusal(error, 'CMN-101') || error.parameterName !== 'expiresIn') throw error;
      say('RingCentral refused a subscription of 20 years: asking for 10.');
      return create(SHORTER_SECONDS);
    });
  } catch (error) {
    if (!(error instanceof Failure) || (error instanceof RingCentralError && error.status < 500)) throw error;
    throw new Unanswered(
      `${error.message}\nThe subscription may exist all the same: run \`npm run register\` again, which leaves one.`,
    );
  }
}

/** Deletes a subscription. Throws a Failure. */
export async function deleteSubscription(session: Session, id: string): Promise<void> {
  await session.text(`delete subscription ${id}`, { method: 'DELETE', url: `${PATH}/${encodeURIComponent(id)}` });
}

/** Deletes a subscription, which may be gone already: expired, or deleted by another run. Throws a Failure. */
export async function deleteUnlessGone(session: Session, id: string): Promise<void> {
  try {
    await deleteSubscription(session, id);
  } catch (error) {
    const isGone = error instanceof RingCentralError && error.status === 404;
    if (!isGone && !isRefusal(error, 'SUB-507') && !isRefusal(error, 'CMN-102')) throw error;
  }
}

/**
 * Why a subscription will not bring all events that were asked for, and what to do; undefined if it will. RingCentral
 * answers 200 to a creation even if some, or all, of them will not come.
 */
export function whyNotLive(subscription: Subscription, asked: string[]): string | undefined {
  const { status, disabledFilters, eventFilters } = subscription;
  const [disabled] = disabledFilters;
  if (disabled) {
    const filters = disabledFilters.map(({ filter }) => filter).join(', ');
    return `RingCentral will send nothing for ${filters}: ${disabled.reason}\n${PERMISSIONS} Then run this again.`;
  }
  const missing = missingFilters(eventFilters, asked);
  if (missing.length > 0) return `RingCentral left out ${missing.join(', ')}: correct WEBHOOK_EVENT_FILTERS.`;
  if (isExpired(subscription)) return 'The subscription has expired: run this again.';
  return status === 'Active' ? undefined : `The subscription is ${status || 'without a status'}: run this again.`;
}

/** Whether RingCentral sends nothing for a subscription any more: it is blacklisted, suspended or expired. */
export function isGivenUp(subscription: Subscription): boolean {
  return subscription.status !== 'Active' || isExpired(subscription);
}

/** Whether its time is over, whatever its status says. */
function isExpired({ expirationTime }: Subscription): boolean {
  return Date.parse(expirationTime ?? '') < Date.now();
}

/** RingCentral lists ids in place of `~`. So a `~` stands for any id, but each listed filter for one that was asked for. */
function missingFilters(listed: string[], asked: string[]): string[] {
  const left = [...listed];
  const tildes = (filter: string) => filter.split('/~').length;
  const sorted = [...asked].sort((one, other) => tildes(one) - tildes(other));
  return sorted.filter((filter) => {
    const found = left.findIndex((each) => isFilter(each, filter));
    if (found >= 0) left.splice(found, 1);
    return found < 0;
  });
}

function isFilter(listed: string, asked: string): boolean {
  const [given, wanted] = [listed.split('/'), asked.split('/')];
  return given.length === wanted.length && wanted.every((part, i) => part === '~' || part === given[i]);
}

function readSubscription(raw: unknown): Subscription {
  // The names are checked against RingCentral's own description, the values are not known yet.
  const info: { [name in keyof SubscriptionInfo]?: unknown } = fieldsOf(raw);
  const { transportType, address } = fieldsOf(info.deliveryMode);
  const { blacklistedAt, reason } = fieldsOf(info.blacklistedData);
  return {
    id: textOf(info.id) ?? '',
    status: shownText(info.status) ?? '',
    blacklistedAt,
    blacklistReason: shownText(reason),
    eventFilters: itemsOf(info.eventFilters)
      .map(shownText)
      .filter((filter) => filter !== undefined),
    disabledFilters: itemsOf(info.disabledFilters).map((each) => {
      const { filter, reason: code, message } = fieldsOf(each);
      return { filter: shownText(filter) ?? '', reason: shownText(message) ?? shownText(code) ?? 'without a reason' };
    }),
    creationTime: textOf(info.creationTime) ?? '',
    expirationTime: textOf(info.expirationTime),
    transportType: textOf(transportType) ?? '',
    address: textOf(address) ?? '',
    raw,
  };
}
