import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import type VoicemailMessageEvent from '@rc-ex/core/definitions/VoicemailMessageEvent';
import express, { type Express } from 'express';
import { misbehave, notFound, refuse, type Fault } from './api-errors.js';
import { attachmentsApi } from './attachments.js';
import { isDue, notify, type Delivery } from './delivery.js';
import { extensionsApi } from './extensions.js';
import { close, listen } from './local-server.js';
import { loginApi } from './login.js';
import { messageStoreApi } from './message-store.js';
import { State } from './state.js';
import { subscriptionsApi } from './subscriptions.js';
import { EXTENSION_ID, newId, voicemail } from './voicemail.js';

export { apiError, loginError, type Fault } from './api-errors.js';
export type { Delivery } from './delivery.js';
export type { Extension } from './extensions.js';
export { CREDENTIALS, PASSWORD_CREDENTIALS } from './login.js';
export type { ReceivedRequest, Subscription } from './state.js';
export { ACCOUNT_ID, EXTENSION_ID, voicemail } from './voicemail.js';

/** A fake RingCentral: it enforces the contract on the SDK and on a receiver, and only reaches this machine. */
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
    const message = this.store(overrides, extensionId);
    return { message, deliveries: await this.deliver(message, {}, extensionId) };
  }

  /** Only puts a voicemail into the message store, without a notification. */
  store(overrides: Partial<GetMessageInfoResponse> = {}, extensionId = EXTENSION_ID): GetMessageInfoResponse {
    const times = { creationTime: this.time, lastModifiedTime: this.time };
    const { name = '', extensionNumber = '' } = this.extensions.find(({ id }) => String(id) === extensionId) ?? {};
    const to = [{ name, extensionNumber }];
    const message = voicemail({ ...times, to, ...overrides }, extensionId, this.url);
    this.leftAt.set(message, performance.now());
    if (extensionId === EXTENSION_ID) this.messages.push(message);
    else this.otherMessages.set(extensionId, [...(this.otherMessages.get(extensionId) ?? []), message]);
    return message;
  }

  /** Ends the transcription of a stored voicemail: its record changes. An `undefined` text is one that failed. */
  transcribe(
    messageId: number | string | undefined,
    text: string | undefined,
    status: NonNullable<GetMessageInfoResponse['vmTranscriptionStatus']> = 'Completed',
  ): GetMessageInfoResponse {
    const all = [this.messages, ...this.otherMessages.values()].flat();
    const message = all.find(({ id }) => String(id) === String(messageId));
    if (!message) throw new Error(`There is no message ${messageId}`);
    message.vmTranscriptionStatus = status;
    message.lastModifiedTime = this.time;
    if (text === undefined) return message;
    const id = newId();
    const uri = `${this.url}${new URL(message.uri ?? '').pathname}/content/${id}`;
    const others = message.attachments?.filter(({ type }) => type !== 'AudioTranscription') ?? [];
    message.attachments = [...others, { id, uri, type: 'AudioTranscription', contentType: 'text/plain' }];
    this.transcripts.set(String(id), text);
    return message;
  }

  /** Notifies every live subscription to an extension's voicemails, all at the same time, each with its own uuid. */
  deliver(
    body: unknown = voicemail(),
    overrides: VoicemailMessageEvent = {},
    extensionId = EXTENSION_ID,
  ): Promise<Delivery[]> {
    const event = `/restapi/v1.0/account/~/extension/${extensionId}/voicemail`;
    const due = this.subscriptions.filter((subscription) => isDue(this, event, subscription));
    const deliveries = due.map((subscription) => {
      const { id: subscriptionId } = subscription;
      const notification = {
        uuid: randomUUID(),
        event,
        timestamp: this.time,
        subscriptionId,
        ownerId: this.ownerOf(subscription),
        body,
        ...overrides,
      };
      return notify(this, subscription, notification);
    });
    return Promise.all(deliveries);
  }

  #app(): Express {
    const app = express().disable('x-powered-by').disable('etag');
    app.use((_req, res, next) => {
      res.sendDate = this.dateHeader;
      if (this.dateHeader) res.setHeader('Date', new Date(this.now).toUTCString());
      next();
    });
    app.use(express.json(), express.urlencoded());
    app.use((req, res, next) => {
      const { method, path, body } = req;
      const query = new URL(req.originalUrl, this.url).searchParams;
      const received = { method, path, query, body };
      this.requests.push(received);
      this.onRequest(received);
      const fault = this.#nextFault(method, path);
      if (fault !== undefined) return misbehave(res, fault);
      next();
    });
    app.use(loginApi(this));
    app.use(subscriptionsApi(this), extensionsApi(this), messageStoreApi(this), attachmentsApi(this));
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
