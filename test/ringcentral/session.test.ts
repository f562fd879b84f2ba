import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import timers from 'node:timers/promises';
import { apiError, CREDENTIALS, EXTENSION_ID, loginError, type Fault } from '../../scripts/fake/platform.js';
import { LoginRefused, RingCentralError, Unanswered } from '../../src/ringcentral/errors.js';
import { ringCentralUrl } from '../../src/ringcentral/sdk.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, logIn, newSession, serve, startPlatform } from '../support/in-process.js';
import {
  asked,
  failureOf,
  PASSWORD,
  sentTo,
  SUBSCRIPTION,
  SUBSCRIPTIONS,
  TOKEN_PATH,
  tooMany,
} from '../support/ringcentral.js';

const LIST = { method: 'GET', url: '/restapi/v1.0/subscription' } as const;
const UNAVAILABLE = apiError(503, 'CMN-211', 'Service Temporary Unavailable');
const WRONG_JWT = { ...CREDENTIALS, RINGCENTRAL_JWT: 'jwt.of.another' };
const NO_TOKEN = /: SERVER gave no token\. Check RINGCENTRAL_SERVER/;
const CONTENT = /\/content\//;
const SERVER = 'http://127.0.0.1';
const HOUR_MS = 3_600_000;

beforeEach(() => void jest.spyOn(console, 'warn').mockImplementation(() => {}));
afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

/** A platform, a session at it, and how to ask for the list of subscriptions. */
async function start(options: object = {}) {
  const platform = await startPlatform();
  const { session, said } = await logIn(platform, CREDENTIALS, options);
  return { platform, session, said, list: () => session.json('list the subscriptions', LIST) };
}

/** Has waits pass at once. Fills with how long they were, in milliseconds. */
function interceptWaits(): number[] {
  const waits: number[] = [];
  jest.spyOn(timers, 'setTimeout').mockImplementation((ms = 0) => Promise.resolve(void waits.push(ms) as never));
  return waits;
}

