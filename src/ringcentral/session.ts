import { setTimeout as sleep } from 'node:timers/promises';
import { SDK } from '@ringcentral/sdk';
import { Failure } from '../failure.js';
import { fields, list } from '../fields.js';
import { safeText, shown } from '../safe-text.js';
import type { RingCentralSettings } from '../settings.js';
import { NoAnswer, timedFetch } from '../timed-fetch.js';
import { advice } from './advice.js';

const REQUEST_TIMEOUT_MS = 15_000;
/** The longest Retry-After that is waited out, in seconds, and what counts where there is none. */
const MAX_WAIT_SECONDS = 60;

/** RingCentral refused a request. */
export class RingCentralError extends Failure {
  constructor(
    message: string,
    /** RingCentral's error codes, the most exact first; none where the answer had none. */
    readonly codes: string[],
    readonly parameterName: string | undefined,
    /** How long to wait before the next try, where there were too many requests. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message);
  }
}

/** Whether something thrown is RingCentral's refusal with this code. */
export function isRefusal(error: unknown, code: string): error is RingCentralError {
  return error instanceof RingCentralError && error.codes.includes(code);
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** A path, or the whole URL of something on the same server. */
  url: string;
  query?: Record<string, string | number>;
  body?: object;
}

/** A login. All that talks to RingCentral goes through here: within a time limit, and with errors that say what to do. */
export class Session {
  readonly #sdk: SDK;
  readonly #server: string;
  /** The code that says the most of a refused login. */
  readonly #wrongLogin: string;
  readonly #say: (line: string) => void;

  private constructor({ server, clientId, clientSecret, login }: RingCentralSettings, say: (line: string) => void) {
    this.#server = server;
    this.#say = say;
    this.#wrongLogin = 'jwt' in login ? 'OAU-252' : 'OAU-140';
    // The SDK by itself never gives up waiting for an answer.
    const fetch = (input: string | URL | Request) => timedFetch(input, REQUEST_TIMEOUT_MS);
    this.#sdk = new SDK({ server, clientId, clientSecret, fetch, Request, Response, Headers });
  }

  /** Logs in, once: token requests are limited to 5 a minute. Throws a Failure. */
  static async logIn(settings: RingCentralSettings, say: (line: string) => void): Promise<Session> {
    const session = new Session(settings, say);
    await session.#attempt('log in', () => session.#sdk.login(settings.login));
    return session;
  }

  /** Sends a request. `doing` completes "RingCentral refused to …". Resolves to the parsed answer. Throws a Failure. */
  async json(doing: string, call: Call): Promise<unknown> {
    const answer = await this.text(doing, call);
    try {
      return JSON.parse(answer);
    } catch {
      throw new Failure(`RingCentral did not ${doing}: ${this.#server} answered without JSON. ${TRY_AGAIN}`);
    }
  }

  /** The same, for an answer that is text, or none. The SDK marks what it sends: a second try needs a copy. */
  async text(doing: string, call: Call): Promise<string> {
    // The access token goes to RingCentral alone, whatever address a record holds.
    if (!isRingCentral(call.url, this.#server))
      throw new Failure(`RingCentral did not ${doing}: ${safeText(call.url)} is not RingCentral.`);
    return (await this.#attempt(doing, () => this.#sdk.send({ ...call }))).text();
  }

  /** Sends, and once more where RingCentral asks to wait and the wait is short. */
  async #attempt(doing: string, send: () => Promise<Response>): Promise<Response> {
    try {
      return await send();
    } catch (error) {
      const failure = await this.#explain(doing, error);
      const seconds = failure instanceof RingCentralError ? failure.retryAfterSeconds : undefined;
      if (seconds === undefined || seconds > MAX_WAIT_SECONDS) throw failure;
      this.#say(`RingCentral had too many requests and asks to wait ${seconds} s: waiting.`);
      await sleep(seconds * 1000);
    }
    try {
      return await send();
    } catch (error) {
      throw await this.#explain(doing, error);
    }
  }

  async #explain(doing: string, error: unknown): Promise<Failure> {
    if (error instanceof NoAnswer)
      return new Failure(
        `RingCentral did not ${doing}: ${this.#server}: ${error.message}. Check RINGCENTRAL_SERVER and the network.`,
      );
    const response = error instanceof Error && 'response' in error ? error.response : undefined;
    // Without a response it is what the SDK says of an answer to the login that it could not read.
    if (!(response instanceof Response))
      return new Failure(`RingCentral did not ${doing}: ${this.#server} answered without JSON. ${TRY_AGAIN}`);
    const { codes, message, parameterName } = readError(await response.text());
    const retryAfter = Number(response.headers.get('retry-after'));
    const retryAfterSeconds = response.status === 429 ? (retryAfter > 0 ? retryAfter : MAX_WAIT_SECONDS) : undefined;
    const what = codes[0] ? `${codes[0]} ${message}` : `${this.#server} answered ${response.status} without JSON`;
    const known = codes.includes('invalid_grant') ? [...codes, this.#wrongLogin] : codes;
    const next =
      retryAfterSeconds === undefined
        ? (advice(known, parameterName) ?? (codes[0] && response.status < 500 ? '' : TRY_AGAIN))
        : `Try again in ${retryAfterSeconds} s, not earlier: each early try restarts the wait.`;
    // An answer may repeat what it was sent.
    const { access_token: accessToken, refresh_token: refreshToken } = await this.#sdk.platform().auth().data();
    const hide = (text: string, token: string | undefined) => (token ? text.replaceAll(token, '[token]') : text);
    return new RingCentralError(
      `RingCentral refused to ${doing}: ${[accessToken, refreshToken].reduce(hide, what).replace(/\.?$/, '.')}${next && `\n${next}`}`,
      codes,
      parameterName,
      retryAfterSeconds,
    );
  }
}

function isRingCentral(url: string, server: string): boolean {
  if (!URL.canParse(url, server)) return false;
  const { origin, protocol, hostname } = new URL(url, server);
  return origin === server || (protocol === 'https:' && hostname.endsWith('.ringcentral.com'));
}

const TRY_AGAIN = 'Check RINGCENTRAL_SERVER, or try again later: https://status.ringcentral.com';

/** What an error answer says: `{ errorCode, message, errors }`, the token endpoint's `{ error, error_description, … }`. */
function readError(answer: string): { codes: string[]; message: string; parameterName: string | undefined } {
  let body: unknown;
  try {
    body = JSON.parse(answer);
  } catch {
    // A gateway's page: no code.
  }
  const { errorCode, message, error, error_description: description, errors } = fields(body);
  const first = fields(list(errors)[0]);
  return {
    codes: [first['errorCode'], errorCode, error].map(shown).filter((code) => code !== undefined),
    message: shown(first['message']) ?? shown(message) ?? shown(description) ?? '',
    parameterName: shown(first['parameterName']),
  };
}
