import { randomUUID } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, Server } from 'node:http';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import type VoicemailMessageEvent from '@rc-ex/core/definitions/VoicemailMessageEvent';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';

/** The app and the JWT that the platform knows, as they stand in the environment. */
export const CREDENTIALS = {
  RINGCENTRAL_CLIENT_ID: 'Client-Id_of-the-Stand-In',
  RINGCENTRAL_CLIENT_SECRET: 'Client-Secret_of-the-Stand-In',
  RINGCENTRAL_JWT: 'eyJhbGciOiJSUzI1NiJ9.JWT-of-the-Stand-In.Signature',
};
/** The user behind the JWT, for the discontinued login with a password. It needs the app's id and secret as well. */
export const PASSWORD_CREDENTIALS = {
  RINGCENTRAL_USERNAME: '+18002097562',
  RINGCENTRAL_PASSWORD: 'Password & of + the % Stand-In',
  RINGCENTRAL_EXTENSION: '101',
};
export const ACCOUNT_ID = '809646016';
export const EXTENSION_ID = '823476228762';

/** Answers to a webhook must come within this time and stay under this size, headers included ("Creating Webhooks"). */
const MAX_ANSWER_MS = 3000;
const MAX_ANSWER_BYTES = 1024;
const MAX_SUBSCRIPTIONS = 20;
const WEEK_SECONDS = 604_800;
const DAY_MS = 86_400_000;
const STORE = '/restapi/v1.0/account/~/extension/~/message-store';

/** A subscription as the API answers it. Its transport may be one that today's reference leaves out, such as PubNub. */
export type Subscription = Omit<SubscriptionInfo, 'deliveryMode'> & {
  deliveryMode?: { transportType?: string; encryption?: boolean; address?: string };
};

/**
 * What goes wrong with a request: 'hang' accepts and never answers, 'cut' destroys the connection, 'html' is a gateway's
 * 502, 'empty' a 200 without a body; otherwise an answer, such as one of apiError() or loginError().
 */
export type Fault =
  'hang' | 'cut' | 'html' | 'empty' | { status: number; headers?: Record<string, string>; body: unknown };

/** How a receiver answered a notification. */
export interface Delivery {
  subscriptionId: string;
  /** 0 where no whole answer came within 3000 ms. */
  status: number;
  /** Whether RingCentral is content with it: status 200, in under 1024 bytes. */
  accepted: boolean;
}

/** What a receiver answered, and how many bytes that was: status line, headers and body. */
type Answer = { status: number; headers: IncomingHttpHeaders; bytes: number };

interface ReceivedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Parsed JSON, or the fields of a form. */
  body: unknown;
}

/** RingCentral on this machine: it holds the SDK and a receiver to its contract, and reaches nothing but loopback. */
export class Platform {
  /** The value of RINGCENTRAL_SERVER. */
  readonly url: string;
  readonly accessToken = `access-${randomUUID()}`;
  readonly refreshToken = `refresh-${randomUUID()}`;
  /** All subscriptions of this user and app. Push blacklisted ones, or those of another transport, as needed. */
  subscriptions: Subscription[] = [];
  /** The message store. Records are served as they stand. */
  messages: GetMessageInfoResponse[] = [];
  /** Attachment id → text of a transcription. */
  transcripts = new Map<string, string>();
  /** All that was received, in order, faults and refusals included. Bodies are parsed: JSON, or the fields of a form. */
  requests: ReceivedRequest[] = [];
  /** Told of each request before it is served. */
  onRequest: (request: ReceivedRequest) => void = () => {};
  /** The longest life of a subscription, and what happens to one asked for longer. */
  maxExpiresIn: { seconds: number; over: 'refuse' | 'clip' } = { seconds: 630_720_000, over: 'refuse' };
  /** What each new subscription is told that it will not get. */
  disabledFilters: NonNullable<SubscriptionInfo['disabledFilters']> = [];

  readonly #server: Server;
  readonly #underWay = new Set<ClientRequest>();
  readonly #verificationTokens = new Map<string, string>();
  readonly #faults: { method: string; path: RegExp; fault: Fault; times: number }[] = [];

  private constructor(server: Server) {
    const address = server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
    this.#server = server.on('request', this.#app());
  }