describe('a login', () => {
  it('sends the JWT once, and nothing else, however many ask for it', async () => {
    const platform = await startPlatform();
    const { session, said } = newSession(platform);
    expect(platform.requests).toEqual([]);
    expect(session.ownerId).toBe('~');
    await Promise.all([session.logIn(), session.logIn(), session.logIn()]);
    await session.logIn();
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const assertion = CREDENTIALS.RINGCENTRAL_JWT;
    expect(platform.requests.map(({ body }) => body)).toEqual([{ grant_type, assertion }]);
    expect(session.ownerId).toBe(EXTENSION_ID);
    expect(said).toEqual([]);
  });

  it.each([
    ['with an extension', {}],
    ['with a direct number', { RINGCENTRAL_EXTENSION: '' }],
  ])('still works with a password, %s', async (_, env) => {
    const platform = await startPlatform();
    const { session } = await logIn(platform, { ...PASSWORD, ...env });
    expect(sentTo(platform, 'POST', TOKEN_PATH)).toMatchObject([{ grant_type: 'password' }]);
    await expect(session.json('list the subscriptions', LIST)).resolves.toMatchObject({ records: [] });
  });

  it.each([
    [400, WRONG_JWT],
    [401, WRONG_JWT],
    [403, WRONG_JWT],
    [401, { ...PASSWORD, RINGCENTRAL_PASSWORD: 'of-another' }],
  ])('that is refused with %i is not sent again for an hour', async (status, env) => {
    const platform = await startPlatform();
    platform.refusedLoginStatus = status;
    const { session } = newSession(platform, env);
    const error = await failureOf(session.logIn());
    expect(error).toBeInstanceOf(LoginRefused);
    const started = performance.now();
    const later = (ms: number) => jest.spyOn(performance, 'now').mockReturnValue(started + ms);
    later(HOUR_MS - 60_000);
    await expect(session.logIn()).rejects.toBe(error);
    await expect(session.json('list the subscriptions', LIST)).rejects.toBe(error);
    expect(asked(platform)).toEqual(['POST token']);
    later(HOUR_MS);
    expect(await failureOf(session.logIn())).toBeInstanceOf(LoginRefused);
    expect(asked(platform)).toEqual(['POST token', 'POST token']);
  });

  it.each<[string, Fault]>([
    ['a 5xx', UNAVAILABLE],
    ['the page of a gateway', 'html'],
    ['a 403 that is a page', { status: 403, body: '<p>Sign in</p>' }],
    ['a 401 with other JSON', { status: 401, body: { message: 'Who are you?' } }],
    ['a 408 without a body', { status: 408, body: '' }],
    ['a redirect', { status: 302, headers: { Location: '/elsewhere' }, body: '' }],
    ['a long wait', tooMany(300)],
    ['a cut connection', 'cut'],
  ])('is sent once, but does not count as refused, if the answer is %s', async (_, fault) => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, fault, 1);
    const { session } = newSession(platform);
    expect(await failureOf(session.logIn())).not.toBeInstanceOf(LoginRefused);
    expect(asked(platform)).toEqual(['POST token']);
    await session.logIn();
    expect(platform.sessions).toBe(1);
  });

  const withToken = (access_token: unknown): Fault => ({ status: 200, body: { access_token } });
  it.each<[string, Fault, RegExp]>([
    ['never comes', 'hang', /: SERVER did not answer \(no answer within 0\.3 seconds\)\. Check RINGCENTRAL_SERVER/],
    ['is empty', 'empty', /: SERVER answered without JSON\. Check RINGCENTRAL_SERVER/],
    ['is a page', { status: 200, body: '<p>Hello</p>' }, /: SERVER answered without JSON\. Check/],
    ['has no token', { status: 200, body: {} }, NO_TOKEN],
    ['has a token with a space', withToken('odd token'), NO_TOKEN],
    ['has a token with a line break', withToken('odd\r\ntoken'), NO_TOKEN],
    ['has a token that is no ASCII', withToken('odd☎token'), NO_TOKEN],
    ['has a token that is a number', withToken(7), NO_TOKEN],
  ])('says so, and asks for nothing, if the answer to it %s', async (_, fault, line) => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, fault);
    const { session, said } = newSession(platform, CREDENTIALS, { timeoutMs: 300 });
    const { message } = await failureOf(session.json('list the subscriptions', LIST));
    expect(message.replace(platform.url, 'SERVER')).toMatch(line);
    expect(message).not.toContain('odd');
    expect(said).toEqual([]);
    expect(asked(platform)).toEqual(['POST token']);
  });

  it.each(['name', '../../1', 7, undefined])('that tells %j as its user tells none', async (owner_id) => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, { status: 200, body: { access_token: 'x', owner_id } });
    expect((await logIn(platform)).session.ownerId).toBe('~');
  });

  it('is not refreshed before a request, since RingCentral issues no refresh tokens', async () => {
    const platform = await startPlatform();
    platform.validTokens.add('short');
    platform.fail('POST', TOKEN_PATH, { status: 200, body: { access_token: 'short', expires_in: 0 } });
    await (await logIn(platform)).session.json('list the subscriptions', LIST);
    expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
  });

  it('has its own token beside another session of the same program', async () => {
    const { platform, session, list } = await start();
    const other = await logIn(platform);
    await other.session.logOut();
    await list();
    await session.logOut();
    expect(asked(platform)).toEqual(['POST token', 'POST token', 'POST revoke', 'GET subscription', 'POST revoke']);
  });
});

describe("RingCentral's clock", () => {
  const DAYS_MS = 3 * 86_400_000;
  const isNow = (now: number, session: Session) => expect(Math.abs(session.now() - now)).toBeLessThan(60_000);

  it.each([0, DAYS_MS, -DAYS_MS])('counts, if it is %i ms ahead, whatever this machine does to its own', async (ms) => {
    const { platform, session, list } = await start();
    platform.clockOffsetMs = ms;
    await list();
    const { now } = platform;
    jest.spyOn(Date, 'now').mockReturnValue(now + 7 * DAYS_MS);
    isNow(now, session);
  });

  it('is told by refusals, too, and is that of this machine until it is told', async () => {
    const platform = await startPlatform();
    Object.assign(platform, { dateHeader: false, clockOffsetMs: DAYS_MS });
    const { session } = await logIn(platform);
    isNow(Date.now(), session);
    platform.dateHeader = true;
    await failureOf(session.text('read it', { method: 'GET', url: '/restapi/v1.0/nothing' }));
    isNow(platform.now, session);
  });
});

