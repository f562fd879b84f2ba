import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import type { Say } from '../program.js';
import { NoAnswer, request, type Limits } from '../request.js';
import type { RingCentralSettings } from '../settings.js';
import { safeText, withoutPassword } from '../show.js';
import { fieldsOf, textOf } from '../unknown.js';
import { LoginRefused, readRefusal, RingCentralError, TRY_AGAIN, Unanswered } from './errors.js';
import { createSdk, ringCentralUrl } from './sdk.js';

/** When a refused login is tried again: a few wrong logins lock the user (OAU-147). */
const LOGIN_REFUSED_MS = 3_600_000;
/** The longest Retry-After that is waited out. */
const MAX_WAIT_SECONDS = 60;

export interface SessionOptions {
  say: Say;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** A path, or a whole URL. */
  url: string;
  query?: Record<string, string | number>;
  body?: object;
}

/** What a request is for: it completes "Could not …". The SDK cannot pass it on. */
const doingNow = new AsyncLocalStorage<string>();

/** Sends requests to RingCentral: logs in, logs in again if the login has ended, and throws errors that say what to do. */
export class Session {
  readonly #sdk: ReturnType<typeof createSdk>;
  #loggingIn: Promise<void> | undefined;
  #refused: { error: LoginRefused; at: number } | undefined;
  #accessToken = '';
  /** How far RingCentral's clock is ahead of performance.now(), in milliseconds. */
  #clock: number | undefined;
  /** The id of the user's extension; `~` before the login. */
  ownerId = '~';

  constructor(
    private readonly settings: RingCentralSettings,
    private readonly options: SessionOptions,
  ) {
    this.#sdk = createSdk(settings, (sent) => this.#fetch(sent));
  }

  /** The time by RingCentral's clock (its Date header), in milliseconds; by this machine's if there was no such header. */
  now(): number {
    return this.#clock === undefined ? Date.now() : this.#clock + performance.now();
  }

  /** Logs in, if it has not. A refused login is not sent again for an hour. Throws a Failure. */
  async logIn(): Promise<void> {
    if (this.#accessToken) return;
    await (this.#loggingIn ??= this.#logIn().finally(() => (this.#loggingIn = undefined)));
  }

  /** Resolves to the parsed answer. `doing` completes "Could not …". Throws a Failure. */
  async json(doing: string, call: Call): Promise<unknown> {
    const content = await this.text(doing, call);
    try {
      return JSON.parse(content);
    } catch {
      throw this.#badAnswer(doing, 'answered without JSON');
    }
  }

  /** The same for an answer that is text, or empty. */
  async text(doing: string, call: Call): Promise<string> {
    // A whole URL: the SDK joins server and path as text. It changes the object that it gets: each try has its own.
    const answer = await this.#send(doing, call, (url) => this.#sdk.send({ ...call, url }));
    return answer.text();
  }

  /** Hands over an attachment's content, at most 100 MiB, chunk by chunk. Resolves to its content type. Throws a Failure. */
  async download(doing: string, url: string, save: (chunk: Uint8Array) => Promise<void>): Promise<string> {
    const answer = await this.#send(doing, { method: 'GET', url }, (href) =>
      this.#fetch(new Request(href, { headers: { Authorization: `Bearer ${this.#accessToken}` } }), save),
    );
    return answer.headers.get('content-type') ?? '';
  }

  /** Logs out. Does not fail: otherwise the session expires by itself. */
  async logOut(): Promise<void> {
    if (this.#accessToken) await doingNow.run('log out', () => this.#sdk.logout()).catch(() => {});
  }

  async #logIn(): Promise<void> {
    if (this.#refused && performance.now() - this.#refused.at < LOGIN_REFUSED_MS) throw this.#refused.error;
    try {
      await this.#attempt('log in', 'POST', () => this.#sdk.login({ ...this.settings.login }));
    } catch (error) {
      if (error instanceof LoginRefused) this.#refused = { error, at: performance.now() };
      // The SDK parses the answer.
      throw error instanceof Failure ? error : this.#badAnswer('log in', 'answered without JSON');
    }
    const { access_token, owner_id } = fieldsOf(await this.#sdk.platform().auth().data());
    const [token = '', owner = ''] = [textOf(access_token), textOf(owner_id)];
    // An error of fetch() would print a token that no header can hold.
    if (!/^[\x21-\x7e]+$/.test(token)) throw this.#badAnswer('log in', 'gave no token');
    this.#accessToken = token;
    this.ownerId = /^\d+$/.test(owner) ? owner : '~';
  }

  /** Logs in and sends; if that login has ended, logs in and sends again. */
  async #send(doing: string, { method, url }: Call, send: (url: string) => Promise<Response>): Promise<Response> {
    const href = ringCentralUrl(url, this.settings.server);
    if (href === undefined)
      throw new Failure(`Could not ${doing}: ${safeText(withoutPassword(url))} is not on RingCentral's servers.`);
    const attempt = () => this.#attempt(doing, method, () => send(href));
    await this.logIn();
    const token = this.#accessToken;
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RingCentralError) || error.status !== 401) throw error;
    }
    // Another request may have logged in meanwhile.
    if (this.#accessToken === token) this.#accessToken = '';
    await this.logIn();
    return attempt();
  }

