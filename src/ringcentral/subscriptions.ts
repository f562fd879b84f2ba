import type CreateWebhookSubscriptionRequest from '@rc-ex/core/definitions/CreateWebhookSubscriptionRequest';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import { Failure } from '../errors.js';
import { plural, shownText } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { Refused } from './event-filters.js';
import { hasCode, PERMISSIONS, RingCentralError, Unanswered } from './errors.js';
import { readList } from './list.js';
import type { Say } from '../program.js';
import type { Session } from './session.js';

/**
 * The longest life of a WebHook subscription, in seconds: 20 years by RingCentral's developer relations
 * (community.ringcentral.com), 10 by the API reference. The platform refuses what is over its maximum, or grants less.
 */
const LONGEST_SECONDS = 630_720_000;
const SHORTER_SECONDS = 315_360_000;

const HOUR_MS = 3_600_000;
const PATH = '/restapi/v1.0/subscription';

/** Any field of RingCentral's description can be missing. */
export interface Subscription {
  id: string;
  /** "Active", "Blacklisted", … */
  status: string;
  blacklistedAt: string | undefined;
  blacklistReason: string | undefined;
  eventFilters: string[];
  disabledFilters: Refused[];
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

/** This user's and app's WebHook subscriptions, those of every transport, and the list as it came. Throws a Failure. */
export async function listSubscriptions(session: Session) {
  const { records, answer: raw } = await readList(session, 'list the subscriptions', PATH);
  const all = records.map(readSubscription);
  return { subscriptions: all.filter(({ transportType }) => transportType === 'WebHook'), all, raw };
}

/**
 * Creates a WebHook subscription for as long as RingCentral allows. It may not be live yet: see whyNotLive(). Throws a
 * Failure; Unanswered if the subscription may exist anyway.
 */
export async function createSubscription(
  session: Session,
  { eventFilters, address, verificationToken }: NewSubscription,
  say: Say,
): Promise<Subscription> {
  const create = async (expiresIn: number) => {
    const deliveryMode = { transportType: 'WebHook', address, verificationToken } as const;
    const body: CreateWebhookSubscriptionRequest = { eventFilters, expiresIn, deliveryMode };
    const created = readSubscription(
      await session.json('create the subscription', { method: 'POST', url: PATH, body }),
    );
    if (!created.id) throw new Failure('RingCentral answered without a subscription.');
    return created;
  };
  try {
    return await create(LONGEST_SECONDS).catch((error: unknown) => {
      if (!hasCode(error, 'CMN-101') || error.parameterName !== 'expiresIn') throw error;
      say('RingCentral refused a subscription of 20 years: asking for 10.');
      return create(SHORTER_SECONDS);
    });
  } catch (error) {
    if (!(error instanceof Failure) || (error instanceof RingCentralError && error.status < 500)) throw error;
    throw new Unanswered(
      `${error.message}\nThe subscription may exist anyway. Run \`npm run register\` again: it leaves only one.`,
    );
  }
}

/** Throws a Failure. */
export async function deleteSubscription(session: Session, id: string): Promise<void> {
  await session.text(`delete subscription ${id}`, { method: 'DELETE', url: `${PATH}/${encodeURIComponent(id)}` });
}

/** Deletes a subscription, which may be gone already: expired, or deleted by another run. Throws a Failure. */
export async function deleteUnlessGone(session: Session, id: string): Promise<void> {
  await deleteSubscription(session, id).catch((error: unknown) => {
    const isGone = error instanceof RingCentralError && error.status === 404;
    if (!isGone && !hasCode(error, 'SUB-507') && !hasCode(error, 'CMN-102')) throw error;
  });
}

/** Why a subscription is not live, or lacks event filters that were refused, and what to do; undefined if it is fine. */
export function whyNotLive(subscription: Subscription, refused: Refused[], now: number): string | undefined {
  const [first] = refused;
  if (first) {
    const filters = refused.map(({ filter }) => filter).join(', ');
    return `RingCentral will send nothing for ${filters}: ${first.reason}\n${PERMISSIONS} Then run this again.`;
  }
  if (isLive(subscription, now)) return undefined;
  return `The subscription is ${subscription.status === 'Active' ? 'expired' : subscription.status || 'without a status'}: run this again.`;
}

/** Whether RingCentral sends something for a subscription: it is neither blacklisted, nor suspended, nor expired. */
export function isLive({ status, expirationTime }: Subscription, now: number): boolean {
  return status === 'Active' && !(Date.parse(expirationTime ?? '') < now);
}

/**
 * Since when voicemails may be missing if RingCentral ended these subscriptions, in milliseconds: an hour before the first
 * ended; a day ago for one that does not say when.
 */
export function missedSince(ended: Subscription[], now: number): number {
  const moments = ended.map((each) => pastMoment(each.blacklistedAt, now) ?? pastMoment(each.expirationTime, now));
  return Math.min(...moments.map((moment) => (moment === undefined ? now - 24 * HOUR_MS : moment - HOUR_MS)));
}

function pastMoment(value: string | undefined, now: number): number | undefined {
  const moment = Date.parse(/^20\d\d-\d\d-\d\dT.*/.exec(value ?? '')?.[0] ?? '');
  return moment < now ? moment : undefined;
}

function readSubscription(raw: unknown): Subscription {
  // RingCentral's types are only trusted for the names of the fields.
  const info: { [name in keyof SubscriptionInfo]?: unknown } = fieldsOf(raw);
  const { transportType, address } = fieldsOf(info.deliveryMode);
  const { blacklistedAt, reason } = fieldsOf(info.blacklistedData);
  return {
    id: textOf(info.id) ?? '',
    status: shownText(info.status) ?? '',
    blacklistedAt: textOf(blacklistedAt),
    blacklistReason: shownText(reason),
    eventFilters: itemsOf(info.eventFilters).flatMap((filter) => shownText(filter) ?? []),
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

/** When a subscription expires: "2046-11-20 (in 20 years)", or "unknown". `now` is RingCentral's time. */
export function shownExpiry({ creationTime, expirationTime = '' }: Subscription, now: number): string {
  const daysUntil = (from: number) => (Date.parse(expirationTime) - from) / 86_400_000;
  const days = daysUntil(now);
  if (Number.isNaN(days)) return 'unknown';
  const years = Math.round(days / 365.25);
  const left = days < 2 * 365.25 ? plural(Math.round(days), 'day') : `${years} years`;
  const granted = daysUntil(Date.parse(creationTime)) / 365.25;
  const most = years >= 2 && granted < 19 ? ', the most that RingCentral grants' : '';
  return `${expirationTime.slice(0, 10)} (${days < 0 ? 'expired' : `in ${left}${most}`})`;
}
