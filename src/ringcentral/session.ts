import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SDK } from '@ringcentral/sdk';
import { NoAnswer, request, type Limits } from '../request.js';
import type { RingCentralSettings } from '../settings.js';
import { Failure, safeText, withoutPassword } from '../text.js';
import { readRefusal, RingCentralError, TRY_AGAIN, Unanswered } from './errors.js';

/** The longest Retry-After that is waited out, in seconds. */
const MAX_WAIT_SECONDS = 60;
const LOGOUT_MS = 2000;

interface SessionOptions extends Partial<Limits> {
  /** Tells a person something, in one line. */
  say: (line: string) => void;
  /** How long to wait before a GET that failed with a 5xx is sent once more, in milliseconds. */
  pauseMs?: number;
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** A path, or the whole URL of something on RingCentral's servers. */
  url: string;
  query?: Record<string, string | number>;
  body?: object;
}

/**
 * A login. Everything that talks to RingCentral goes through here, one request at a time: within a time limit, with
 * errors that say what to do, and with a new login if this one has ended.
 */
export class Session {
  readonly #sdk: SDK;
  readonly #settings: RingCentralSettings;
  readonly #options: Required<Omit<SessionOptions, 'signal'>> & Limits;
  /** Completes "RingCentral refused to …". */
  #doing = '';
  #accessToken = '';

  private constructor(settings: RingCentralSettings, options: SessionOptions) {
    const { server, clientId, clientSecret } = settings;
    this.#settings = settings;
    this.#options = { timeoutMs: 15_000, pauseMs: 1000, ...options };
    const fetch = (input: string | URL | Request) => this.#fetch(new Request(input));
    // Sessions of one program would share their tokens under one prefix.
    const cachePrefix = randomUUID();
    this.#sdk = new SDK({ server, clientId, clientSecret, cachePrefix, fetch, Request, Response, Headers });
    // The SDK would refresh a token that ends, and RingCentral issues no refresh tokens by default.
    this.#sdk.platform().ensureLoggedIn = () => Promise.resolve(new Response());
  }

  /** Logs in, once: token requests are limited to 5 a minute. Throws a Failure. */
  static async logIn(settings: RingCentralSettings, options: SessionOptions): Promise<Session> {
    const session = new Session(settings, options);
    await session.#logIn();
    return session;
  }

  /** Sends a request. `doing` completes "RingCentral refused to …". Resolves to the parsed answer. Throws a Failure. */
  async json(doing: string, call: Call): Promise<unknown> {
    const content = await this.text(doing, call);
    try {
      return JSON.parse(content);
    } catch {
      throw this.#withoutJson();
    }
  }

  /** The same, for an answer that is text, or none. */
  async text(doing: string, call: Call): Promise<string> {
    const { server } = this.#settings;
    const url = URL.canParse(call.url, server) ? new URL(call.url, server) : undefined;
    // fetch() refuses a URL with a password, and the SDK takes anything but http for a path.
    if (!url || url.username || url.password || !/^https?:$/.test(url.protocol)) throw notRingCentral(doing, call.url);
    // A whole URL: the SDK joins server and path as text. It changes the object that it gets: each try has its own.
    const send = () => this.#sdk.send({ ...call, url: url.href });
    try {
      return await (await this.#attempt(doing, send, call.method)).text();
    } catch (error) {
      if (!(error instanceof RingCentralError) || error.status !== 401) throw error;
    }
    await this.#logIn();
    return (await this.#attempt(doing, send, call.method)).text();
  }

  /** Gives the session back. It ends by itself otherwise, so a failure does not matter. */
  async logOut(): Promise<void> {
    this.#options.timeoutMs = Math.min(this.#options.timeoutMs, LOGOUT_MS);
    // Also if the program was told to stop.
    this.#options.signal = undefined;
    await this.#sdk.logout().catch(() => {});
  }

  async #logIn(): Promise<void> {
    // The SDK parses the answer.
    const logIn = () =>
      this.#sdk.login({ ...this.#settings.login }).catch((error: unknown) => {
        throw error instanceof SyntaxError ? this.#withoutJson() : error;
      });
    await this.#attempt('log in', logIn, 'POST');
    this.#accessToken = (await this.#sdk.platform().auth().data()).access_token ?? '';
    if (!this.#accessToken)
      throw new Failure(`RingCentral did not log in: ${this.#settings.server} gave no token. ${TRY_AGAIN}`);
  }

  /** Sends, and once more if RingCentral asks for a short wait, or if a GET meets a 5xx. */
  async #attempt(doing: string, send: () => Promise<Response>, method: Call['method']): Promise<Response> {
    const { say, signal, pauseMs } = this.#options;
    this.#doing = doing;
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof RingCentralError)) throw error;
      const { status, retryAfterSeconds: seconds = Infinity } = error;
      const isPassing = method === 'GET' && status >= 500;
      if (!isPassing && seconds > MAX_WAIT_SECONDS) throw error;
      if (!isPassing) say(`Too many requests: waiting ${seconds} s, as RingCentral asks.`);
      await sleep(isPassing ? pauseMs : seconds * 1000, undefined, signal && { signal });
      return await send();
    }
  }

  /** What the SDK sends with. It throws what is not a success: the SDK would repeat what was answered 401. */
  async #fetch(sent: Request): Promise<Response> {
    const { server, clientSecret, verificationToken, login } = this.#settings;
    // Whatever address a record holds: the access token goes to RingCentral alone.
    if (!isRingCentral(sent.url, server)) throw notRingCentral(this.#doing, sent.url);
    const response = await request(sent, this.#options).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      const reason = `${server}: ${error.withProxyHint}. Check RINGCENTRAL_SERVER and the network.`;
      throw new Unanswered(`RingCentral did not ${this.#doing}: ${reason}`);
    });
    if (response.ok) return response;
    const secrets = [clientSecret, verificationToken, 'jwt' in login ? login.jwt : login.password, this.#accessToken];
    throw readRefusal(this.#doing, response, await response.text(), this.#settings, secrets.filter(Boolean));
  }

  #withoutJson(): Failure {
    return new Unanswered(
      `RingCentral did not ${this.#doing}: ${this.#settings.server} answered without JSON. ${TRY_AGAIN}`,
    );
  }
}

function notRingCentral(doing: string, url: string): Failure {
  return new Failure(`RingCentral did not ${doing}: ${safeText(withoutPassword(url))} is not RingCentral.`);
}

function isRingCentral(url: string, server: string): boolean {
  const { origin, protocol, hostname } = new URL(url);
  return origin === server || (protocol === 'https:' && /\.ringcentral\.(com|biz)$/.test(hostname));
}
