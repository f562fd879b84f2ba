import { AsyncLocalStorage } from 'node:async_hooks';
import { Failure } from '../errors.js';
import { NoAnswer, request, type Limits } from '../request.js';
import type { RingCentralSettings } from '../settings.js';
import { safeText, withoutPassword } from '../show.js';
import { fieldsOf, textOf } from '../unknown.js';
import { LoginRefused, readRefusal, RingCentralError, TRY_AGAIN, Unanswered } from './errors.js';
import { createSdk, ringCentralUrl } from './sdk.js';
import { sendTwice, type Patience } from './send-twice.js';

const LOGOUT_MS = 2000;
/** When a refused login is tried again, in milliseconds: a few wrong ones lock the user (OAU-147). */
const LOGIN_REFUSED_MS = 3_600_000;
/** The largest recording. */
const MAX_DOWNLOAD_BYTES = 100 * 1024 * 1024;

export type SessionOptions = Partial<Limits> & Omit<Patience, 'pauseMs'> & Partial<Pick<Patience, 'pauseMs'>>;

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** A path, or the whole URL of something on RingCentral's servers. */
  url: string;
  query?: Record<string, string | number>;
  body?: object;
}

/** What is being done while a request goes through the SDK: it completes "Could not …". */
const doingNow = new AsyncLocalStorage<string>();

/**
 * Everything that talks to RingCentral goes through here: with a login when the first one needs it, within a time limit,
 * with errors that say what to do, and with a new login if this one has ended.
 */
export class Session {
  readonly #settings: RingCentralSettings;
  readonly #options: Limits & Patience;
  readonly #sdk: ReturnType<typeof createSdk>;
  #loggingIn: Promise<void> | undefined;
  #refused: { error: LoginRefused; at: number } | undefined;
  #accessToken = '';
  #clock: { time: number; at: number } | undefined;
  /** The id of the user's extension; `~` until a login has told it. */
  ownerId = '~';

  constructor(settings: RingCentralSettings, options: SessionOptions) {
    this.#settings = settings;
    this.#options = { timeoutMs: 15_000, pauseMs: 1000, ...options };
    this.#sdk = createSdk(settings, (sent) => this.#fetch(sent));
  }

  /** What time it is by RingCentral's clock (its Date header), in milliseconds; by this machine's if it has told none. */
  now(): number {
    return this.#clock ? this.#clock.time + performance.now() - this.#clock.at : Date.now();
  }