  /** Sends, and sends again if RingCentral asks for a short wait, or answers a GET with 5xx. */
  async #attempt(doing: string, method: Call['method'], send: () => Promise<Response>): Promise<Response> {
    const { say, signal } = this.options;
    try {
      return await doingNow.run(doing, send);
    } catch (error) {
      if (!(error instanceof RingCentralError)) throw error;
      const isRepeatable = method === 'GET' && error.status >= 500;
      const seconds = isRepeatable ? 1 : (error.retryAfterSeconds ?? Infinity);
      if (seconds > MAX_WAIT_SECONDS) throw error;
      if (!isRepeatable) say(`Too many requests: waiting ${seconds} s, as RingCentral asks.`);
      await sleep(seconds * 1000, undefined, signal && { signal });
      return doingNow.run(doing, send);
    }
  }

  /** The SDK's fetch(). Throws if the answer is not a success: the SDK would repeat any request that got a 401. */
  async #fetch(sent: Request, save?: Limits['save']): Promise<Response> {
    const { server, clientSecret, verificationToken, login } = this.settings;
    const { timeoutMs = 15_000, signal } = this.options;
    const doing = doingNow.getStore() ?? '';
    // Once the program is told to stop, nothing else is sent.
    const limits = doing === 'log out' ? { timeoutMs: Math.min(timeoutMs, 2000) } : { timeoutMs, signal };
    const response = await request(sent, { ...limits, save }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      // Not Unanswered: other answers may be shorter.
      if (error.code === 'TOO_LARGE') throw new Failure(`Could not ${doing}: RingCentral sent ${error.message}.`);
      const why = `${server} did not answer (${error.withProxyHint}). Check RINGCENTRAL_SERVER and the network.`;
      throw new Unanswered(`Could not ${doing}: ${why}`);
    });
    const time = Date.parse(response.headers.get('date') ?? '');
    if (time) this.#clock = time - performance.now();
    if (response.ok) return response;
    const secrets = [clientSecret, verificationToken, 'jwt' in login ? login.jwt : login.password, this.#accessToken];
    throw readRefusal(doing, response, await response.text(), this.settings, secrets.filter(Boolean));
  }

  #badAnswer(doing: string, what: string): Failure {
    return new Unanswered(`Could not ${doing}: ${this.settings.server} ${what}. ${TRY_AGAIN}`);
  }
}

/** Logs in, does the work, and logs out. Throws a Failure. */
export async function withSession(
  settings: RingCentralSettings,
  options: SessionOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const session = new Session(settings, options);
  await session.logIn();
  await work(session).finally(() => session.logOut());
}