describe('a login that has ended', () => {
  it('is followed by one new login for all that are under way, and then by their requests again', async () => {
    const { platform, list } = await start();
    platform.endSessions();
    await Promise.all([list(), list(), list()]);
    await list();
    expect(sentTo(platform, 'POST', TOKEN_PATH)).toHaveLength(2);
    expect(sentTo(platform, 'GET', SUBSCRIPTIONS)).toHaveLength(7);
  });

  it('sends what it had sent: method, query and body', async () => {
    const { platform, session } = await start();
    platform.endSessions();
    const url = `${LIST.url}?x=1`;
    const body = { eventFilters: ['a b'] };
    await failureOf(session.text('create the subscription', { method: 'POST', url, query: { page: 2 }, body }));
    const sent = platform.requests.filter(({ path }) => SUBSCRIPTIONS.test(path));
    const same = { method: 'POST', query: new URLSearchParams('x=1&page=2'), body };
    expect(sent).toMatchObject([same, same]);
  });

  it('is told as RingCentral words it if the new login does not help', async () => {
    const { platform, list } = await start();
    platform.fail('GET', SUBSCRIPTIONS, apiError(401, 'OAU-999', 'Not with this app'));
    const { message } = await failureOf(list());
    expect(message).toBe('Could not list the subscriptions: OAU-999 Not with this app.');
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token', 'GET subscription']);
  });

  it('is not mended by a login that is refused, which is sent once and told', async () => {
    const { platform, list } = await start();
    platform.endSessions();
    platform.fail('POST', TOKEN_PATH, loginError('invalid_grant', 'OAU-252', 'JWT is revoked', 401));
    const error = await failureOf(list());
    expect(error).toBeInstanceOf(LoginRefused);
    expect(error.message).toMatch(/rejected the login: OAU-252 JWT is revoked\.\n.*RINGCENTRAL_JWT/);
    await expect(list()).rejects.toBe(error);
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token']);
  });
});

describe('too many requests', () => {
  it.each([
    ['POST', TOKEN_PATH, 'GET'],
    ['GET', SUBSCRIPTIONS, 'GET'],
    ['POST', SUBSCRIPTIONS, 'POST'],
    ['DELETE', SUBSCRIPTION, 'DELETE'],
  ] as const)('have a short wait waited out, and said: %s %s', async (refused, path, method) => {
    const waits = interceptWaits();
    const platform = await startPlatform();
    const { session, said } = newSession(platform);
    platform.fail(refused, path, tooMany(60), 1);
    platform.fail(method, /subscription/, { status: 200, body: {} }, 1);
    await session.json('do that', { method, url: method === 'DELETE' ? `${LIST.url}/1` : LIST.url });
    expect(waits).toEqual([60_000]);
    expect(said).toEqual(['Too many requests: waiting 60 s, as RingCentral asks.']);
    expect(asked(platform)).toHaveLength(3);
  });

  it.each([
    ['at once if the wait is long', [61], 61],
    ['after one short wait', [1, 45], 45],
  ])('are told when to try again, %s', async (_, waits, seconds) => {
    interceptWaits();
    const { platform, list } = await start();
    for (const wait of waits) platform.fail('GET', SUBSCRIPTIONS, tooMany(wait), 1);
    const error = await failureOf(list());
    expect(error.message).toMatch(`CMN-301 Request rate exceeded.\nTry again in ${seconds} s, not earlier: `);
    expect(error).toMatchObject({ status: 429, retryAfterSeconds: seconds });
    expect(asked(platform)).toHaveLength(1 + waits.length);
  });

  it('wait a minute if RingCentral does not say how long, but not once the program is told to stop', async () => {
    const end = new AbortController();
    const say = jest.fn(() => end.abort());
    const { platform, list } = await start({ signal: end.signal, say });
    platform.fail('GET', SUBSCRIPTIONS, tooMany());
    await expect(list()).rejects.toThrow();
    expect(say.mock.calls).toEqual([['Too many requests: waiting 60 s, as RingCentral asks.']]);
    expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
  });
});

