import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import timers from 'node:timers/promises';
import { apiError, CREDENTIALS, EXTENSION_ID, loginError, type Fault } from '../../scripts/fake/platform.js';
import { isRefused, isUnanswered, RingCentralError } from '../../src/ringcentral/errors.js';
import { ringCentralUrl } from '../../src/ringcentral/session.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, logIn, newSession, serve, startPlatform, startSession } from '../support/in-process.js';
import { asked, failureOf, PASSWORD, sentTo, SUBSCRIPTIONS, TOKEN_PATH, tooMany } from '../support/ringcentral.js';

const LIST = { method: 'GET', url: '/restapi/v1.0/subscription' } as const;
const UNAVAILABLE = apiError(503, 'CMN-211', 'Service Temporary Unavailable');
const WRONG_JWT = { ...CREDENTIALS, RINGCENTRAL_JWT: 'jwt.of.another' };
const PAGE = { status: 200, body: '<p>Hello</p>' };
const SERVER = 'http://127.0.0.1';
const HOUR_MS = 3_600_000;
const LOGIN_REFUSED = { kind: 'login refused' };

beforeEach(() => void jest.spyOn(console, 'warn').mockImplementation(() => {}));
afterEach(closeAll);

/** A platform, a session at it, and how to ask for the list of subscriptions. */
async function start(options: object = {}) {
  const { platform, session, said } = await startSession(CREDENTIALS, options);
  return { platform, session, said, list: () => session.json('list the subscriptions', LIST) };
}

/** Has waits pass at once. Fills with how long they were, in milliseconds. */
function interceptWaits(): number[] {
  const waits: number[] = [];
  jest.spyOn(timers, 'setTimeout').mockImplementation((ms = 0) => Promise.resolve(void waits.push(ms) as never));
  return waits;
}

it('a login sends the JWT once, and nothing else, however many ask for it', async () => {
  const platform = await startPlatform();
  const { session, said } = newSession(platform);
  expect(platform.requests).toEqual([]);
  expect(session.ownerId).toBe('~');
  await Promise.all([session.logIn(), session.logIn(), session.logIn()]);
  await session.logIn();
  const body = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: CREDENTIALS.RINGCENTRAL_JWT };
  expect(platform.requests.map((each) => each.body)).toEqual([body]);
  expect(session.ownerId).toBe(EXTENSION_ID);
  expect(said).toEqual([]);
});

it.each(['101', ''])('a login still works with a password, and the extension %j', async (extension) => {
  const { platform, session } = await startSession({ ...PASSWORD, RINGCENTRAL_EXTENSION: extension });
  expect(sentTo(platform, 'POST', TOKEN_PATH)).toMatchObject([{ grant_type: 'password' }]);
  await expect(session.json('list the subscriptions', LIST)).resolves.toMatchObject({ records: [] });
});

it.each([
  [400, WRONG_JWT],
  [401, WRONG_JWT],
  [403, WRONG_JWT],
  [401, { ...PASSWORD, RINGCENTRAL_PASSWORD: 'of-another' }],
])('a login that is refused with %i is not sent again for an hour', async (status, env) => {
  const platform = await startPlatform();
  platform.refusedLoginStatus = status;
  const { session } = newSession(platform, env);
  const timeouts = jest.spyOn(globalThis, 'setTimeout');
  const error = await failureOf(session.logIn());
  expect(error).toMatchObject(LOGIN_REFUSED);
  await expect(session.logIn()).rejects.toBe(error);
  await expect(session.json('list the subscriptions', LIST)).rejects.toBe(error);
  expect(asked(platform)).toEqual(['POST token']);
  const [afterAnHour] = timeouts.mock.calls.find(([, ms]) => ms === HOUR_MS) ?? [];
  afterAnHour?.();
  expect(await failureOf(session.logIn())).toMatchObject(LOGIN_REFUSED);
  expect(asked(platform)).toEqual(['POST token', 'POST token']);
});

it.each<[string, Fault]>([
  ['a 5xx', UNAVAILABLE],
  ['a 5xx of the login', loginError('server_error', 'OAU-999', 'Later', 503)],
  ['the page of a gateway', 'html'],
  ['a 403 that is a page', { status: 403, body: '<p>Sign in</p>' }],
  ['a 401 with other JSON', { status: 401, body: { message: 'Who are you?' } }],
  ['the 404 of another program', { status: 404, body: { error: 'Not found: POST /restapi/oauth/token' } }],
  ['a 408 without a body', { status: 408, body: '' }],
  ['a redirect', { status: 302, headers: { Location: '/elsewhere' }, body: '' }],
  ['a long wait', tooMany(300)],
  ['a cut connection', 'cut'],
])('a login without a clear answer is sent once, and may be sent again: %s', async (_, fault) => {
  const platform = await startPlatform();
  platform.fail('POST', TOKEN_PATH, fault, 1);
  const { session } = newSession(platform);
  const error = await failureOf(session.logIn());
  expect(error).not.toMatchObject(LOGIN_REFUSED);
  expect(error.message).toMatch(/^Could not log in: /);
  expect(asked(platform)).toEqual(['POST token']);
  await session.logIn();
  expect(platform.sessions).toBe(1);
});

