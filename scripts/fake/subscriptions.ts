import { randomUUID } from 'node:crypto';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import { Router, type Request } from 'express';
import { apiError, fields, invalid, NO_PERMISSION, notFound } from './api-errors.js';
import { handshake } from './delivery.js';
import { ownerOf } from './login.js';
import type { State, Subscription } from './state.js';
import { withIds } from './voicemail.js';

const SUBSCRIPTIONS = '/restapi/v1.0/subscription';
const WEEK_SECONDS = 604_800;

/** The subscription API, without PUT: nothing here changes or renews a subscription. */
export function subscriptionsApi(state: State): Router {
  const mine = (req: Request) => state.subscriptions.filter((each) => state.ownerOf(each) === ownerOf(state, req));
  const find = (req: Request<{ id: string }>): Subscription => {
    const found = mine(req).find(({ id }) => id === req.params.id);
    if (!found) throw notFound('subscriptionId');
    return found;
  };
  return Router()
    .get(SUBSCRIPTIONS, (req, res) => void res.json({ uri: state.url + SUBSCRIPTIONS, records: mine(req) }))
    .post(SUBSCRIPTIONS, async (req, res) => void res.json(await subscribe(state, req.body, ownerOf(state, req))))
    .get(`${SUBSCRIPTIONS}/:id`, (req, res) => void res.json(find(req)))
    .delete(`${SUBSCRIPTIONS}/:id`, (req, res) => {
      state.subscriptions.splice(state.subscriptions.indexOf(find(req)), 1);
      res.status(204).end();
    });
}

async function subscribe(state: State, body: unknown, ownerId: string): Promise<Subscription> {
  const { eventFilters, expiresIn = WEEK_SECONDS, deliveryMode } = fields(body);
  const { transportType, address, verificationToken = '' } = fields(deliveryMode);
  if (transportType !== 'WebHook') throw invalid('deliveryMode.transportType');
  if (typeof address !== 'string' || !URL.canParse(address) || !/^https?:/i.test(address))
    throw invalid('deliveryMode.address');
  // Not documented: 32 letters and digits are taken, 64 were refused (public code).
  if (typeof verificationToken !== 'string' || !/^[A-Za-z0-9]{0,32}$/.test(verificationToken))
    throw invalid('deliveryMode.verificationToken');
  if (!Array.isArray(eventFilters) || eventFilters.length === 0) throw invalid('eventFilters');
  const filters = eventFilters.map((filter) => withIds(String(filter), ownerId));
  const wrong = filters.find((filter) => !/^\/restapi\/v1\.0\/\S+$/.test(filter));
  if (wrong !== undefined) throw apiError(400, 'SUB-508', `Event filter [${wrong}] is invalid`);
  if (typeof expiresIn !== 'number' || !Number.isInteger(expiresIn) || expiresIn < 1) throw invalid('expiresIn');
  const { seconds, over } = state.maxExpiresIn;
  if (expiresIn > seconds && over === 'refuse') throw invalid('expiresIn');
  const granted = Math.min(expiresIn, seconds);
  const disabledFilters = [...state.disabledFilters, ...filters.flatMap((filter) => refused(state, filter))];
  if (state.subscriptions.filter((each) => state.ownerOf(each) === ownerId).length >= state.maxSubscriptions)
    throw apiError(403, 'SUB-505', 'Subscriptions limit exceeded');
  await handshake(address, state.closing.signal);

  const id = randomUUID();
  const disabled = disabledFilters.map(({ filter = '' }) => withIds(filter, ownerId));
  const subscription: Subscription = {
    uri: `${state.url}${SUBSCRIPTIONS}/${id}`,
    id,
    creationTime: state.time,
    status: 'Active',
    eventFilters: filters.filter((filter) => !disabled.includes(filter)),
    ...(disabled.length > 0 && { disabledFilters }),
    expirationTime: new Date(state.now + granted * 1000).toISOString(),
    expiresIn: granted,
    deliveryMode: { transportType, encryption: false, address },
  };
  state.subscriptions.push(subscription);
  state.subscriptionOwners.set(id, ownerId);
  if (verificationToken !== '') state.verificationTokens.set(id, verificationToken);
  return subscription;
}

/** How an event filter comes back as disabled, if it does. Throws if it is refused. */
function refused(state: State, filter: string): NonNullable<SubscriptionInfo['disabledFilters']> {
  const extensionId = /\/extension\/(\d+)/.exec(filter)?.[1];
  if (extensionId === undefined) return [];
  const refusal = state.refusedFilters.get(extensionId);
  if (refusal === 'SUB-405')
    throw apiError(403, refusal, `Not allowed subscribe for messages to other extensions [${filter}]`);
  if (refusal === 'CMN-102') throw apiError(404, refusal, `Resource for parameter [${filter}] is not found`);
  const isUser = [...state.users.values()].includes(extensionId);
  if (!isUser && !state.storeOf(extensionId)) throw apiError(403, 'SUB-408', 'Not allowed subscribe for unknown user');
  return refusal === 'disabled' ? [{ filter, reason: 'CMN-408', message: NO_PERMISSION }] : [];
}
