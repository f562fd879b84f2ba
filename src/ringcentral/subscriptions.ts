import type CreateWebhookSubscriptionRequest from '@rc-ex/core/definitions/CreateWebhookSubscriptionRequest';
import { DAY_MS, HOUR_MS } from '../pace.js';
import { plural, shownText } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import { badAnswer, hasCode, isNotFound, isUnanswered } from './errors.js';
import type { Session } from './session.js';

const PATH = '/restapi/v1.0/subscription';
export const YEAR_MS = 365.25 * DAY_MS;

export type Subscription = ReturnType<typeof readSubscription>;

/** Any field can be missing, and is empty then. The address is only that of a WebHook; `raw` is all as it came. */
function readSubscription(raw: unknown) {
  const { id, status, creationTime, expirationTime, ...info } = fieldsOf(raw);
  const { transportType, address } = fieldsOf(info['deliveryMode']);
  const { blacklistedAt, reason } = fieldsOf(info['blacklistedData']);
  return {
    id: textOf(id) ?? '',
    status: shownText(status) ?? 'without a status',
    blacklistedAt: textOf(blacklistedAt) ?? '',
    blacklistReason: shownText(reason) ?? '',
    eventFilters: itemsOf(info['eventFilters']).flatMap((filter) => shownText(filter) ?? []),
    disabledFilters: itemsOf(info['disabledFilters']).map((each) => {
      const { filter, reason: code, message } = fieldsOf(each);
      return { filter: shownText(filter) ?? '', reason: shownText(message) ?? shownText(code) ?? 'without a reason' };
    }),
    creationTime: textOf(creationTime) ?? '',
    expirationTime: textOf(expirationTime) ?? '',
    transportType: textOf(transportType) ?? '',
    address: transportType === 'WebHook' ? (textOf(address) ?? '') : '',
    raw,
  };
}

/** This user's and app's subscriptions, of every transport, and the list as it came. Throws a Failure. */
export async function listSubscriptions(session: Session) {
  const { records, answer: raw } = await session.list('list the subscriptions', PATH);
  return { subscriptions: records.map(readSubscription), raw };
}

/** Where RingCentral sends notifications, and the token that it sends with each. */
export type Target = { address: string; verificationToken: string };

/** Creates a WebHook subscription, which may not be live yet. Throws a Failure: if isUnanswered(), it may exist anyway. */
export function createSubscription(session: Session, eventFilters: string[], { address, verificationToken }: Target) {
  const doing = 'create the subscription';
  const deliveryMode = { transportType: 'WebHook', address, verificationToken } as const;
  const create = async (years: number): Promise<Subscription> => {
    const body: CreateWebhookSubscriptionRequest = { eventFilters, expiresIn: years * 365 * 86_400, deliveryMode };
    try {
      const created = readSubscription(await session.json(doing, { method: 'POST', url: PATH, body }));
      if (created.id) return created;
      throw badAnswer(doing, 'RingCentral answered without a subscription');
    } catch (error) {
      if (years === 20 && hasCode(error, 'expiresIn')) return create(10);
      const next = 'The subscription may exist anyway. Run `npm run register` again: it leaves only one.';
      throw isUnanswered(error) ? error.withMessage(`${error.message}\n${next}`) : error;
    }
  };
  // At most 20 years (community.ringcentral.com), or 10 (API reference). RingCentral may grant less.
  return create(20);
}

/** Deletes a subscription. Throws a Failure, also if there is none with this id. */
export async function deleteSubscription(session: Session, id: string): Promise<void> {
  await session.text(`delete subscription ${id}`, { method: 'DELETE', url: `${PATH}/${encodeURIComponent(id)}` });
}

/** Deletes a subscription, which may be gone already: expired, or deleted by another run. Throws a Failure. */
export async function deleteUnlessGone(session: Session, id: string): Promise<void> {
  await deleteSubscription(session, id).catch((error: unknown) => {
    if (!isNotFound(error) && !hasCode(error, 'SUB-507') && !hasCode(error, 'CMN-102')) throw error;
  });
}

/** Whether RingCentral sends something for a subscription: it is neither blacklisted, nor suspended, nor expired. */
export function isLive({ status, expirationTime }: Subscription, now: number): boolean {
  return status === 'Active' && !(Date.parse(expirationTime) < now);
}

/** Which of the event filters `asked` for will bring nothing, each with the reason: RingCentral answers 200 all the same. */
export function refusedFilters(subscription: Subscription, asked: string[], ownerId: string): Map<string, string> {
  const { eventFilters, disabledFilters } = subscription;
  // RingCentral lists ids instead of `~`. If the user's is not known, any id may be it.
  const withId = (filter: string) =>
    filter.replace(/\/account\/[^/]+/, '/account/~').replace('/extension/~', `/extension/${ownerId}`);
  const forms = (listed: string) => [withId(listed), withId(listed).replace(/\/extension\/[^/]+/, '/extension/~')];
  const live = new Set(eventFilters.flatMap(forms));
  const reasons = new Map(disabledFilters.flatMap(({ filter, reason }) => forms(filter).map((form) => [form, reason])));
  const lacking = asked.filter((filter) => reasons.has(withId(filter)) || !live.has(withId(filter)));
  return new Map(lacking.map((filter) => [filter, reasons.get(withId(filter)) ?? 'RingCentral left it out']));
}

/** Since when voicemails may be missing, in milliseconds: an hour before the first ended; a day ago if it does not say. */
export function missedSince(ended: Subscription[], now: number): number {
  const since = ended.map(({ blacklistedAt, expirationTime }) => {
    // Only a time as the API writes it: an odd one may lie in another age.
    const end = [blacklistedAt, expirationTime].find((at) => /^20\d\d-/.test(at) && Date.parse(at) < now);
    return end === undefined ? now - DAY_MS : Date.parse(end) - HOUR_MS;
  });
  return Math.min(...since);
}

/** When a subscription expires: "2046-11-20 (in 20 years)", or "unknown". `now` is RingCentral's time. */
export function shownExpiry({ creationTime, expirationTime }: Subscription, now: number): string {
  const day = expirationTime.slice(0, 10);
  const end = Date.parse(expirationTime);
  const years = (end - now) / YEAR_MS;
  if (Number.isNaN(years)) return 'unknown';
  if (years < 0) return `${day} (expired)`;
  if (years < 2) return `${day} (in ${plural(Math.round((end - now) / DAY_MS), 'day')})`;
  const most = end - Date.parse(creationTime) < 19 * YEAR_MS ? ', the most that RingCentral grants' : '';
  return `${day} (in ${Math.round(years)} years${most})`;
}