it.each<[string, Fault, string]>([
  ['never comes', 'hang', 'did not answer (no answer within 0.3 seconds). Check RINGCENTRAL_SERVER'],
  ['is empty', 'empty', 'answered without JSON. Check RINGCENTRAL_SERVER'],
  ['is a page', PAGE, 'answered without JSON. Check RINGCENTRAL_SERVER'],
  ['has a very long token', { status: 200, body: { access_token: 'odd'.repeat(3000) } }, 'gave no token. '],
  ...[undefined, 'odd token', 'odd\r\ntoken', 'odd☎token', 7].map((access_token): [string, Fault, string] => [
    `has the token ${access_token}`,
    { status: 200, body: { access_token } },
    'gave no token. Check RINGCENTRAL_SERVER',
  ]),
])('a login says so, and asks for nothing, if the answer to it %s', async (_, fault, said) => {
  const platform = await startPlatform();
  platform.fail('POST', TOKEN_PATH, fault);
  const { session } = newSession(platform, CREDENTIALS, { timeoutMs: 300 });
  const { message } = await failureOf(session.json('list the subscriptions', LIST));
  expect(message).toMatch(`: ${platform.url} ${said}`);
  expect(message).not.toContain('odd');
  expect(asked(platform)).toEqual(['POST token']);
});

it.each(['name', '../../1', 7, undefined])('a login takes %j for no user', async (owner_id) => {
  const platform = await startPlatform();
  platform.fail('POST', TOKEN_PATH, { status: 200, body: { access_token: 'x', owner_id } });
  expect((await logIn(platform)).session.ownerId).toBe('~');
});

it('a login is not refreshed before a request, since RingCentral issues no refresh tokens', async () => {
  const platform = await startPlatform();
  platform.validTokens.add('short');
  platform.fail('POST', TOKEN_PATH, { status: 200, body: { access_token: 'short', expires_in: 0 } });
  await (await logIn(platform)).session.json('list the subscriptions', LIST);
  expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
});

it('a login has its own token beside another session of the same program', async () => {
  const { platform, session, list } = await start();
  const other = await logIn(platform);
  await other.session.logOut();
  await list();
  await session.logOut();
  expect(asked(platform)).toEqual(['POST token', 'POST token', 'POST revoke', 'GET subscription', 'POST revoke']);
});

const DAYS_MS = 3 * 86_400_000;
const isNow = (now: number, session: Session) => expect(Math.abs(session.now() - now)).toBeLessThan(60_000);
it.each([0, DAYS_MS, -DAYS_MS])('RingCentral’s clock counts, %i ms off, whatever this machine’s does', async (ms) => {
  const { platform, session, list } = await start();
  platform.clockOffsetMs = ms;
  await list();
  const { now } = platform;
  jest.spyOn(Date, 'now').mockReturnValue(now + 7 * DAYS_MS);
  isNow(now, session);
});

it('RingCentral’s clock is read from refusals, too, and is this machine’s before the first answer', async () => {
  const platform = await startPlatform();
  Object.assign(platform, { dateHeader: false, clockOffsetMs: DAYS_MS });
  const { session } = await logIn(platform);
  isNow(Date.now(), session);
  platform.dateHeader = true;
  await failureOf(session.text('read it', { method: 'GET', url: '/restapi/v1.0/nothing' }));
  isNow(platform.now, session);
});

it('a login that has ended is followed by one new login for all that are under way, and then by their requests again', async () => {
  const { platform, list } = await start();
  platform.endSessions();
  await Promise.all([list(), list(), list()]);
  await list();
  expect(sentTo(platform, 'POST', TOKEN_PATH)).toHaveLength(2);
  expect(sentTo(platform, 'GET', SUBSCRIPTIONS)).toHaveLength(7);
});

it('a request after a new login is the same: method, query and body', async () => {
  const { platform, session } = await start();
  platform.endSessions();
  const url = `${LIST.url}?x=1`;
  const body = { eventFilters: ['a b'] };
  await failureOf(session.text('create the subscription', { method: 'POST', url, query: { page: 2 }, body }));
  const sent = platform.requests.filter(({ path }) => SUBSCRIPTIONS.test(path));
  const same = { method: 'POST', query: new URLSearchParams('x=1&page=2'), body };
  expect(sent).toMatchObject([same, same]);
});