  /**
   * Logs in, if it has not: token requests are limited to 5 a minute. A refused login is not sent again for an hour.
   * Throws a Failure.
   */
  logIn(): Promise<void> {
    if (this.#accessToken) return Promise.resolve();
    this.#loggingIn ??= this.#logIn().finally(() => (this.#loggingIn = undefined));
    return this.#loggingIn;
  }

  /** Sends a request. `doing` completes "Could not …". Resolves to the parsed answer. Throws a Failure. */
  async json(doing: string, call: Call): Promise<unknown> {
    const content = await this.text(doing, call);
    try {
      return JSON.parse(content);
    } catch {
      throw this.#withoutJson(doing);
    }
  }

  /** The same, for an answer that is text, or none. */
  async text(doing: string, call: Call): Promise<string> {
    const url = this.#urlOf(doing, call.url);
    // A whole URL: the SDK joins server and path as text. It changes the object that it gets: each try has its own.
    const answer = await this.#send(doing, call.method, () => this.#sdk.send({ ...call, url }));
    return answer.text();
  }

  /** Hands over an attachment's content, at most 100 MiB, chunk by chunk. Resolves to its content type. Throws a Failure. */
  async download(doing: string, url: string, save: (chunk: Uint8Array) => Promise<void>): Promise<string> {
    const href = this.#urlOf(doing, url);
    const answer = await this.#send(doing, 'GET', () => {
      const headers = { Authorization: `Bearer ${this.#accessToken}` };
      return this.#fetch(new Request(href, { headers }), { save, maxBytes: MAX_DOWNLOAD_BYTES });
    });
    return answer.headers.get('content-type') ?? '';
  }

  /** Gives the session back. It ends by itself otherwise, so a failure does not matter. */
  async logOut(): Promise<void> {
    this.#options.timeoutMs = Math.min(this.#options.timeoutMs, LOGOUT_MS);
    // Also if the program was told to stop.
    this.#options.signal = undefined;
    if (this.#accessToken) await this.#sdk.logout().catch(() => {});
  }

  async #logIn(): Promise<void> {
    if (this.#refused && performance.now() - this.#refused.at < LOGIN_REFUSED_MS) throw this.#refused.error;
    try {
      await this.#attempt('log in', 'POST', () => this.#sdk.login({ ...this.#settings.login }));
    } catch (error) {
      if (error instanceof LoginRefused) this.#refused = { error, at: performance.now() };
      // The SDK parses the answer.
      throw error instanceof Failure ? error : this.#withoutJson('log in');
    }
    const { access_token: token, owner_id: owner } = fieldsOf(await this.#sdk.platform().auth().data());
    // What no header can hold is no token, and must not be printed by who would refuse it.
    if (!/^[\x21-\x7e]+$/.test(textOf(token) ?? ''))
      throw new Unanswered(`Could not log in: ${this.#settings.server} gave no token. ${TRY_AGAIN}`);
    this.#accessToken = textOf(token) ?? '';
    this.ownerId = /^\d+$/.test(textOf(owner) ?? '') ? String(owner) : '~';
  }

  /** Sends with a login, and once more with a new one if this one has ended. */
  async #send(doing: string, method: Call['method'], send: () => Promise<Response>): Promise<Response> {
    await this.logIn();
    const token = this.#accessToken;
    try {
      return await this.#attempt(doing, method, send);
    } catch (error) {
      if (!(error instanceof RingCentralError) || error.status !== 401) throw error;
    }
    // Another request may have logged in meanwhile.
    if (this.#accessToken === token) this.#accessToken = '';
    await this.logIn();
    return this.#attempt(doing, method, send);
  }

  #attempt(doing: string, method: Call['method'], send: () => Promise<Response>): Promise<Response> {
    return sendTwice(method, () => doingNow.run(doing, send), this.#options);
  }

  /** What the SDK sends with. It throws what is not a success: the SDK repeats what has a `response` of 401. */
  async #fetch(sent: Request, limits: Partial<Limits> = {}): Promise<Response> {
    const { server, clientSecret, verificationToken, login } = this.#settings;
    const doing = doingNow.getStore() ?? '';
    const response = await request(sent, { ...this.#options, ...limits }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      // The next one may be shorter.
      if (error.code === 'TOO_LARGE') throw new Failure(`Could not ${doing}: RingCentral sent ${error.message}.`);
      const why = `${server} did not answer (${error.withProxyHint}). Check RINGCENTRAL_SERVER and the network.`;
      throw new Unanswered(`Could not ${doing}: ${why}`);
    });
    const time = Date.parse(response.headers.get('date') ?? '');
    if (time) this.#clock = { time, at: performance.now() };
    if (response.ok) return response;
    const secrets = [clientSecret, verificationToken, 'jwt' in login ? login.jwt : login.password, this.#accessToken];
    throw readRefusal(doing, response, await response.text(), this.#settings, secrets.filter(Boolean));
  }

  #withoutJson(doing: string): Failure {
    return new Unanswered(`Could not ${doing}: ${this.#settings.server} answered without JSON. ${TRY_AGAIN}`);
  }

  #urlOf(doing: string, given: string): string {
    const url = ringCentralUrl(given, this.#settings.server);
    if (url !== undefined) return url;
    throw new Failure(`Could not ${doing}: ${safeText(withoutPassword(given))} is not RingCentral.`);
  }
}

/** Logs in, does the work, and gives the session back at the end. Throws a Failure. */
export async function withSession(
  settings: RingCentralSettings,
  options: SessionOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const session = new Session(settings, options);
  await session.logIn();
  await work(session).finally(() => session.logOut());
}
