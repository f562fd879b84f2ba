import type CreateWebhookSubscriptionRequest from '@rc-ex/core/definitions/CreateWebhookSubscriptionRequest';
import { DAY_MS, HOUR_MS } from '../pace.js';
import { plural, shownText } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import { badAnswer, hasCode, isUnanswered, RingCentralError } from './errors.js';
import { readList } from './list.js';
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
    status: shownText(status) ?? '',
    blacklistedAt: textOf(blacklistedAt) ?? '',
    blacklistReason: shownText(reason) ?? 'without a reason',
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
  const { records, answer: raw } = await readList(session, 'list the subscriptions', PATH);
  return { subscriptions: records.map(readSubscription), raw };
}

/**
 * Creates a WebHook subscription, which may not be live yet: for 20 years (community.ringcentral.com), or else for 10 (API
 * reference). RingCentral refuses what is too long, or grants less. Throws a Failure; see isUnanswered(): it may exist anyway.
 */
export async function createSubscription(
  session: Session,
  eventFilters: string[],
  { address, verificationToken }: { address: string; verificationToken: string },
): Promise<Subscription> {
  const deliveryMode = { transportType: 'WebHook', address, verificationToken } as const;
  const create = async (years: number) => {
    const expiresIn = years * 365 * 86_400;
    const body: CreateWebhookSubscriptionRequest = { eventFilters, expiresIn, deliveryMode };
    return session.json('create the subscription', { method: 'POST', url: PATH, body });
  };
  try {
    const answer = await create(20).catch((error: unknown) => {
      if (hasCode(error, 'expiresIn')) return create(10);
      throw error;
    });
    const created = readSubscription(answer);
    if (created.id) return created;
    throw badAnswer('create the subscription', 'RingCentral answered without a subscription');
  } catch (error) {
    const next = 'The subscription may exist anyway. Run `npm run register` again: it leaves only one.';
    if (isUnanswered(error)) error.message += `\n${next}`;
    throw error;
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

/** Whether RingCentral sends something for a subscription: it is neither blacklisted, nor suspended, nor expired. */
export function isLive({ status, expirationTime }: Subscription, now: number): boolean {
  return status === 'Active' && !(Date.parse(expirationTime) < now);
}

/**
 * Which of the event filters `asked` for a subscription lacks, each with the reason: RingCentral answers 200 all the same,
 * and lists ids instead of `~`. `ownerId` is the user's extension; while it is `~`, any extension counts as the user's.
 */
export function refusedFilters(
  { eventFilters, disabledFilters }: Pick<Subscription, 'eventFilters' | 'disabledFilters'>,
  asked: string[],
  ownerId: string,
): Map<string, string> {
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