  static async start(): Promise<Platform> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Platform(server);
  }

  /** Closes everything, requests that hang included. */
  async close(): Promise<void> {
    for (const request of this.#underWay) request.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Gives the next `times` requests with this method and path the fault. Faults are used up in the order given. */
  fail(method: string, path: RegExp, fault: Fault, times = Infinity): void {
    this.#faults.push({ method, path, fault, times });
  }

  /** Notifies every active subscription to voicemails, all at the same time, each with a uuid of its own. */
  deliver(body: unknown = voicemail(), overrides: VoicemailMessageEvent = {}): Promise<Delivery[]> {
    const event = `/restapi/v1.0/account/~/extension/${EXTENSION_ID}/voicemail`;
    const due = this.subscriptions.filter(
      ({ status, deliveryMode, eventFilters }) =>
        status === 'Active' &&
        deliveryMode?.transportType === 'WebHook' &&
        eventFilters?.some((filter) => withIds(filter) === withIds(event)),
    );
    const nothing = { status: 0, bytes: 0 };
    const deliveries = due.map(async ({ id: subscriptionId = '', deliveryMode }) => {
      const token = this.#verificationTokens.get(subscriptionId);
      const headers = {
        'Content-Type': 'application/json; charset=UTF-8',
        ...(token !== undefined && { 'Verification-Token': token }),
      };
      const [uuid, timestamp, ownerId] = [randomUUID(), new Date().toISOString(), EXTENSION_ID];
      const notification = JSON.stringify({ uuid, event, timestamp, subscriptionId, ownerId, body, ...overrides });
      const { status, bytes } = await this.#post(deliveryMode?.address ?? '', headers, notification).catch(
        () => nothing,
      );
      return { subscriptionId, status, accepted: status === 200 && bytes < MAX_ANSWER_BYTES };
    });
    return Promise.all(deliveries);
  }

  #app(): Express {
    const app = express().disable('x-powered-by').disable('etag');
    app.use(express.json(), express.urlencoded());
    app.use((req, res, next) => {
      const { method, path } = req;
      const query = new URL(req.originalUrl, this.url).searchParams;
      const received = { method, path, query, body: req.body };
      this.requests.push(received);
      this.onRequest(received);
      const found = this.#faults.find((each) => each.times > 0 && each.method === method && each.path.test(path));
      if (!found) return next();
      found.times--;
      misbehave(res, found.fault);
    });

    app.post('/restapi/oauth/token', (req, res) => void res.json(this.#logIn(req.get('Authorization'), req.body)));
    app.use((req, _res, next) => {
      // The SDK writes the scheme as the token endpoint does, in lower case.
      if (req.get('Authorization')?.replace(/^bearer /i, '') === this.accessToken) return next();
      const errors = [{ errorCode: 'OAU-213', message: 'Token not found' }];
      throw new Refusal(401, { errorCode: 'TokenInvalid', message: 'Token not found', errors });
    });

    app
      .route('/restapi/v1.0/subscription')
      .get((_req, res) => void res.json({ uri: `${this.url}/restapi/v1.0/subscription`, records: this.subscriptions }))
      .post(async (req, res) => void res.json(await this.#subscribe(req.body)));
    app
      .route('/restapi/v1.0/subscription/:id')
      .get((req, res) => void res.json(this.#subscription(req.params.id)))
      .delete((req, res) => {
        this.subscriptions.splice(this.subscriptions.indexOf(this.#subscription(req.params.id)), 1);
        res.status(204).end();
      });

    app.get(STORE, (req, res) => void res.json(this.#messageList(new URL(req.originalUrl, this.url))));
    app.get(`${STORE}/:messageId/content/:attachmentId`, (req, res) => {
      const text = this.transcripts.get(req.params.attachmentId);
      if (text === undefined) throw notFound('attachmentId');
      res.type('text/plain').send(text);
    });

    app.use(() => {
      throw notFound();
    });
    app.use(refuse);
    return app;
  }

  #logIn(authorization: string | undefined, form: unknown): object {
    const app = btoa(`${CREDENTIALS.RINGCENTRAL_CLIENT_ID}:${CREDENTIALS.RINGCENTRAL_CLIENT_SECRET}`);
    if (authorization !== `Basic ${app}`) throw loginError('invalid_client', 'OAU-153', 'Invalid client application');
    const { grant_type: grant, assertion, username, extension, password, refresh_token: refreshToken } = fields(form);
    if (grant === 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
      if (assertion !== CREDENTIALS.RINGCENTRAL_JWT) throw loginError('invalid_grant', 'OAU-252', 'JWT is invalid');
    } else if (grant === 'password') {
      const user = PASSWORD_CREDENTIALS;
      // The SDK sends "user*extension". A direct number needs no extension.
      const [name, number = extension ?? user.RINGCENTRAL_EXTENSION] = String(username).split('*');
      const known = name === user.RINGCENTRAL_USERNAME && number === user.RINGCENTRAL_EXTENSION;
      if (!known || password !== user.RINGCENTRAL_PASSWORD)
        throw loginError('invalid_grant', 'OAU-140', 'Invalid resource owner credentials');
    } else if (grant !== 'refresh_token' || refreshToken !== this.refreshToken) {
      throw loginError('unauthorized_client', 'OAU-251', 'Unauthorized for this grant type');
    }
    const tokens = { access_token: this.accessToken, refresh_token: this.refreshToken, token_type: 'bearer' };
    return { ...tokens, expires_in: 3600, refresh_token_expires_in: WEEK_SECONDS, owner_id: EXTENSION_ID };
  }

  async #subscribe(body: unknown): Promise<Subscription> {
    const { eventFilters, expiresIn = WEEK_SECONDS, deliveryMode } = fields(body);
    const { transportType, address, verificationToken = '' } = fields(deliveryMode);
    if (transportType !== 'WebHook') throw invalid('deliveryMode.transportType');
    if (typeof address !== 'string' || !URL.canParse(address) || !/^https?:/i.test(address))
      throw invalid('deliveryMode.address');
    if (typeof verificationToken !== 'string' || !/^[\x21-\x7e]{0,255}$/.test(verificationToken))
      throw invalid('deliveryMode.verificationToken');
    if (!Array.isArray(eventFilters) || eventFilters.length === 0) throw invalid('eventFilters');
    const filters = eventFilters.map(String);
    const wrong = filters.find((filter) => !/^\/restapi\/v1\.0\/\S+$/.test(filter));
    if (wrong !== undefined) throw apiError(400, 'SUB-508', `Event filter [${wrong}] is invalid`);
    if (typeof expiresIn !== 'number' || !Number.isInteger(expiresIn) || expiresIn < 1) throw invalid('expiresIn');
    const { seconds, over } = this.maxExpiresIn;
    if (expiresIn > seconds && over === 'refuse') throw invalid('expiresIn');
    const granted = Math.min(expiresIn, seconds);
    if (this.subscriptions.length >= MAX_SUBSCRIPTIONS) throw apiError(403, 'SUB-505', 'Subscriptions limit exceeded');
    await this.#handshake(address);

    const id = randomUUID();
    const disabled = this.disabledFilters.map(({ filter = '' }) => withIds(filter));
    const subscription: Subscription = {
      uri: `${this.url}/restapi/v1.0/subscription/${id}`,
      id,
      creationTime: new Date().toISOString(),
      status: 'Active',
      eventFilters: filters.map(withIds).filter((filter) => !disabled.includes(filter)),
      ...(disabled.length > 0 && { disabledFilters: this.disabledFilters }),
      expirationTime: new Date(Date.now() + granted * 1000).toISOString(),
      expiresIn: granted,
      deliveryMode: { transportType, encryption: false, address },
    };
    this.subscriptions.push(subscription);
    if (verificationToken !== '') this.#verificationTokens.set(id, verificationToken);
    return subscription;
  }

  /** Asks an address whether it expects RingCentral ("Creating Webhooks"), and throws what is wrong with its answer. */
  async #handshake(address: string): Promise<void> {
    const token = randomUUID();
    const { status, headers, bytes } = await this.#post(address, { 'Validation-Token': token }).catch(() => {
      throw apiError(400, 'SUB-521', 'WebHook is not reachable');
    });
    if (status !== 200)
      throw apiError(400, 'SUB-522', `WebHook responds with incorrect HTTP status. HTTP status is ${status}`);
    const isJson = /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
    if (!isJson || headers['validation-token'] !== token || bytes >= MAX_ANSWER_BYTES)
      throw apiError(400, 'SUB-525', 'WebHook server response is invalid');
  }

  #subscription(id: string): Subscription {
    const found = this.subscriptions.find((each) => each.id === id);
    if (!found) throw notFound('subscriptionId');
    return found;
  }

  #messageList(url: URL): object {
    const query = url.searchParams;
    const types = query.getAll('messageType');
    const from = numberIn(query, 'dateFrom', Date.now() - DAY_MS, Date.parse);
    const to = numberIn(query, 'dateTo', Date.now(), Date.parse);
    const [page, perPage] = [numberIn(query, 'page', 1), numberIn(query, 'perPage', 100)];
    // Any field of a record can be missing: what the record lacks never excludes it, and without a time it comes last.
    const found = this.messages
      .map((message) => ({ message, created: Date.parse(message.creationTime ?? '') }))
      .filter(({ created }) => !(created < from || created > to))
      .filter(({ message: { type } }) => types.length === 0 || type === undefined || types.includes(type))
      .sort((a, b) => (b.created || 0) - (a.created || 0))
      .map(({ message }) => message);
    const totalPages = Math.ceil(found.length / perPage);
    url.searchParams.set('page', String(page + 1));
    return {
      records: found.slice((page - 1) * perPage, page * perPage),
      paging: { page, perPage, totalPages, totalElements: found.length },
      navigation: page < totalPages ? { nextPage: { uri: url.href } } : {},
    };
  }

  /** POSTs as RingCentral does, and counts all bytes of the answer. Rejects where none came whole within 3000 ms. */
  #post(address: string, headers: Record<string, string>, body = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { hostname } = new URL(address);
      if (!/^(127\.[\d.]+|localhost|\[::1\])$/.test(hostname)) throw new Error(`${hostname} is not on this machine`);
      const request = httpRequest(address, {
        method: 'POST',
        // A connection for each request, to count its bytes, but asked to be kept: that answer has the most headers.
        agent: false,
        headers: {
          'User-Agent': 'RingCentral-Webhook/8.3',
          Accept: 'application/json',
          'Content-Length': Buffer.byteLength(body),
          Connection: 'keep-alive',
          ...headers,
        },
      });
      this.#underWay.add(request);
      const timeout = setTimeout(() => request.destroy(new Error('No answer in time')), MAX_ANSWER_MS);
      request.on('close', () => {
        clearTimeout(timeout);
        this.#underWay.delete(request);
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const { socket, statusCode: status = 0 } = response;
        response.on('error', reject);
        response.on('end', () => resolve({ status, headers: response.headers, bytes: socket.bytesRead }));
        response.resume();
      });
      request.end(body);
    });
  }
}

