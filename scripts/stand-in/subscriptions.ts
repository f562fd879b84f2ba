import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { apiError, fields, invalid, notFound } from './api-errors.js';
import { handshake } from './delivery.js';
import type { State, Subscription } from './state.js';
import { withIds } from './voicemail.js';

const SUBSCRIPTIONS = '/restapi/v1.0/subscription';
const WEEK_SECONDS = 604_800;

/** The subscription API, without PUT: nothing here changes or renews a subscription. */
export function subscriptionsApi(state: State): Router {
  const find = (id: string): Subscription => {
    const found = state.subscriptions.find((each) => each.id === id);
    if (!found) throw notFound('subscriptionId');
    return found;
  };
  return Router()
    .get(SUBSCRIPTIONS, (_req, res) => void res.json({ uri: state.url + SUBSCRIPTIONS, records: state.subscriptions }))
    .post(SUBSCRIPTIONS, async (req, res) => void res.json(await subscribe(state, req.body)))
    .get(`${SUBSCRIPTIONS}/:id`, (req, res) => void res.json(find(req.params.id)))
    .delete(`${SUBSCRIPTIONS}/:id`, (req, res) => {
      state.subscriptions.splice(state.subscriptions.indexOf(find(req.params.id)), 1);
      res.status(204).end();
    });
}

async function subscribe(state: State, body: unknown): Promise<Subscription> {
  const { eventFilters, expiresIn = WEEK_SECONDS, deliveryMode } = fields(body);
  const { transportType, address, verificationToken = '' } = fields(deliveryMode);
  if (transportType !== 'WebHook') throw invalid('deliveryMode.transportType');
  if (typeof address !== 'string' || !URL.canParse(address) || !/^https?:/i.test(address))
    throw invalid('deliveryMode.address');
  // Not documented: 32 letters and digits are taken, 64 were refused (public code).
  if (typeof verificationToken !== 'string' || !/^[A-Za-z0-9]{0,32}$/.test(verificationToken))
    throw invalid('deliveryMode.verificationToken');
  if (!Array.isArray(eventFilters) || eventFilters.length === 0) throw invalid('eventFilters');
  const filters = eventFilters.map(String);
  const wrong = filters.find((filter) => !/^\/restapi\/v1\.0\/\S+$/.test(filter));
  if (wrong !== undefined) throw apiError(400, 'SUB-508', `Event filter [${wrong}] is invalid`);
  if (typeof expiresIn !== 'number' || !Number.isInteger(expiresIn) || expiresIn < 1) throw invalid('expiresIn');
  const { seconds, over } = state.maxExpiresIn;
  if (expiresIn > seconds && over === 'refuse') throw invalid('expiresIn');
  const granted = Math.min(expiresIn, seconds);
  if (state.subscriptions.length >= state.maxSubscriptions)
    throw apiError(403, 'SUB-505', 'Subscriptions limit exceeded');
  await handshake(address, state.closing.signal);

  const id = randomUUID();
  const disabled = state.disabledFilters.map(({ filter = '' }) => withIds(filter));
  const subscription: Subscription = {
    uri: `${state.url}${SUBSCRIPTIONS}/${id}`,
    id,
    creationTime: new Date().toISOString(),
    status: 'Active',
    eventFilters: filters.map(withIds).filter((filter) => !disabled.includes(filter)),
    ...(disabled.length > 0 && { disabledFilters: state.disabledFilters }),
    expirationTime: new Date(Date.now() + granted * 1000).toISOString(),
    expiresIn: granted,
    deliveryMode: { transportType, encryption: false, address },
  };
  state.subscriptions.push(subscription);
  if (verificationToken !== '') state.verificationTokens.set(id, verificationToken);
  return subscription;
}
