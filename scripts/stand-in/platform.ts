import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import type VoicemailMessageEvent from '@rc-ex/core/definitions/VoicemailMessageEvent';
import express, { type Express } from 'express';
import { misbehave, notFound, refuse, type Fault } from './api-errors.js';
import { isDue, notify, type Delivery } from './delivery.js';
import { close, listen } from './local-server.js';
import { loginApi } from './login.js';
import { messageStoreApi } from './message-store.js';
import { State } from './state.js';
import { subscriptionsApi } from './subscriptions.js';
import { EXTENSION_ID, voicemail, withIds } from './voicemail.js';

export { apiError, loginError, type Fault } from './api-errors.js';
export type { Delivery } from './delivery.js';
export { CREDENTIALS, PASSWORD_CREDENTIALS } from './login.js';
export type { ReceivedRequest, Subscription } from './state.js';
export { ACCOUNT_ID, EXTENSION_ID, voicemail } from './voicemail.js';

/** RingCentral on this machine: it holds the SDK and a receiver to its contract, and reaches nothing but loopback. */
export class Platform extends State {
  readonly #server: Server;
  readonly #faults: { method: string; path: RegExp; fault: Fault; times: number }[] = [];

  private constructor(server: Server, url: string) {
    super(url);
    this.#server = server.on('request', this.#app());
  }

  static async start(): Promise<Platform> {
    const server = createServer();
    return new Platform(server, await listen(server));
  }

  /** Closes everything, requests that hang and deliveries under way included. */
  async close(): Promise<void> {
    this.closing.abort();
    await close(this.#server);
  }

  /** Gives the next `times` requests with this method and path the fault. Faults are used up in the order given. */
  fail(method: string, path: RegExp, fault: Fault, times = Infinity): void {
    this.#faults.push({ method, path, fault, times });
  }

  /** How many access tokens are valid. */
  get sessions(): number {
    return this.validTokens.size;
  }

  /** Ends all access tokens at once, long before their hour is over. */
  endSessions(): void {
    this.validTokens.clear();
  }

  /** What a caller does: the voicemail goes into the message store, and every subscription to it is notified. */
  async leaveVoicemail(overrides: Partial<GetMessageInfoResponse> = {}, extensionId = EXTENSION_ID) {
    const message = voicemail(overrides, extensionId, this.url);
    if (extensionId === EXTENSION_ID) this.messages.push(message);
    else this.otherMessages.set(extensionId, [...(this.otherMessages.get(extensionId) ?? []), message]);
    return { message, deliveries: await this.deliver(message, {}, extensionId) };
  }

  /** Notifies every live subscription to an extension's voicemails, all at the same time, each with its own uuid. */
  deliver(
    body: unknown = voicemail(),
    overrides: VoicemailMessageEvent = {},
    extensionId = EXTENSION_ID,
  ): Promise<Delivery[]> {
    const event = `/restapi/v1.0/account/~/extension/${extensionId}/voicemail`;
    const due = this.subscriptions.filter((subscription) => isDue(event, subscription));
    const deliveries = due.map((subscription) => {
      const [uuid, timestamp, subscriptionId] = [randomUUID(), new Date().toISOString(), subscription.id];
      const notification = { uuid, event, timestamp, subscriptionId, ownerId: EXTENSION_ID, body, ...overrides };
      return notify(this, subscription, notification);
    });
    return Promise.all(deliveries);
  }

  #app(): Express {
    const app = express().disable('x-powered-by').disable('etag');
    app.use(express.json(), express.urlencoded());
    app.use((req, res, next) => {
      const { method, path, body } = req;
      const received = { method, path, query: new URL(req.originalUrl, this.url).searchParams, body };
      this.requests.push(received);
      this.onRequest(received);
      const fault = this.#nextFault(method, path);
      if (fault !== undefined) return misbehave(res, fault);
      req.url = withIds(req.url);
      next();
    });
    app.use(loginApi(this), subscriptionsApi(this), messageStoreApi(this));
    app.use(() => {
      throw notFound();
    });
    return app.use(refuse);
  }

  #nextFault(method: string, path: string): Fault | undefined {
    if (this.down) return 'cut';
    const found = this.#faults.find((each) => each.times > 0 && each.method === method && each.path.test(path));
    if (found) found.times--;
    return found?.fault;
  }
}