let nextMessageId = 1_368_331_070_026;

/** A voicemail left just now, complete and realistic: a record of the message store, or the body of a notification. */
export function voicemail(overrides: Partial<GetMessageInfoResponse> = {}): GetMessageInfoResponse {
  const id = nextMessageId++;
  const uri = `https://platform.ringcentral.com/restapi/v1.0/account/${ACCOUNT_ID}/extension/${EXTENSION_ID}/message-store/${id}`;
  const now = new Date().toISOString();
  const audio = { type: 'AudioRecording', contentType: 'audio/mpeg', vmDuration: 17 } as const;
  return {
    id,
    uri,
    to: [{ name: 'Ada Byron', extensionNumber: '101' }],
    from: { name: 'Grace Hopper', phoneNumber: '+18664320079', location: 'Arlington, VA' },
    type: 'VoiceMail',
    creationTime: now,
    lastModifiedTime: now,
    readStatus: 'Unread',
    priority: 'Normal',
    attachments: [{ id, uri: `${uri}/content/${id}`, ...audio }],
    direction: 'Inbound',
    availability: 'Alive',
    messageStatus: 'Received',
    vmTranscriptionStatus: 'NotAvailable',
    ...overrides,
  };
}

/** An answer that is not a success: thrown where the reason is found, or given to fail() by a test. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super(JSON.stringify(body));
  }
}

/** An error as the API words it (Developer Guide, "RingCentral API Error Codes"). */
export function apiError(status: number, errorCode: string, message: string, parameterName?: string): Refusal {
  const errors = [{ errorCode, message, ...(parameterName !== undefined && { parameterName }) }];
  return new Refusal(status, { errorCode, message, errors });
}