it('a refusal is reported in RingCentral’s words if a new login does not help', async () => {
  const { platform, list } = await start();
  platform.fail('GET', SUBSCRIPTIONS, apiError(401, 'OAU-999', 'Not with this app'));
  expect((await failureOf(list())).message).toBe('Could not list the subscriptions: OAU-999 Not with this app.');
  expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token', 'GET subscription']);
});

it('a new login that is refused is sent once and reported', async () => {
  const { platform, list } = await start();
  platform.endSessions();
  platform.fail('POST', TOKEN_PATH, loginError('invalid_grant', 'OAU-252', 'JWT is revoked', 401));
  const error = await failureOf(list());
  expect(error).toMatchObject(LOGIN_REFUSED);
  expect(error.message).toMatch(/^RingCentral rejected the login: OAU-252 JWT is revoked\.\n.*RINGCENTRAL_JWT/);
  await expect(list()).rejects.toBe(error);
  expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token']);
});

it.each([
  ['POST', TOKEN_PATH, 'GET'],
  ['GET', SUBSCRIPTIONS, 'GET'],
  ['POST', SUBSCRIPTIONS, 'POST'],
  ['DELETE', /subscription/, 'DELETE'],
] as const)('a short wait after too many requests is waited out, and said: %s %s', async (refused, path, method) => {
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

it.each([[[61]], [[1, 45]]])('a long wait, or a second one, fails at once: %j s', async (waits) => {
  interceptWaits();
  const { platform, list } = await start();
  for (const wait of waits) platform.fail('GET', SUBSCRIPTIONS, tooMany(wait), 1);
  expect(await failureOf(list())).toMatchObject({ status: 429, retryAfterMs: (waits.at(-1) ?? 0) * 1000 });
  expect(asked(platform)).toHaveLength(1 + waits.length);
});

it('too many requests wait a minute if RingCentral does not say how long, but not once the program is told to stop', async () => {
  const end = new AbortController();
  const say = jest.fn(() => end.abort());
  const { platform, list } = await start({ signal: end.signal, say });
  platform.fail('GET', SUBSCRIPTIONS, tooMany());
  await expect(list()).rejects.toThrow();
  expect(say.mock.calls).toEqual([['Too many requests: waiting 60 s, as RingCentral asks.']]);
  expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
});

it.each<Fault>([UNAVAILABLE, 'html'])('a passing failure of a GET is tried once more: %j', async (fault) => {
  const { platform, list, said } = await start();
  platform.fail('GET', SUBSCRIPTIONS, fault, 1);
  await expect(list()).resolves.toMatchObject({ records: [] });
  expect(said).toEqual([]);
  platform.fail('GET', SUBSCRIPTIONS, fault);
  expect(await failureOf(list())).toBeInstanceOf(RingCentralError);
  expect(asked(platform)).toHaveLength(5);
});

it.each(['POST', 'DELETE'] as const)('a passing failure of a %s is final: it may have been done', async (method) => {
  const { platform, session } = await start();
  platform.fail(method, /subscription/, UNAVAILABLE);
  await failureOf(session.text('do that', { method, url: LIST.url }));
  expect(asked(platform)).toHaveLength(2);
});

const PROXY = '; HTTPS_PROXY is set, but .*\\)\\. Check .* and the network\\.$';
it.each<[string, Fault, string]>([
  ['never comes', 'hang', `did not answer \\(no answer within 0\\.3 seconds${PROXY}`],
  ['is cut', 'cut', `did not answer \\((the connection was cut|ECONNRESET)${PROXY}`],
  ['is a page', PAGE, 'answered without JSON\\. Check RINGCENTRAL_SERVER, or try '],
])('without an answer it says what to check, and that a proxy is not used: it %s', async (_, fault, said) => {
  jest.replaceProperty(process, 'env', { HTTPS_PROXY: 'http://user:hunter2@proxy.example.com:3128' });
  const { platform, list } = await start({ timeoutMs: 300 });
  platform.fail('GET', SUBSCRIPTIONS, fault);
  const error = await failureOf(list());
  expect(isUnanswered(error)).toBe(true);
  expect(error.message).toMatch(new RegExp(`^Could not list the subscriptions: ${platform.url} ${said}`));
  expect(error.message).not.toMatch('hunter2');
  expect(asked(platform)).toHaveLength(2);
});

it('no answer is awaited once the program is told to stop', async () => {
  const end = new AbortController();
  const { platform, list } = await start({ signal: end.signal });
  platform.fail('GET', SUBSCRIPTIONS, 'hang');
  platform.onRequest = () => end.abort();
  expect((await failureOf(list())).message).toMatch('the program was told to stop');
});

/** A platform with a recording, and how to download that. */
async function startRecording(content: Buffer) {
  const { platform, session } = await start();
  const { id, attachments: [{ uri = '' } = {}] = [] } = platform.store();
  platform.recordings.set(String(id), content);
  const download = (save: (chunk: Uint8Array) => unknown) =>
    session.download('save a recording', uri, async (chunk) => void (await save(chunk)));
  return { platform, download };
}

it.each([false, true])('a download is whole, with its type, after a new login: partial %s', async (partial) => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const { platform, download } = await startRecording(content);
  platform.partial = partial;
  platform.endSessions();
  const chunks: Uint8Array[] = [];
  expect(await download((chunk) => chunks.push(chunk))).toBe('audio/mpeg');
  expect(Buffer.concat(chunks).equals(content)).toBe(true);
  expect(sentTo(platform, 'POST', TOKEN_PATH)).toHaveLength(2);
});

it('a download ends after 100 MiB', async () => {
  const { platform, download } = await startRecording(Buffer.alloc(100 * 1024 * 1024 + 1));
  let bytes = 0;
  const error = await failureOf(download((chunk) => (bytes += chunk.length)));
  expect(error.message).toMatch(/^Could not save a recording: .* more than 100 MiB/);
  // Others can still be had.
  expect(isRefused(error)).toBe(true);
  expect(bytes).toBeLessThanOrEqual(100 * 1024 * 1024);
  expect(sentTo(platform, 'GET', /\/content\//)).toHaveLength(1);
});

it('a download that cannot be saved fails with the error of saving', async () => {
  const { download } = await startRecording(Buffer.alloc(9));
  const full = new Error('ENOSPC');
  await expect(download(() => Promise.reject(full))).rejects.toBe(full);
});

it.each([
  ['https://media.ringcentral.com/x', 'https://media.ringcentral.com/x'],
  ['https://MEDIA.ringcentral.com:443/x', 'https://media.ringcentral.com/x'],
  ['https://a.b.ringcentral.biz/x', 'https://a.b.ringcentral.biz/x'],
  // Those that would name another server when glued to the own one.
  ...['5:4711/x', '@evil/x', '.evil/x', ':4711/x'].map((given): [string, string] => [given, `${SERVER}/${given}`]),
])('the token goes, if %s is asked for, to %s', (given, url) => {
  expect(ringCentralUrl(given, SERVER)).toBe(url);
});

it('the token goes to no server but RingCentral’s', () => {
  const others =
    'http://media.ringcentral.com/x ftp://media.ringcentral.com/x https://ringcentral.com.evil/x https://[bad \\\\evil/x //evil/x ' +
    'https://media.ringcentral.com.evil/x https://evilringcentral.com/x https://evil/.ringcentral.com https://\u001b[2J ' +
    'https://evil?.ringcentral.com https://media.ringcentral.org/x https://media.ringcentral.com:x@evil/x ' +
    'https://user:x@media.ringcentral.com/x http://127.0.0.2/x';
  for (const other of others.split(' '))
    expect(() => ringCentralUrl(other, SERVER)).toThrow(/^[^@]* is not on RingC.* servers\.$/);
});

it.each(['read', 'download'])('the token goes nowhere else, asked for or redirected: %s', async (how) => {
  const paths: string[] = [];
  const elsewhere = await serve((req, res) => res.end(paths.push(req.url ?? '')));
  const { platform, session } = await start();
  const ask = (url: string) =>
    how === 'read' ? session.text('read it', { method: 'GET', url }) : session.download('read it', url, async () => {});
  expect((await failureOf(ask(`${elsewhere}/x`))).message).toMatch(
    /^Could not read it: .* is not on RingCentral's servers\.$/,
  );
  const redirect = { status: 307, headers: { Location: `${elsewhere}/x` }, body: '' };
  platform.fail('GET', /x$/, redirect);
  platform.fail('POST', TOKEN_PATH, redirect);
  for (const redirected of [() => ask('/x'), () => logIn(platform)])
    expect((await failureOf(redirected())).message).toMatch(`${platform.url} answered 307.`);
  expect(paths).toEqual([]);
});

it('logging out gives the session back, also one that came after another, and is all that is sent once told to stop', async () => {
  const end = new AbortController();
  const { platform, session, list } = await start({ signal: end.signal });
  platform.endSessions();
  await list();
  expect(platform.sessions).toBe(1);
  end.abort();
  const { length } = platform.requests;
  await failureOf(list());
  expect(platform.requests).toHaveLength(length);
  await session.logOut();
  expect(platform.sessions).toBe(0);
});

const faults: Fault[] = ['hang', 'cut', 'html', 'empty', UNAVAILABLE, tooMany(300), { status: 307, body: '' }];
it.each(faults)('logging out fails no run, and is not waited for: %j', async (fault) => {
  const { platform, session } = await start({ timeoutMs: 300 });
  platform.fail('POST', /revoke$/, fault);
  await session.logOut();
  expect(asked(platform)).toEqual(['POST token', 'POST revoke']);
});
