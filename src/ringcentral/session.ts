// The SDK's index loads node-fetch, and so punycode: some releases of Node.js warn of it.
import { SDK } from '@ringcentral/sdk/lib/SDK.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../pace.js';
import type { Say } from '../program.js';
import { NoAnswer, request, type Limits } from '../request.js';
import type { RingCentralSettings } from '../settings.js';
import { safeText, withoutPassword } from '../show.js';
import { fieldsOf, parseJson, textOf } from '../unknown.js';
import { badAnswer, readRefusal, RingCentralError } from './errors.js';

type Send = () => Promise<Response>;
type SessionOptions = { say: Say; signal?: AbortSignal | undefined; timeoutMs?: number };

/** `url` is a path, or a whole URL. */
type Call = { method: 'GET' | 'POST' | 'DELETE'; url: string; query?: object; body?: object };

export type Session = ReturnType<typeof createSession>;

/** Sends requests to RingCentral: logs in, and again if the login has ended. They throw Failures that say what to do. */
export function createSession(settings: RingCentralSettings, { say, signal, timeoutMs = 15_000 }: SessionOptions) {
  const { server, clientId, clientSecret } = settings;
  const tokens = new Map<string, string>();
  const localStorage = { getItem: tokens.get.bind(tokens), setItem: tokens.set.bind(tokens) };
  // The SDK keeps its token in the global one, of which Node.js 26 warns.
  Object.defineProperty(globalThis, 'localStorage', { value: localStorage, configurable: true });
  const sdk = new SDK({ server, clientId, clientSecret, fetch: (input) => exchange(new Request(input)) });
  // The SDK would refresh an expired token, but RingCentral issues no refresh tokens by default.
  sdk.platform().ensureLoggedIn = () => Promise.resolve(null);

  /** The last login: under way, done, or refused. */
  let login: Promise<void> | undefined;
  /** RingCentral's time when performance.now() was 0. This machine's until RingCentral has told its own. */
  let clock = performance.timeOrigin;

  /** fetch(). Throws if the answer is not a success: the SDK would repeat any request that got a 401. */
  async function exchange(sent: Request, save?: Limits['save']): Promise<Response> {
    // Once the program is told to stop, it only logs out.
    const limits = sent.url.endsWith('/revoke') ? { timeoutMs: 2000 } : { timeoutMs, signal };
    const answer = await request(sent, { ...limits, save }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      if (error.code === 'TOO_LARGE') throw new RingCentralError(`RingCentral sent ${error.message}.`, 'refused');
      const why = `did not answer (${error.withProxyHint}). Check RINGCENTRAL_SERVER and the network.`;
      throw new RingCentralError(`${server} ${why}`, 'unanswered');
    });
    const time = Date.parse(answer.headers.get('date') ?? '');
    if (time) clock = time - performance.now();
    if (answer.ok) return answer;
    throw await readRefusal(sent, answer, settings);
  }

  /** Sends, and once more after a new login, if RingCentral asks to wait up to a minute, or if a GET got a 5xx. */
  async function attempt(doing: string, method: string, send: Send, turn: 'first' | 'last' = 'first') {
    const used = method === 'LOGIN' ? undefined : logIn();
    await used;
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof RingCentralError)) throw error;
      const hasEnded = used && turn === 'first' && error.status === 401;
      // Another request may have logged in meanwhile.
      if (hasEnded && login === used) login = undefined;
      const waitMs = method === 'GET' && error.status >= 500 ? SECOND_MS : error.retryAfterMs;
      if (!hasEnded && (turn === 'last' || waitMs === 0 || waitMs > MINUTE_MS)) {
        const what = error.kind === 'login refused' ? 'RingCentral rejected the login' : `Could not ${doing}`;
        throw error.withMessage(`${what}: ${error.message}`);
      }
      if (error.status === 429) say(`Too many requests: waiting ${waitMs / SECOND_MS} s, as RingCentral asks.`);
      await sleep(waitMs, undefined, signal && { signal });
      return attempt(doing, method, send, 'last');
    }
  }

  async function startLogin(): Promise<void> {
    try {
      const answer = await attempt('log in', 'LOGIN', () => sdk.login({ ...settings.login }));
      const { access_token, owner_id } = fieldsOf(await answer.json());
      // An error of fetch() would print a token that no header can hold; servers refuse one that is too long (431).
      if (!/^[\x21-\x7e]{1,8000}$/.test(textOf(access_token) ?? ''))
        throw badAnswer('log in', `${server} gave no token`);
      session.ownerId = /^\d+$/.exec(textOf(owner_id) ?? '')?.[0] ?? '~';
    } catch (cause) {
      // The SDK parses the answer.
      const error = cause instanceof RingCentralError ? cause : badAnswer('log in', `${server} answered without JSON`);
      // A few wrong logins lock the user (OAU-147).
      if (error.kind === 'login refused') setTimeout(() => (login = undefined), HOUR_MS).unref();
      else login = undefined;
      throw error;
    }
  }

  /** Logs in, if it has not. A refused login is not sent again for an hour. */
  const logIn = () => (login ??= startLogin());

  const session = {
    /** The id of the user's extension; `~` before the login. */
    ownerId: '~',
    logIn,
    /** Resolves to the parsed answer. `doing` completes "Could not …". */
    async json(doing: string, call: Call): Promise<unknown> {
      const answer = parseJson(await session.text(doing, call));
      if (answer === undefined) throw badAnswer(doing, `${server} answered without JSON`);
      return answer;
    },
    /** The same for an answer that is text, or empty. */
    async text(doing: string, call: Call): Promise<string> {
      // The SDK joins server and path as text, and changes the object that it gets.
      const send = () => sdk.send({ ...call, url: ringCentralUrl(call.url, server) });
      return (await attempt(doing, call.method, send)).text();
    },
    /** The records of a list, and the whole answer. */
    async list(doing: string, url: string, query: object = {}) {
      const answer = fieldsOf(await session.json(doing, { method: 'GET', url, query }));
      const { records } = answer;
      if (!Array.isArray(records)) throw badAnswer(doing, 'RingCentral answered without a list');
      return { records: records.map(fieldsOf), answer };
    },
    /** Hands over an attachment's content, at most 100 MiB, chunk by chunk. Resolves to its content type. */
    async download(doing: string, url: string, save: (chunk: Uint8Array) => Promise<void>): Promise<string> {
      const answer = await attempt(doing, 'GET', async () => {
        const headers = { Authorization: await sdk.platform().authHeader() };
        return exchange(new Request(ringCentralUrl(url, server), { headers }), save);
      });
      return answer.headers.get('content-type') ?? '';
    },
    /** Does not fail: otherwise the session expires by itself. */
    logOut: async () => void (await login?.then(sdk.logout).catch(() => {})),
    /** The time by RingCentral's clock (its Date header), in milliseconds. */
    now: () => clock + performance.now(),
  };
  return session;
}

/** Logs in, does the work, and logs out. Throws a Failure. */
export async function withSession(session: Session, work: (session: Session) => Promise<void>): Promise<void> {
  await session.logIn();
  await work(session).finally(session.logOut);
}

/** A whole URL. Throws a Failure if it is not RingCentral's: records hold URLs, and nobody else may get the access token. */
export function ringCentralUrl(given: string, server: string): string {
  const url = URL.canParse(given, server) ? new URL(given, server) : undefined;
  const isTheirs = url?.protocol === 'https:' && /\.ringcentral\.(com|biz)$/.test(url.hostname);
  // fetch() refuses a URL with a password.
  if (url && !url.username && !url.password && (isTheirs || url.origin === server)) return url.href;
  throw new RingCentralError(`${safeText(withoutPassword(given))} is not on RingCentral's servers.`, 'refused');
}