/** An error as the token endpoint words it. */
export function loginError(error: string, errorCode: string, message: string): Refusal {
  return new Refusal(400, { error, error_description: message, errors: [{ errorCode, message }] });
}

function invalid(parameterName: string): Refusal {
  return apiError(400, 'CMN-101', `Parameter [${parameterName}] value is invalid`, parameterName);
}

function notFound(parameterName?: string): Refusal {
  const resource = parameterName === undefined ? 'Resource' : `Resource for parameter [${parameterName}]`;
  return apiError(404, 'CMN-102', `${resource} is not found`, parameterName);
}

const refuse: ErrorRequestHandler = (error: Error, _req, res, _next) => {
  const { status, body } = error instanceof Refusal ? error : apiError(500, 'CMN-201', String(error));
  res.status(status).json(body);
};

function misbehave(res: Response, fault: Fault): void {
  if (fault === 'hang') return;
  if (fault === 'cut') res.destroy();
  else if (fault === 'html') res.status(502).send('<html><body><h1>502 Bad Gateway</h1></body></html>');
  else if (fault === 'empty') res.end();
  else res.status(fault.status).header(fault.headers).json(fault.body);
}

/** An event filter with ids in place of `~`: that is how RingCentral lists it, whatever was asked for. */
function withIds(filter: string): string {
  return filter.replace('/account/~', `/account/${ACCOUNT_ID}`).replace('/extension/~', `/extension/${EXTENSION_ID}`);
}

/** A parameter of a query as a whole number of 1 or more, or what it is when left out. */
function numberIn(query: URLSearchParams, name: string, otherwise: number, parse: (text: string) => number = Number) {
  const given = query.get(name);
  const value = given === null ? otherwise : parse(given);
  if (!Number.isInteger(value) || value < 1) throw invalid(name);
  return value;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
