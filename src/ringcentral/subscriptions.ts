import type CreateWebhookSubscriptionRequest from '@rc-ex/core/definitions/CreateWebhookSubscriptionRequest';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import { Failure } from '../failure.js';
import { fields, list, text } from '../fields.js';
import { shown } from '../safe-text.js';
import { isRefusal, type Session } from './session.js';

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
  /** When RingCentral gave it up, an ISO 8601 time, and why. */
  blacklistedAt: string | undefined;
  blacklistReason: string | undefined;
  eventFilters: string[];
  /** Event filters that bring nothing, each with the reason. */
  disabledFilters: { filter: string; reason: string }[];
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
  return { subscriptions: list(fields(raw)['records']).map(read), raw };
}

/** Creates a WebHook subscription for as long as RingCentral allows. Throws a Failure. */
export async function createSubscription(
  session: Session,
  { eventFilters, address, verificationToken }: NewSubscription,
  say: (line: string) => void,
): Promise<Subscription> {
  const create = async (expiresIn: number) => {
    const deliveryMode = { transportType: 'WebHook', address, verificationToken } as const;
    const body: CreateWebhookSubscriptionRequest = { eventFilters, expiresIn, deliveryMode };
    const created = read(await session.json('create the subscription', { method: 'POST', url: PATH, body }));
    if (!created.id) throw new Failure('RingCentral answered without a subscription: run `npm run register` again.');
    return created;
  };
  try {
    return await create(LONGEST_SECONDS);
  } catch (error) {
    if (!isRefusal(error, 'CMN-101') || error.parameterName !== 'expiresIn') throw error;
    say('RingCentral refused a subscription of 20 years: asking for 10.');
    return create(SHORTER_SECONDS);
  }
}

/** Deletes a subscription. Throws a Failure. */
export async function deleteSubscription(session: Session, id: string): Promise<void> {
  await session.text(`delete subscription ${id}`, { method: 'DELETE', url: `${PATH}/${encodeURIComponent(id)}` });
}

function read(raw: unknown): Subscription {
  // The names are checked against RingCentral's own description, the values are not known yet.
  const info: { [name in keyof SubscriptionInfo]?: unknown } = fields(raw);
  const deliveryMode = fields(info.deliveryMode);
  const { blacklistedAt, reason } = fields(info.blacklistedData);
  return {
    id: text(info.id) ?? '',
    status: shown(info.status) ?? '',
    blacklistedAt: text(blacklistedAt),
    blacklistReason: shown(reason),
    eventFilters: list(info.eventFilters)
      .map(shown)
      .filter((filter) => filter !== undefined),
    disabledFilters: list(info.disabledFilters).map((each) => {
      const { filter, reason: code, message } = fields(each);
      return { filter: shown(filter) ?? '', reason: shown(message) ?? shown(code) ?? 'without a reason' };
    }),
    expirationTime: text(info.expirationTime),
    transportType: text(deliveryMode['transportType']) ?? '',
    address: text(deliveryMode['address']) ?? '',
    raw,
  };
}