describe('a passing failure', () => {
  it.each<[string, Fault]>([
    ['a 503', UNAVAILABLE],
    ['the page of a gateway', 'html'],
  ])('of a GET is tried once more: %s', async (_, fault) => {
    const { platform, list } = await start();
    platform.fail('GET', SUBSCRIPTIONS, fault, 1);
    await expect(list()).resolves.toMatchObject({ records: [] });
    platform.fail('GET', SUBSCRIPTIONS, fault);
    expect(await failureOf(list())).toBeInstanceOf(RingCentralError);
    expect(asked(platform)).toHaveLength(5);
  });

  it.each(['POST', 'DELETE'] as const)('of a %s is not: it may have been done', async (method) => {
    const { platform, session } = await start();
    platform.fail(method, /subscription/, UNAVAILABLE);
    await failureOf(session.text('do that', { method, url: LIST.url }));
    expect(asked(platform)).toHaveLength(2);
  });
});

describe('no answer', () => {
  const PROXY = '; HTTPS_PROXY is set, but .*';

  it.each<[string, Fault, string]>([
    [
      'never comes',
      'hang',
      `did not answer \\(no answer within 0\\.3 seconds${PROXY}\\)\\. Check .* and the network\\.$`,
    ],
    ['is cut', 'cut', `did not answer \\((the connection was cut|ECONNRESET)${PROXY}\\)\\. Check .* the network\\.$`],
    ['is a page', { status: 200, body: '<p>Hello</p>' }, 'answered without JSON\\. Check RINGCENTRAL_SERVER, or try '],
  ])('to a request is told, what to check, and that a proxy is not used: it %s', async (_, fault, said) => {
    jest.replaceProperty(process, 'env', { HTTPS_PROXY: 'http://user:hunter2@proxy.example.com:3128' });
    const { platform, list } = await start({ timeoutMs: 300 });
    platform.fail('GET', SUBSCRIPTIONS, fault);
    const error = await failureOf(list());
    expect(error).toBeInstanceOf(Unanswered);
    expect(error.message).toMatch(new RegExp(`^Could not list the subscriptions: ${platform.url} ${said}`));
    expect(error.message).not.toMatch('hunter2');
    expect(asked(platform)).toHaveLength(2);
  });

  it('is waited for no longer once the program is told to stop', async () => {
    const end = new AbortController();
    const { platform, list } = await start({ signal: end.signal });
    platform.fail('GET', SUBSCRIPTIONS, 'hang');
    platform.onRequest = () => end.abort();
    expect((await failureOf(list())).message).toMatch('the program was told to stop');
  });
});

describe('a download', () => {
  /** What was downloaded from a URL: its content, and what type that is. */
  async function download(session: Session, url: string) {
    const chunks: Uint8Array[] = [];
    const save = (chunk: Uint8Array) => Promise.resolve(void chunks.push(chunk));
    const type = await session.download('save a recording', url, save);
    return { type, content: Buffer.concat(chunks) };
  }

  /** A platform with a recording, a session at it, and where the recording is. */
  async function startRecording(content: Buffer) {
    const { platform, session, said } = await start();
    const { id, attachments: [{ uri: url = '' } = {}] = [] } = platform.store();
    platform.recordings.set(String(id), content);
    return { platform, session, said, url };
  }

  it.each([false, true])(
    'hands over all of a recording, and its type, with a new login: partial %s',
    async (partial) => {
      const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
      const { platform, session, url } = await startRecording(content);
      platform.partial = partial;
      platform.endSessions();
      const downloaded = await download(session, url);
      expect(downloaded.type).toBe('audio/mpeg');
      expect(downloaded.content.equals(content)).toBe(true);
      expect(sentTo(platform, 'POST', TOKEN_PATH)).toHaveLength(2);
    },
  );

  it('ends after 100 MiB', async () => {
    const { platform, session, url } = await startRecording(Buffer.alloc(100 * 1024 * 1024 + 1));
    let bytes = 0;
    const save = (chunk: Uint8Array) => Promise.resolve(void (bytes += chunk.length));
    const error = await failureOf(session.download('save a recording', url, save));
    expect(error.message).toMatch(/^Could not save a recording: .* more than 100 MiB/);
    // Others can still be had.
    expect(error).not.toBeInstanceOf(Unanswered);
    expect(bytes).toBeLessThanOrEqual(100 * 1024 * 1024);
    expect(platform.requests.filter(({ path }) => CONTENT.test(path))).toHaveLength(1);
  });

  it('that cannot be saved is told as it is', async () => {
    const { session, url } = await startRecording(Buffer.alloc(9));
    const full = new Error('ENOSPC');
    await expect(session.download('save a recording', url, () => Promise.reject(full))).rejects.toBe(full);
  });
});

