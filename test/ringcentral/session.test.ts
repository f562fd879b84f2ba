import { apiError, CREDENTIALS, loginError, type Fault } from '../../scripts/stand-in/platform.js';
import { LoginRefused, RingCentralError, Unanswered } from '../../src/ringcentral/errors.js';
import { ringCentralSettings } from '../../src/settings.js';
import { Session } from '../../src/ringcentral/session.js';
import { closeAll, logIn, serve, startPlatform } from '../support/in-process.js';
import {
  asked,
  DEAD,
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

/** A server elsewhere, and the paths that were asked of it. */
async function startOther() {
  const paths: string[] = [];
  const url = await serve((req, res) => {
    paths.push(req.url ?? '');
    res.setHeader('Content-Type', 'application/json').end('{"records":[]}');
  });
  return { url, paths };
}

/** Has each request answered here. Fills with what is asked: the URL, and the scheme of its credential. */
function interceptFetch(): string[] {
  const asks: string[] = [];
  jest.spyOn(globalThis, 'fetch').mockImplementation((input) => {
    const { url, headers } = new Request(input);
    asks.push(`${url} ${headers.get('authorization')?.split(' ')[0]}`);
    return Promise.resolve(new Response('{"access_token":"access","token_type":"Bearer"}'));
  });
  return asks;
}

describe('a login', () => {
  it('sends the JWT once, and nothing else', async () => {
    const { platform, said } = await start();
    expect(asked(platform)).toEqual(['POST token']);
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const assertion = CREDENTIALS.RINGCENTRAL_JWT;
    expect(sentTo(platform, 'POST', TOKEN_PATH)).toEqual([{ grant_type, assertion }]);
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

  it.each([400, 401, 403])('is sent once if it is refused with %i', async (status) => {
    const wrongPassword = { ...PASSWORD, RINGCENTRAL_PASSWORD: 'of-another' };
    for (const env of [{ ...CREDENTIALS, RINGCENTRAL_JWT: 'of-another' }, wrongPassword]) {
      const platform = await startPlatform();
      platform.refusedLoginStatus = status;
      expect(await failureOf(logIn(platform, env))).toBeInstanceOf(LoginRefused);
      expect(asked(platform)).toEqual(['POST token']);
    }
  });

  it.each<[string, Fault]>([
    ['a 5xx', UNAVAILABLE],
    ['the page of a gateway', 'html'],
    ['a redirect', { status: 302, headers: { Location: '/elsewhere' }, body: '' }],
    ['a long wait', tooMany(300)],
    ['a cut connection', 'cut'],
  ])('is sent once, but does not count as refused, if the answer is %s', async (_, fault) => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, fault);
    expect(await failureOf(logIn(platform))).not.toBeInstanceOf(LoginRefused);
    expect(asked(platform)).toEqual(['POST token']);
  });

  it.each<[string, Fault, RegExp]>([
    ['never comes', 'hang', /did not log in: SERVER: no answer within 0\.3 seconds\. Check RINGCENTRAL_SERVER/],
    ['is empty', 'empty', /did not log in: SERVER answered without JSON\. Check RINGCENTRAL_SERVER/],
    ['is a page', { status: 200, body: '<p>Hello</p>' }, /did not log in: SERVER answered without JSON\. Check/],
    ['has no token', { status: 200, body: {} }, /did not log in: SERVER gave no token/],
  ])('says so if the answer to it %s', async (_, fault, line) => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, fault);
    const { message } = await failureOf(logIn(platform, CREDENTIALS, { timeoutMs: 300 }));
    expect(message.replace(platform.url, 'SERVER')).toMatch(line);
    expect(asked(platform)).toEqual(['POST token']);
  });

  it('says so if nothing listens', async () => {
    const settings = ringCentralSettings({ ...CREDENTIALS, RINGCENTRAL_SERVER: DEAD });
    const { message } = await failureOf(Session.logIn(settings, { say: () => {} }));
    expect(message).toBe(
      `RingCentral did not log in: ${DEAD}: ECONNREFUSED. Check RINGCENTRAL_SERVER and the network.`,
    );
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

describe('a login that has ended', () => {
  it('is followed by one new login, and then the request again', async () => {
    const { platform, list } = await start();
    await list();
    platform.endSessions();
    await expect(list()).resolves.toMatchObject({ records: [] });
    await list();
    expect(asked(platform).slice(2)).toEqual([
      'GET subscription',
      'POST token',
      'GET subscription',
      'GET subscription',
    ]);
  });

  it('sends what it had sent: method, query and body', async () => {
    const { platform, session } = await start();
    platform.endSessions();
    const call = {
      method: 'POST',
      url: `${LIST.url}?x=1`,
      query: { page: 2 },
      body: { eventFilters: ['a b'] },
    } as const;
    await failureOf(session.text('create the subscription', call));
    const sent = platform.requests.filter(({ path }) => SUBSCRIPTIONS.test(path));
    expect(sent.map(({ method, query, body }) => [method, String(query), body])).toEqual(
      Array(2).fill(['POST', 'x=1&page=2', { eventFilters: ['a b'] }]),
    );
  });

  it('is told as RingCentral words it if the new login does not help', async () => {
    const { platform, list } = await start();
    platform.fail('GET', SUBSCRIPTIONS, apiError(401, 'OAU-999', 'Not with this app'));
    const { message } = await failureOf(list());
    expect(message).toBe('RingCentral refused to list the subscriptions: OAU-999 Not with this app.');
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token', 'GET subscription']);
  });

  it('is not mended by a login that is refused, which is sent once and told', async () => {
    const { platform, list } = await start();
    platform.endSessions();
    platform.fail('POST', TOKEN_PATH, loginError('invalid_grant', 'OAU-252', 'JWT is revoked', 401));
    const error = await failureOf(list());
    expect(error).toBeInstanceOf(LoginRefused);
    expect(error.message).toMatch(/refused to log in: OAU-252 JWT is revoked\.\n.*RINGCENTRAL_JWT/);
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST token']);
  });

  it('is noticed after a wait, too', async () => {
    const { platform, list } = await start();
    platform.fail('GET', SUBSCRIPTIONS, tooMany(0.01), 1);
    platform.fail('GET', SUBSCRIPTIONS, apiError(401, 'OAU-213', 'Token not found'), 1);
    await expect(list()).resolves.toMatchObject({ records: [] });
  });
});

describe('too many requests', () => {
  it.each([
    ['GET', SUBSCRIPTIONS],
    ['POST', SUBSCRIPTIONS],
    ['DELETE', SUBSCRIPTION],
  ] as const)('has a short wait waited out, and said: %s', async (method, path) => {
    const { platform, session, said } = await start();
    platform.fail(method, path, tooMany(0.01), 1);
    platform.fail(method, path, { status: 200, body: {} }, 1);
    const url = method === 'DELETE' ? `${LIST.url}/1` : LIST.url;
    await session.json('do that', { method, url });
    expect(said).toEqual(['Too many requests: waiting 0.01 s, as RingCentral asks.']);
    expect(asked(platform)).toHaveLength(3);
  });

  it('has a short wait of the login waited out', async () => {
    const platform = await startPlatform();
    platform.fail('POST', TOKEN_PATH, tooMany(0.01), 1);
    expect((await logIn(platform)).said).toHaveLength(1);
    expect(asked(platform)).toEqual(['POST token', 'POST token']);
  });

  it.each([
    ['at once if the wait is long', [61], 61],
    ['after one short wait', [0.01, 45], 45],
  ])('says when to try again, %s', async (_, waits, seconds) => {
    const { platform, list } = await start();
    for (const wait of waits) platform.fail('GET', SUBSCRIPTIONS, tooMany(wait), 1);
    const error = await failureOf(list());
    expect(error.message).toMatch(`CMN-301 Request rate exceeded.\nTry again in ${seconds} s, not earlier: `);
    expect(error).toMatchObject({ status: 429, retryAfterSeconds: seconds });
    expect(asked(platform)).toHaveLength(1 + waits.length);
  });

  it('waits a minute if RingCentral does not say how long, but not once the program is told to stop', async () => {
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
  it.each<[string, Fault, string]>([
    ['never comes', 'hang', ': no answer within 0.3 seconds. Check RINGCENTRAL_SERVER and the network.'],
    ['is cut', 'cut', ': the connection was cut. Check RINGCENTRAL_SERVER and the network.'],
    ['is empty', 'empty', ' answered without JSON. Check RINGCENTRAL_SERVER, or try again later: '],
    ['is a page', { status: 200, body: '<p>Hello</p>' }, ' answered without JSON. Check RINGCENTRAL_SERVER, '],
  ])('to a request is told, and what to check: it %s', async (_, fault, said) => {
    const { platform, list } = await start({ timeoutMs: 300 });
    platform.fail('GET', SUBSCRIPTIONS, fault);
    const error = await failureOf(list());
    expect(error).toBeInstanceOf(Unanswered);
    const message = error.message.replace('ECONNRESET', 'the connection was cut');
    expect(message).toMatch(`RingCentral did not list the subscriptions: ${platform.url}${said}`);
    expect(asked(platform)).toHaveLength(2);
  });

  it('is waited for no longer once the program is told to stop', async () => {
    const end = new AbortController();
    const { platform, list } = await start({ signal: end.signal });
    platform.fail('GET', SUBSCRIPTIONS, 'hang');
    platform.onRequest = () => end.abort();
    expect((await failureOf(list())).message).toMatch('the program was told to stop');
  });

  it.each(['HTTPS_PROXY', 'https_proxy'])('names a proxy that is not used: %s', async (name) => {
    jest.replaceProperty(process, 'env', { [name]: 'http://user:hunter2@proxy.example.com:3128' });
    const { platform, list } = await start();
    platform.fail('GET', SUBSCRIPTIONS, 'cut');
    const { message } = await failureOf(list());
    expect(message).toMatch(`; ${name} is set, but Node.js only uses it from version 24 on, with NODE_USE_ENV_PROXY=1`);
    expect(message).not.toMatch(/hunter2/);
  });

  it('names no proxy if there is none, or it is used', async () => {
    for (const env of [{}, { HTTPS_PROXY: 'http://proxy.example.com', NODE_USE_ENV_PROXY: '1' }]) {
      jest.replaceProperty(process, 'env', env);
      const { platform, list } = await start();
      platform.fail('GET', SUBSCRIPTIONS, 'cut');
      expect((await failureOf(list())).message).not.toMatch(/proxy/i);
    }
  });
});

describe('what is secret', () => {
  it.each(['POST', 'GET'])('does not follow a redirect: %s', async (method) => {
    const other = await startOther();
    const redirect = { status: 307, headers: { Location: `${other.url}/steal` }, body: '' };
    const platform = await startPlatform();
    platform.fail(method, method === 'POST' ? TOKEN_PATH : SUBSCRIPTIONS, redirect);
    const listed = logIn(platform).then(({ session }) => session.json('list the subscriptions', LIST));
    expect((await failureOf(listed)).message).toMatch(`${platform.url} answered 307 (a redirect)`);
    expect(other.paths).toEqual([]);
  });

  it('goes to no other server', async () => {
    const other = await startOther();
    const { session } = await start();
    const { host } = new URL(other.url);
    for (const url of [`${other.url}/x`, `//${host}/x`, `\\\\${host}\\x`, ` ${other.url}/x`]) {
      const { message } = await failureOf(session.text('read a transcript', { method: 'GET', url }));
      expect(message).toMatch(/^RingCentral did not read a transcript: .* is not RingCentral\.$/);
    }
    expect(other.paths).toEqual([]);
  });

  it('goes to its own server if an address would name another when glued to it', async () => {
    const asks = interceptFetch();
    const settings = ringCentralSettings({ ...CREDENTIALS, RINGCENTRAL_SERVER: 'http://127.0.0.1' });
    const session = await Session.logIn(settings, { say: () => {} });
    const urls = ['5:4711/x', '@evil/x', '.evil/x', ':4711/x'];
    for (const url of urls) await session.text('read a transcript', { method: 'GET', url });
    expect(asks.slice(1)).toEqual(urls.map((url) => `http://127.0.0.1/${url} Bearer`));
  });

  it('goes to the servers of RingCentral, by the name of the server that is really asked', async () => {
    const { session } = await start();
    const read = (url: string) => session.text('read a transcript', { method: 'GET', url });
    const asks = interceptFetch();
    const hosts = ['media.ringcentral.com', 'platform.ringcentral.biz', 'a.b.ringcentral.com'];
    for (const host of hosts) await read(`https://${host.toUpperCase()}/x`);
    expect(asks).toEqual(hosts.map((host) => `https://${host}/x bearer`));
    const others = [
      'http://media.ringcentral.com/x',
      'https://ringcentral.com.evil/x',
      'https://media.ringcentral.com.evil/x',
      'https://evilringcentral.com/x',
      'https://evil/.ringcentral.com',
      'https://evil?.ringcentral.com',
      'https://media.ringcentral.org/x',
      'ftp://media.ringcentral.com/x',
      'https://[bad',
      'https://\u001b[2J',
    ];
    for (const url of others) expect((await failureOf(read(url))).message).toMatch(/ is not RingCentral\.$/);
    expect(asks).toHaveLength(hosts.length);
  });

  it('goes nowhere else, and no password is shown, if an address holds one', async () => {
    const { session } = await start();
    const asks = interceptFetch();
    const url = 'https://media.ringcentral.com:hunter2@evil/x';
    const { message } = await failureOf(session.text('read a transcript', { method: 'GET', url }));
    expect([message.includes('hunter2'), asks]).toEqual([false, []]);
  });
});

describe('logging out', () => {
  it('gives the session back, also one that came after another had ended', async () => {
    const { platform, session, list } = await start();
    platform.endSessions();
    await list();
    expect(platform.sessions).toBe(1);
    await session.logOut();
    expect(platform.sessions).toBe(0);
  });

  it('gives it back also if the program was told to stop', async () => {
    const end = new AbortController();
    const { platform, session } = await start({ signal: end.signal });
    end.abort();
    await session.logOut();
    expect(platform.sessions).toBe(0);
  });

  it.each<Fault>(['cut', 'html', 'empty', UNAVAILABLE, tooMany(300), { status: 307, body: '' }])(
    'fails no run: %j',
    async (fault) => {
      const { platform, session } = await start();
      platform.fail('POST', /revoke$/, fault);
      await session.logOut();
      expect(asked(platform)).toEqual(['POST token', 'POST revoke']);
    },
  );

  it('does not wait longer than for any other answer', async () => {
    const { platform, session } = await start({ timeoutMs: 300 });
    platform.fail('POST', /revoke$/, 'hang');
    await session.logOut();
    expect(asked(platform)).toEqual(['POST token', 'POST revoke']);
  });
});