const WAYS = {
  read: (session: Session, url: string) => session.text('read it', { method: 'GET', url }),
  download: (session: Session, url: string) => session.download('read it', url, () => Promise.resolve()),
};

describe('what is secret', () => {
  it.each([
    ['https://media.ringcentral.com/x', 'https://media.ringcentral.com/x'],
    ['https://MEDIA.ringcentral.com:443/x', 'https://media.ringcentral.com/x'],
    ['https://a.b.ringcentral.biz/x', 'https://a.b.ringcentral.biz/x'],
    // Those that would name another server when glued to the own one.
    ...['5:4711/x', '@evil/x', '.evil/x', ':4711/x'].map((given): [string, string] => [given, `${SERVER}/${given}`]),
  ])('goes, if %s is asked for, to %s', (given, url) => {
    expect(ringCentralUrl(given, SERVER)).toBe(url);
  });

  it.each(
    (
      'http://media.ringcentral.com/x ftp://media.ringcentral.com/x https://ringcentral.com.evil/x https://[bad \\\\evil/x //evil/x ' +
      'https://media.ringcentral.com.evil/x https://evilringcentral.com/x https://evil/.ringcentral.com https://\u001b[2J ' +
      'https://evil?.ringcentral.com https://media.ringcentral.org/x https://media.ringcentral.com:x@evil/x ' +
      'https://user:x@media.ringcentral.com/x http://127.0.0.2/x'
    ).split(' '),
  )('does not go to %s', (given) => {
    expect(ringCentralUrl(given, SERVER)).toBeUndefined();
  });

  it.each(Object.entries(WAYS))(
    'goes to no other server, if that is asked for or redirected to: %s',
    async (_, ask) => {
      const paths: string[] = [];
      const elsewhere = await serve((req, res) => res.end(paths.push(req.url ?? '')));
      const { platform, session } = await start();
      expect((await failureOf(ask(session, `${elsewhere}/x`))).message).toMatch(
        /^Could not read it: .* is not RingCentral\.$/,
      );
      platform.fail('GET', /x$/, { status: 307, headers: { Location: `${elsewhere}/x` }, body: '' });
      expect((await failureOf(ask(session, '/x'))).message).toMatch(`${platform.url} answered 307 (a redirect)`);
      platform.fail('POST', TOKEN_PATH, { status: 307, headers: { Location: `${elsewhere}/x` }, body: '' });
      expect((await failureOf(logIn(platform))).message).toMatch(`${platform.url} answered 307 (a redirect)`);
      expect(paths).toEqual([]);
    },
  );
});

describe('logging out', () => {
  it('gives the session back, also one that came after another, and if the program was told to stop', async () => {
    const end = new AbortController();
    const { platform, session, list } = await start({ signal: end.signal });
    platform.endSessions();
    await list();
    expect(platform.sessions).toBe(1);
    end.abort();
    await session.logOut();
    expect(platform.sessions).toBe(0);
  });

  it.each<Fault>(['hang', 'cut', 'html', 'empty', UNAVAILABLE, tooMany(300), { status: 307, body: '' }])(
    'fails no run, and is not waited for: %j',
    async (fault) => {
      const { platform, session } = await start({ timeoutMs: 300 });
      platform.fail('POST', /revoke$/, fault);
      await session.logOut();
      expect(asked(platform)).toEqual(['POST token', 'POST revoke']);
    },
  );
});
