import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verificationToken } from '../src/settings.js';
import { startNgrokAgent, tunnel } from './support/ngrok-agent.js';
import {
  apiError,
  CREDENTIALS,
  loginError,
  PASSWORD_CREDENTIALS,
  Platform,
  type Fault,
  type Subscription,
} from './support/platform.js';
import { endPrograms, Receiver } from './support/receiver.js';
import { runScript, type Result } from './support/script.js';

type Settings = Record<string, string>;

const FILTER = '/restapi/v1.0/account/~/extension/~/voicemail';
/** fetch() refuses port 1, and no program listens on port 2. */
const DEAD = 'http://127.0.0.1:2';
const TOKEN = /\/oauth\/token$/;
const SUBSCRIPTIONS = /\/subscription$/;
const NEXT = 'Call the number, leave a voicemail, and watch the receiver.';

let receiver: Receiver;
const platforms: Platform[] = [];
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  receiver = await Receiver.start(CREDENTIALS);
});
afterAll(async () => {
  await endPrograms();
  await Promise.all([...platforms.map((platform) => platform.close()), ...closers.map((close) => close())]);
});

/** A platform of its own, and the registration at it. Settings are those that work, and what a test wants otherwise. */
async function start() {
  const platform = await Platform.start();
  platforms.push(platform);
  const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: receiver.url };
  return {
    platform,
    register: (args: string[] = [], env: Settings = {}) => register(args, { ...settings, ...env }),
    /** What was asked of the platform: method and last part of the path. */
    asked: () => platform.requests.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`),
    /** The bodies of the requests for a new subscription. */
    wanted: () => platform.requests.filter(({ method, path }) => method === 'POST' && SUBSCRIPTIONS.test(path)),
    ids: () => platform.subscriptions.map(({ id }) => id),
  };
}

/** Runs the registration, and holds all that it says to what holds for every run. */
async function register(args: string[], env: Settings, cwd?: string): Promise<Result> {
  const ended = await runScript('register', args, env, cwd);
  const output = ended.stdout + ended.stderr;
  const secrets = [
    ...['RINGCENTRAL_CLIENT_SECRET', 'RINGCENTRAL_JWT', 'RINGCENTRAL_PASSWORD', 'WEBHOOK_VERIFICATION_TOKEN'].map(
      (name) => env[name],
    ),
    ...Object.values(CREDENTIALS).slice(1),
    verificationToken(CREDENTIALS),
    ...platforms.flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken]),
  ];
  expect(secrets.filter((secret) => secret && output.includes(secret))).toEqual([]);
  expect(output).not.toMatch(/^ +at /m);
  // oxlint-disable-next-line no-control-regex
  expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  return ended;
}

/** That it failed with what is expected, said in one or two lines. */
function expectFailure({ status, stdout, stderr }: Result, ...said: (RegExp | string)[]): void {
  expect([status, stdout]).toEqual([1, '']);
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => !/^(Checked|Found ngrok:) /.test(line));
  for (const each of said) expect(lines.join('\n')).toMatch(each);
  expect(lines.length).toBeLessThanOrEqual(2);
}

/** A subscription of earlier: a live one of this receiver, or what a test wants otherwise. */
function earlier(overrides: Subscription = {}, address = `${receiver.url}/webhook`): Subscription {
  const deliveryMode = { transportType: 'WebHook', encryption: false, address };
  const [status, expirationTime] = ['Active', '2030-01-02T03:04:05.000Z'] as const;
  return { id: randomUUID(), status, expirationTime, eventFilters: [FILTER], deliveryMode, ...overrides };
}

function blacklisted(blacklistedAt: string, reason = 'I/O error'): Subscription {
  return { status: 'Blacklisted', blacklistedData: { blacklistedAt, reason } };
}

/** A server on a free port. Resolves to its address. */
async function listen(server: Server & { closeAllConnections(): void }, scheme = 'http'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `${scheme}://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
}

// The longest comes first: all tests run at the same time, five at a time.
it.concurrent('gives up an answer that never comes, to the login or to another request', async () => {
  const ended = [TOKEN, SUBSCRIPTIONS].map(async (path) => {
    const { platform, register } = await start();
    platform.fail('POST', path, 'hang');
    return { platform, ended: await register() };
  });
  for (const { platform, ended: each } of await Promise.all(ended))
    expectFailure(each, `${platform.url}: no answer within 15 seconds. Check RINGCENTRAL_SERVER`);
});

// register
it.concurrent('subscribes for 20 years, so that voicemails reach the receiver, and says what comes next', async () => {
  const { platform, register, asked, wanted } = await start();
  const { status, stdout, stderr } = await register();
  const [{ id = '', expirationTime = '' } = {}] = platform.subscriptions;
  const date = expirationTime.slice(0, 10);
  expect(stdout).toBe(`Subscribed to ${FILTER}\n  id       ${id}\n  expires  ${date} (in 20 years)\n`);
  expect(stderr.replace(/\d+ ms/, 'n ms')).toBe(
    `Checked ${receiver.url}/webhook: answers the handshake in n ms\n${NEXT}\n`,
  );
  expect(status).toBe(0);
  const deliveryMode = {
    transportType: 'WebHook',
    address: `${receiver.url}/webhook`,
    verificationToken: expect.any(String),
  };
  expect(wanted().map(({ body }) => body)).toEqual([{ eventFilters: [FILTER], expiresIn: 630_720_000, deliveryMode }]);
  expect(asked()).toEqual(['POST token', 'GET subscription', 'POST subscription']);

  const uuid = randomUUID();
  expect(await platform.deliver(undefined, { uuid })).toEqual([{ subscriptionId: id, status: 200, accepted: true }]);
  await receiver.stdout.match(new RegExp(`"${uuid}"`));
});

it.concurrent('uses the filters, the verification token and the address that are set', async () => {
  const own = { WEBHOOK_VERIFICATION_TOKEN: 'token-of-one-s-own' };
  const other = await Receiver.start(own);
  const { platform, register, wanted } = await start();
  const sms = '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS';
  const address = `${other.url}/webhook?from=ringcentral`;
  const filters = { WEBHOOK_EVENT_FILTERS: `${FILTER} , ${sms}`, WEBHOOK_ADDRESS: address };
  const { status, stdout } = await register([], { ...own, ...filters });
  expect([status, stdout]).toEqual([0, expect.stringContaining(`Subscribed to ${FILTER}, ${sms}\n`)]);
  const deliveryMode = { transportType: 'WebHook', address, verificationToken: own.WEBHOOK_VERIFICATION_TOKEN };
  expect(wanted()[0]?.body).toMatchObject({ eventFilters: [FILTER, sms], deliveryMode });
  expect(await platform.deliver()).toMatchObject([{ accepted: true }]);
});

it.concurrent('takes its settings from .env, and prefers --address', async () => {
  const { platform } = await start();
  const folder = mkdtempSync(join(tmpdir(), 'dotenv-'));
  const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: DEAD };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), lines.join(''));
  expect((await register(['--address', receiver.url], {}, folder)).status).toBe(0);
  expect(platform.subscriptions).toMatchObject([{ deliveryMode: { address: `${receiver.url}/webhook` } }]);
});

it.concurrent('prints the subscription as RingCentral gave it with --json, and all else on stderr', async () => {
  const { platform, register } = await start();
  const { status, stdout, stderr } = await register(['--json']);
  expect([status, stdout]).toEqual([0, `${JSON.stringify(platform.subscriptions[0])}\n`]);
  expect(stderr).toContain(NEXT);
});

it.concurrent('warns of plain http to another machine', async () => {
  const { register } = await start();
  const { stderr } = await register(['--no-check', '--address', 'http://hook.example.com']);
  expect(stderr).toMatch(/^http:\/\/hook\.example\.com\/webhook is not https: /);
});

it.concurrent('leaves one subscription when run twice, and deletes only after the new one stands', async () => {
  const { register, asked, ids } = await start();
  expect((await register()).stdout).not.toContain('replaces');
  const [first] = ids();
  const { status, stdout } = await register();
  expect(status).toBe(0);
  expect(ids()).toEqual([/^ {2}id {7}(.*)$/m.exec(stdout)?.[1]]);
  expect(stdout).toMatch(/\n {2}replaces 1 earlier subscription of this address\n$/);
  expect(asked().slice(3)).toEqual(['POST token', 'GET subscription', 'POST subscription', `DELETE ${first}`]);
});

it.concurrent(
  'replaces earlier ones in any state, and says from when on to catch up where one was blacklisted',
  async () => {
    const { platform, register, ids } = await start();
    const [late, early] = ['2026-03-02T01:00:00.000Z', '2026-03-01T23:00:00.000Z'];
    platform.subscriptions = [
      earlier(blacklisted(late)),
      earlier({ expirationTime: '2020-01-02T03:04:05.000Z' }),
      earlier(blacklisted(early), `${receiver.url.toUpperCase()}/webhook`),
    ];
    const { status, stdout, stderr } = await register();
    expect([status, ids().length, stdout]).toEqual([0, 1, expect.stringMatching(/replaces 3 earlier subscriptions /)]);
    expect(stderr).toContain(`npm run catch-up -- --since ${early}\n`);
    expect(stderr).not.toContain(late);
  },
);

it.concurrent('leaves other addresses and other transports alone', async () => {
  const { platform, register } = await start();
  const others = [
    earlier({}, 'https://hook.example.com/webhook'),
    earlier({}, 'https://ngrok.app.example.com/webhook'),
    earlier({}, `${receiver.url}/webhook2`),
    earlier({ deliveryMode: { transportType: 'PubNub', address: `${receiver.url}/webhook` } }),
    earlier({ deliveryMode: { transportType: 'WebSocket' } }),
  ];
  platform.subscriptions = [...others];
  const { status, stdout, stderr } = await register();
  expect([status, stdout]).toEqual([0, expect.not.stringContaining('replaces')]);
  expect(platform.subscriptions.slice(0, -1)).toEqual(others);
  expect(stderr.trim().split('\n').slice(1)).toEqual([NEXT]);
});

it.concurrent.each([
  [1, /^1 more subscription leads? to /m],
  [3, /^3 more subscriptions lead to /m],
])('says how to list and delete what leads to other ngrok addresses: %i', async (count, line) => {
  const { platform, register, ids } = await start();
  const names = ['4f1c.ngrok-free.app', 'old.ngrok.io', 'x.ngrok-free.dev'].slice(0, count);
  platform.subscriptions = names.map((name) => earlier({}, `https://${name}/webhook`));
  const { status, stderr } = await register();
  expect([status, stderr]).toEqual([0, expect.stringMatching(line)]);
  for (const command of ['npm run register -- --list', 'npm run register -- --delete ID'])
    expect(stderr).toContain(command);
  expect(ids()).toHaveLength(count + 1);
});

it.concurrent('says how to make room where 20 subscriptions of others exist, and deletes none', async () => {
  const { platform, register, ids } = await start();
  platform.subscriptions = Array.from({ length: 20 }, () => earlier({}, 'https://hook.example.com'));
  expectFailure(await register(), /SUB-505 Subscriptions limit exceeded/, 'register -- --list', '-- --delete ID');
  expect(ids()).toHaveLength(20);
});

it.concurrent.each([1, 2])('takes the place of its own where 20 exist, %i of them its own', async (own) => {
  const { platform, register, ids } = await start();
  const others = Array.from({ length: 20 - own }, () => earlier({}, 'https://hook.example.com'));
  platform.subscriptions = [...others, ...Array.from({ length: own }, () => earlier())];
  const { status, stdout, stderr } = await register();
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^20 subscriptions exist, .*deleting/m)]);
  expect(stdout).toContain(`replaces ${own} earlier`);
  expect(ids().slice(0, -1)).toEqual(others.map(({ id }) => id));
});

it.concurrent('keeps the earlier one where the new one is refused', async () => {
  const { platform, register, ids } = await start();
  platform.subscriptions = [earlier()];
  const before = ids();
  platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'));
  expectFailure(await register(), /SUB-521/);
  expect(ids()).toEqual(before);
});

it.concurrent('is mended by the next run where an earlier one could not be deleted', async () => {
  const { platform, register, ids } = await start();
  platform.subscriptions = [earlier()];
  platform.fail('DELETE', /subscription/, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 1);
  const { status, stderr } = await register();
  expect([status, stderr]).toEqual([1, expect.stringContaining(`delete subscription ${ids()[0]}: CMN-201`)]);
  expect((await register()).status).toBe(0);
  expect(ids()).toHaveLength(1);
});

it.concurrent('does not mind where an earlier one is gone already', async () => {
  const { platform, register } = await start();
  platform.subscriptions = [earlier()];
  platform.fail('DELETE', /subscription/, apiError(404, 'CMN-102', 'Resource is not found'));
  expect((await register()).status).toBe(0);
});

it.concurrent('asks once more for 10 years where 20 are refused, and says so', async () => {
  const { platform, register, wanted } = await start();
  platform.maxExpiresIn = { seconds: 315_360_000, over: 'refuse' };
  const { status, stdout, stderr } = await register();
  expect(wanted().map(({ body }) => body)).toMatchObject([{ expiresIn: 630_720_000 }, { expiresIn: 315_360_000 }]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^ {2}expires {2}[-\d]+ \(in 10 years\)$/m)]);
  expect(stderr).toMatch(/^RingCentral refused a subscription of 20 years: asking for 10\.$/m);
});

it.concurrent('asks only once more', async () => {
  const { platform, register, wanted } = await start();
  platform.maxExpiresIn = { seconds: 604_800, over: 'refuse' };
  const { status, stdout, stderr } = await register();
  expect([status, stdout, wanted().length]).toEqual([1, '', 2]);
  expect(stderr).toContain('CMN-101 Parameter [expiresIn] value is invalid');
});

it.concurrent.each([
  [315_360_000, '10 years'],
  [604_800, '7 days'],
])('warns where less than 20 years are granted: %i s are %s', async (seconds, shown) => {
  const { platform, register } = await start();
  platform.maxExpiresIn = { seconds, over: 'clip' };
  const { status, stdout, stderr } = await register();
  expect([status, stdout]).toEqual([0, expect.stringContaining(`(in ${shown})`)]);
  expect(stdout).not.toContain('20 years');
  expect(stderr).toMatch(/^RingCentral granted less than the 20 years asked for: run `npm run register` again/m);
});

const created = (overrides: object): Fault => ({ status: 200, body: { ...earlier(), ...overrides } });

it.concurrent('does not take a grant without an end for 20 years', async () => {
  const { platform, register } = await start();
  platform.fail('POST', SUBSCRIPTIONS, created({ expirationTime: undefined }));
  const { stdout, stderr } = await register();
  expect([stdout, stderr]).toEqual([
    expect.stringContaining('  expires  unknown\n'),
    expect.stringMatching(/^RingCentral granted less than/m),
  ]);
});

it.concurrent('fails and names the missing permission where filters are disabled', async () => {
  const { platform, register } = await start();
  const message = 'In order to subscribe, the app needs the permission [ReadMessages]';
  platform.disabledFilters = [{ filter: FILTER, reason: 'FEATURE_NOT_AVAILABLE', message }];
  const { status, stderr } = await register();
  expect([status, stderr]).toEqual([1, expect.stringContaining(`will send nothing for ${FILTER}: ${message}`)]);
  expect(stderr).toMatch(/"Webhook Subscriptions" and "Read Messages"/);
  expect(stderr).not.toContain(NEXT);
});

it.concurrent.each<[string, object, RegExp]>([
  ['is not active', { status: 'Suspended' }, /^The new subscription is Suspended: /m],
  ['has no status', { status: undefined }, /^The new subscription is without a status: /m],
  [
    'lacks a filter',
    { eventFilters: ['/restapi/v1.0/account/1/presence'] },
    /^RingCentral left out \/restapi\/.*mail:/m,
  ],
  ['has no id', { id: undefined }, /^RingCentral answered without a subscription: /m],
])('fails where the new subscription %s', async (_, overrides, line) => {
  const { platform, register } = await start();
  platform.fail('POST', SUBSCRIPTIONS, created(overrides));
  const { status, stderr } = await register();
  expect([status, stderr]).toEqual([1, expect.stringMatching(line)]);
  expect(stderr).not.toContain(NEXT);
});

// --list
it.concurrent('--list: says so where there is no subscription', async () => {
  const { register } = await start();
  const { status, stdout, stderr } = await register(['--list']);
  expect([status, stdout, stderr]).toEqual([0, expect.stringMatching(/^There is no subscription\. .*\n$/), '']);
});

it.concurrent(
  '--list: shows id, state, expiry, filters and address of each, and marks that of this receiver',
  async () => {
    const { platform, register, asked } = await start();
    const disabledFilters = [{ filter: '/restapi/x', reason: 'R', message: 'No permission' }];
    const ninetyDays = new Date(Date.now() + 90.1 * 86_400_000).toISOString();
    platform.subscriptions = [
      earlier({ id: 'one', expirationTime: ninetyDays, eventFilters: [FILTER, '/restapi/y'], disabledFilters }),
      earlier({ id: 'two', ...blacklisted('2026-03-01T23:00:00.000Z', 'Read timed out') }, 'https://hook.example.com/'),
      earlier({ id: 'three', deliveryMode: { transportType: 'WebSocket' } }),
    ];
    const { status, stdout, stderr } = await register(['--list']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(/\(in \d+ years\)/g, '(in n years)')).toBe(`one  (this receiver)
  state    Active
  expires  ${ninetyDays.slice(0, 10)} (in 90 days)
  filter   ${FILTER}
  filter   /restapi/y
  disabled /restapi/x: No permission
  address  ${receiver.url}/webhook
two
  state    Blacklisted since 2026-03-01T23:00:00.000Z: Read timed out
  expires  2030-01-02 (in n years)
  filter   ${FILTER}
  address  https://hook.example.com/
three
  state    Active
  expires  2030-01-02 (in n years)
  filter   ${FILTER}
  address  WebSocket
`);
    expect(asked()).toEqual(['POST token', 'GET subscription']);
  },
);

it.concurrent('--list: finds this receiver through ngrok, and marks none where it cannot', async () => {
  const { platform, register } = await start();
  const agent = await startNgrokAgent({ tunnels: [tunnel(receiver.url, `localhost:${receiver.port}`)] });
  closers.push(() => agent.close());
  platform.subscriptions = [earlier()];
  const env = { WEBHOOK_ADDRESS: '', PORT: String(receiver.port) };
  const [found, not] = await Promise.all(
    [agent.url, DEAD].map((url) => register(['--list'], { ...env, NGROK_API_URL: url })),
  );
  expect([found?.status, found?.stdout]).toEqual([0, expect.stringContaining('(this receiver)')]);
  expect([not?.status, not?.stdout]).toEqual([0, expect.not.stringContaining('(this receiver)')]);
});

it.concurrent('--list: prints the list as RingCentral gave it with --json, escaped for a terminal', async () => {
  const { platform, register } = await start();
  platform.subscriptions = [earlier(), earlier(blacklisted('2026-03-01T23:00:00.000Z', '\u009b31m\u001b[2J'))];
  const { status, stdout, stderr } = await register(['--list', '--json']);
  expect([status, stderr]).toEqual([0, '']);
  const uri = `${platform.url}/restapi/v1.0/subscription`;
  expect(JSON.parse(stdout)).toEqual({ uri, records: platform.subscriptions });
});

it.concurrent('--list: shows control characters of RingCentral as what they are', async () => {
  const { platform, register } = await start();
  platform.subscriptions = [earlier({ ...blacklisted('x', '\u001b[2J\n  state    Active') }, 'https://a/\u009b')];
  expect((await register(['--list'])).stdout).toMatch(/: \\u001b\[2J\\u000a.*\n[^]*address {2}https:\/\/a\/\\u009b/);
});

// --delete
it.concurrent.each([[['a']], [['a', 'c']]])('--delete: deletes %j and says so', async (gone) => {
  const { platform, register, ids } = await start();
  platform.subscriptions = ['a', 'b', 'c'].map((id) => earlier({ id }));
  const { status, stdout, stderr } = await register(['--delete', ...gone]);
  expect([status, stdout, stderr]).toEqual([0, gone.map((id) => `Deleted ${id}\n`).join(''), '']);
  expect(ids()).toEqual(['a', 'b', 'c'].filter((id) => !gone.includes(id)));
});

it.concurrent('--delete: says which ids are not known, and deletes the others', async () => {
  const { platform, register, ids } = await start();
  platform.subscriptions = ['a', 'b'].map((id) => earlier({ id }));
  const { status, stdout, stderr } = await register(['--delete', 'a', 'no/such', 'b']);
  expect([status, stdout, ids()]).toEqual([1, 'Deleted a\nDeleted b\n', []]);
  expect(stderr).toMatch(/delete subscription no\/such: CMN-102 .*\nNot deleted: 1 of 3\. .*--list\n$/);
});

// command line
it.concurrent.each<[string[]]>([
  [['--nonsense']],
  [['surplus']],
  [['--address']],
  [['--delete']],
  [['--list', '--delete', 'a']],
  [['--list', '--address', 'https://hook.example.com']],
  [['--delete', 'a', '--json']],
  [['--delete=a']],
])('command line: %j is answered with what is wrong, the usage and exit status 2', async (args) => {
  const { register, asked } = await start();
  const { status, stdout, stderr } = await register(args);
  const wrong = args.find((arg) => /^--(?!list)|surplus/.test(arg))?.replace(/=.*/, '') ?? '';
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(new RegExp(`^[^\n]*${wrong}[^]*\n\nUsage: npm run register `));
  expect(asked()).toEqual([]);
});

it.concurrent.each<[string, Settings]>([
  ['without any setting', {}],
  ['where a setting is wrong', { WEBHOOK_VERIFICATION_TOKEN: 'two words' }],
])('command line: --help shows the usage, %s', async (_, env) => {
  const { status, stdout, stderr } = await register(['--help'], env);
  expect([status, stderr]).toEqual([0, '']);
  for (const option of ['--address', '--no-check', '--list', '--delete', '--json', '--help'])
    expect(stdout).toMatch(new RegExp(`^  ${option} `, 'm'));
});

// settings
const LINK =
  'https://developers.ringcentral.com/new-app?name=Voicemail+Webhook&grantType=PersonalJWT&public=false' +
  '&type=ServerOther&permissions=SubscriptionWebhook,ReadMessages';

it.concurrent.each([
  [['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_CLIENT_SECRET', 'RINGCENTRAL_JWT']],
  [['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_JWT']],
  [['RINGCENTRAL_CLIENT_SECRET']],
  [['RINGCENTRAL_JWT']],
])('settings: names all that are missing at once, with where to get them: %j', async (missing) => {
  const { register, asked } = await start();
  const empty = Object.fromEntries(missing.map((name) => [name, '']));
  const { status, stdout, stderr } = await register([], empty);
  expect([status, stdout, stderr.split('. ')[0]]).toEqual([1, '', `Not set: ${missing.join(', ')}`]);
  expect(stderr).toContain(`${LINK}\n`);
  expect(stderr).toContain('https://developers.ringcentral.com/console');
  expect(asked()).toEqual([]);
});

it.concurrent.each<[Settings, RegExp]>([
  [{ RINGCENTRAL_SERVER: 'platform.ringcentral.com' }, /^RINGCENTRAL_SERVER is "platform\.ringcentral\.com": /],
  [{ RINGCENTRAL_CLIENT_ID: 'two words' }, /^RINGCENTRAL_CLIENT_ID /],
  [{ RINGCENTRAL_CLIENT_SECRET: 'sécret' }, /^RINGCENTRAL_CLIENT_SECRET /],
  [{ RINGCENTRAL_JWT: 'eyJ… cut' }, /^RINGCENTRAL_JWT /],
  [{ WEBHOOK_ADDRESS: 'hook.example.com' }, /^WEBHOOK_ADDRESS is "hook\.example\.com": .*https:\/\//],
  [{ WEBHOOK_EVENT_FILTERS: 'voicemail' }, /^WEBHOOK_EVENT_FILTERS is "voicemail": /],
  [{ WEBHOOK_EVENT_FILTERS: `${FILTER},` }, /^WEBHOOK_EVENT_FILTERS is /],
  [{ WEBHOOK_VERIFICATION_TOKEN: 'two words' }, /^WEBHOOK_VERIFICATION_TOKEN /],
  [{ WEBHOOK_ADDRESS: '', NGROK_API_URL: 'localhost:4040' }, /^NGROK_API_URL is "localhost:4040": /],
  [{ WEBHOOK_ADDRESS: '', PORT: '80811' }, /^PORT is "80811": /],
])('settings: names the one that is wrong: %j', async (env, line) => {
  const { register, asked } = await start();
  expectFailure(await register([], env), line);
  expect(asked()).toEqual([]);
});

it.concurrent('settings: names --address where that is wrong', async () => {
  const { register } = await start();
  expectFailure(await register(['--address', 'hook.example.com']), /^--address is "hook\.example\.com": /);
});

// ngrok
/** Registers with what the agent says, and nothing else, on the address. */
async function registerWith(answer: unknown, args: string[] = []) {
  const agent = await startNgrokAgent(answer);
  closers.push(() => agent.close());
  const scene = await start();
  const env = { WEBHOOK_ADDRESS: '', PORT: String(receiver.port), NGROK_API_URL: agent.url };
  return { ...scene, agent, ended: await scene.register(args, env) };
}
const forwarded = (publicUrl: string) => tunnel(publicUrl, `http://localhost:${receiver.port}`);
const elsewhere = tunnel('https://a.ngrok-free.app', 'http://localhost:3000');

it.concurrent.each(['http://localhost:PORT', 'localhost:PORT', 'PORT'])(
  'ngrok: finds the tunnel to %s',
  async (form) => {
    const addr = form.replace('PORT', String(receiver.port));
    const { ended, platform } = await registerWith({ tunnels: [elsewhere, tunnel(receiver.url, addr)] });
    expect([ended.status, ended.stderr.split('\n')[0]]).toEqual([
      0,
      `Found ngrok: ${receiver.url} → localhost:${receiver.port}`,
    ]);
    expect(platform.subscriptions).toMatchObject([{ deliveryMode: { address: `${receiver.url}/webhook` } }]);
  },
);

it.concurrent('ngrok: prefers https where the same port has an http tunnel as well', async () => {
  const https = DEAD.replace('http', 'https');
  const tunnels = [forwarded(receiver.url), forwarded(https)];
  const { ended, wanted } = await registerWith({ tunnels }, ['--no-check']);
  expect(ended.stderr).toContain(`Found ngrok: ${https} → `);
  expect(wanted()[0]?.body).toMatchObject({ deliveryMode: { address: `${https}/webhook` } });
});

it.concurrent.each<[string, () => unknown, RegExp[]]>([
  ['never answers', () => 'hang', [/No ngrok agent at AGENT \(no answer within 3 seconds\)/, /`ngrok http PORT`/]],
  ['has no tunnel', () => ({ tunnels: [] }), [/has no tunnel/, /`ngrok http PORT`/, /WEBHOOK_ADDRESS/]],
  [
    'forwards to another port',
    () => ({ tunnels: [elsewhere] }),
    [/port PORT \(https:\/\/a\.ngrok-free\.app → port 3000\)/, /`ngrok http PORT`/, /set PORT/],
  ],
  [
    'has several',
    () => ({ tunnels: [forwarded('https://a.ngrok-free.app'), forwarded('https://b.ngrok-free.app')] }),
    [/https:\/\/a\.ngrok-free\.app, https:\/\/b\.ngrok-free\.app/, /npm run register -- --address URL/],
  ],
  ['is another program', () => 'html', [/AGENT is not an ngrok agent: set NGROK_API_URL/]],
  ['is another program that speaks JSON', () => ({ status: 'ok' }), [/AGENT is not an ngrok agent/]],
])('ngrok: says what mends it where the agent %s', async (_, answer, said) => {
  const { ended, agent, asked } = await registerWith(answer());
  const filledIn = (line: RegExp) =>
    new RegExp(line.source.replace(/(http|port) PORT/, `$1 ${receiver.port}`).replace('AGENT', agent.url));
  expectFailure(ended, ...said.map(filledIn));
  expect(asked()).toEqual([]);
});

it.concurrent('ngrok: says how to start it where no agent runs', async () => {
  const { register } = await start();
  const ended = await register([], { WEBHOOK_ADDRESS: '', NGROK_API_URL: DEAD });
  expectFailure(ended, `No ngrok agent at ${DEAD} (ECONNREFUSED)`, /`ngrok http 8081`/, /WEBHOOK_ADDRESS/);
});

// check of the address
/** Answers the handshake as it should, apart from what a test wants otherwise. */
const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): RequestListener =>
  (req, res) => {
    const token = String(req.headers['validation-token']);
    res.writeHead(status, { 'Validation-Token': token, 'Content-Type': 'application/json', ...headers }).end(body);
  };
const silent: RequestListener = () => {};
const stalled: RequestListener = (_req, res) => res.writeHead(200).write(' ');
const cut: RequestListener = (_req, res) => res.destroy();
/** The right answer, with exactly so many bytes in all. */
const sized =
  (bytes: number): RequestListener =>
  (req, { socket }) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nValidation-Token: ${req.headers['validation-token']}\r\nConnection: close\r\nX: `;
    socket?.end(`${head.padEnd(bytes - 4, 'x')}\r\n\r\n`);
  };

it.concurrent.each<[string, RequestListener, RegExp]>([
  ['never answers', silent, /gives no answer within 3 seconds, all that RingCentral waits/],
  ['never ends its answer', stalled, /gives no answer within 3 seconds/],
  ['cuts the connection', cut, /cannot be reached \(.+\): .*`npm start`/],
  ['is that of a tunnel that is gone', answer(404, { 'ngrok-error-code': 'ERR_NGROK_3200' }), /ERR_NGROK_3200.*ngrok/],
  ['is another path', answer(404), /answers the handshake with 404, not 200: .*POST \/webhook/],
  ['has nothing behind it', answer(502), /answers 502, nothing listens .*`npm start`/],
  ['redirects', answer(302, { Location: '/' }), /with 302, not 200/],
  ['fails', answer(500), /with 500, not 200/],
  ['echoes no token', (_req, res) => void res.setHeader('Content-Type', 'application/json').end(), /Validation-Token/],
  [
    'answers with text',
    answer(200, { 'Content-Type': 'text/plain' }),
    /with Content-Type text\/plain, not application\/json/,
  ],
  ['has a long body', answer(200, {}, ' '.repeat(1024)), /with 1\d{3} bytes/],
  ['answers with 1024 bytes', sized(1024), /with 1024 bytes/],
])(
  'check of the address: says what is wrong with an address that %s, and does not ask RingCentral',
  async (_, handler, line) => {
    const url = await listen(createServer(handler));
    const { register, asked } = await start();
    expectFailure(await register(['--address', url]), `${url}/webhook `, line);
    expect(asked()).toEqual([]);
  },
);

it.concurrent('check of the address: says where nothing listens, and with what to start it', async () => {
  const { register, asked } = await start();
  expectFailure(await register(['--address', DEAD]), /cannot be reached, nothing listens there: .*`npm start`/);
  expect(asked()).toEqual([]);
});

it.concurrent(
  'check of the address: says where a certificate is not valid, without a change of NODE_TLS_REJECT_UNAUTHORIZED',
  async () => {
    const url = await listen(createSecureServer({ key: KEY, cert: CERTIFICATE }, answer(200)), 'https');
    const { register, asked } = await start();
    const ended = await register(['--address', url]);
    expectFailure(ended, /has a certificate that is not valid \(DEPTH_ZERO_SELF_SIGNED_CERT\).* intermediate /);
    expect(asked()).toEqual([]);
  },
);

it.concurrent(
  'check of the address: does not blame the certificate where there is none, http behind an https address',
  async () => {
    const { register } = await start();
    const ended = await register(['--address', receiver.url.replace('http', 'https')]);
    expectFailure(ended, /^https:\/\//);
    expect(ended.stderr).not.toMatch(/certificate/);
  },
);

it.concurrent('check of the address: is content with 1023 bytes', async () => {
  const { register } = await start();
  expect((await register(['--address', await listen(createServer(sized(1023)))])).status).toBe(0);
});

it.concurrent('check of the address: is left out with --no-check', async () => {
  const { register, asked } = await start();
  let handshakes = 0;
  const url = await listen(createServer((req, res) => ++handshakes && answer(200)(req, res)));
  const { status, stderr } = await register(['--no-check', '--address', url]);
  // RingCentral's own is the only one.
  expect([status, stderr, handshakes]).toEqual([0, `${NEXT}\n`, 1]);
  expect(asked()).toHaveLength(3);
});

it.concurrent.each<[string, RequestListener, RegExp]>([
  ['SUB-521', cut, /it must be public/],
  ['SUB-522', answer(500), /status is 500\.\n.*200/],
  ['SUB-525', answer(200, { 'Validation-Token': 'another' }), /answers the handshake, but wrongly/],
])(
  'check of the address: that is left out ends in the %s of RingCentral, with what to do',
  async (code, handler, advice) => {
    const url = await listen(createServer(handler));
    const { register } = await start();
    expectFailure(await register(['--no-check', '--address', url]), `create the subscription: ${code} `, advice);
  },
);

// errors of RingCentral
it.concurrent.each<[string, string, RegExp, string?]>([
  ['SUB-524', 'WebHook has an invalid certificate', /certificate.*intermediate/],
  ['SUB-508', 'Event filter is invalid', /Correct WEBHOOK_EVENT_FILTERS/],
  ['SUB-405', 'Not allowed to subscribe', /WEBHOOK_EVENT_FILTERS .*extension.* ~ /],
  ['SUB-406', 'Not allowed to subscribe', /WEBHOOK_EVENT_FILTERS .*account.* ~ /],
  ['CMN-401', 'Permission is needed', /"Webhook Subscriptions" and "Read Messages"/],
  ['CMN-101', 'Parameter [address] value is invalid', /WEBHOOK_ADDRESS/, 'deliveryMode.address'],
  ['CMN-101', 'Parameter [eventFilters] value is invalid', /WEBHOOK_EVENT_FILTERS/, 'eventFilters'],
  ['CMN-101', 'Parameter [token] value is invalid', /WEBHOOK_VERIFICATION_TOKEN/, 'deliveryMode.verificationToken'],
  ['CMN-999', 'A new one', /CMN-999 A new one/],
])(
  'errors of RingCentral: %s "%s" comes with its code, its message and what to do',
  async (code, message, advice, parameterName) => {
    const { platform, register, wanted } = await start();
    platform.fail('POST', SUBSCRIPTIONS, apiError(400, code, message, parameterName));
    const ended = await register();
    expectFailure(ended, advice);
    expect(ended.stderr).toContain(`create the subscription: ${code} ${message}.\n`);
    expect(wanted()).toHaveLength(1);
  },
);

it.concurrent.each<[string, string, string, RegExp]>([
  ['unauthorized_client', 'OAU-251', 'Unauthorized for this grant type', /JWT auth flow/],
  ['unauthorized_client', 'OAU-112', 'Grant type not supported', /JWT auth flow/],
  ['unauthorized_client', 'OAU-125', 'Unauthorized grant type', /JWT auth flow/],
  ['invalid_client', 'OAU-146', 'Authentication header is invalid', /client id and client secret.*RINGCENTRAL_SERVER/],
  ['invalid_grant', '', 'Token is expired', /invalid_grant Token is expired.*\n.*new RINGCENTRAL_JWT/],
  ['invalid_client', '', 'Unknown client', /invalid_client Unknown client.*\nCopy client id and client secret/],
])('errors of RingCentral: %s %s "%s" ends the login, with what to do', async (error, code, message, advice) => {
  const { platform, register, asked } = await start();
  const body = { error, error_description: message };
  platform.fail('POST', TOKEN, code ? loginError(error, code, message) : { status: 400, body });
  const ended = await register();
  expectFailure(ended, advice);
  expect(ended.stderr).toContain(`refused to log in: ${code || error} ${message}.\n`);
  expect(asked()).toEqual(['POST token']);
});

it.concurrent.each<[Settings, RegExp]>([
  [{ RINGCENTRAL_CLIENT_SECRET: 'secret-of-another' }, /OAU-153 .*\n.*client id and client secret.*RINGCENTRAL_SERVER/],
  [{ RINGCENTRAL_JWT: 'jwt-of-another' }, /OAU-252 .*\n.*new RINGCENTRAL_JWT/],
])('errors of RingCentral: say what is set wrongly: %j', async (env, line) => {
  const { register } = await start();
  expectFailure(await register([], env), line);
});

it.concurrent.each<[string, Fault, RegExp]>([
  ['HTML', 'html', /answered 502 without JSON.*\n.*RINGCENTRAL_SERVER/],
  ['an empty answer', 'empty', /answered without JSON.*RINGCENTRAL_SERVER/],
  ['a cut connection', 'cut', /the connection was cut|ECONNRESET/],
])('errors of RingCentral: can be %s', async (_, fault, line) => {
  const places: [string, RegExp][] = [
    ['POST', TOKEN],
    ['GET', SUBSCRIPTIONS],
    ['POST', SUBSCRIPTIONS],
  ];
  for (const [method, path] of places) {
    const { platform, register, asked } = await start();
    platform.fail(method, path, fault);
    const ended = await register();
    expectFailure(ended, /^RingCentral (did not|refused to) /, platform.url, line);
    expect(ended.stderr).not.toContain('<html');
    expect(asked()).toHaveLength(places.findIndex((place) => place[0] === method && place[1] === path) + 1);
  }
});

it.concurrent('errors of RingCentral: can be that nothing listens', async () => {
  const { register } = await start();
  const ended = await register([], { RINGCENTRAL_SERVER: DEAD });
  expectFailure(ended, `did not log in: ${DEAD}: ECONNREFUSED. Check RINGCENTRAL_SERVER`);
});

it.concurrent('errors of RingCentral: can be a login without a token', async () => {
  const { platform, register } = await start();
  platform.fail('POST', TOKEN, { status: 200, body: {} });
  expectFailure(await register(), /^RingCentral did not /);
});

it.concurrent('errors of RingCentral: show no secret, where RingCentral repeats one', async () => {
  const { platform, register } = await start();
  const { RINGCENTRAL_JWT, RINGCENTRAL_CLIENT_SECRET } = CREDENTIALS;
  const message = `${RINGCENTRAL_JWT} of ${RINGCENTRAL_CLIENT_SECRET} and ${verificationToken(CREDENTIALS)}`;
  platform.fail('POST', TOKEN, loginError('invalid_grant', 'OAU-252', message));
  expectFailure(await register(), /OAU-252 \[secret\] of \[secret\] and \[secret\]/);
});

it.concurrent('errors of RingCentral: show no access token, where RingCentral repeats it', async () => {
  const { platform, register } = await start();
  platform.fail('GET', SUBSCRIPTIONS, apiError(401, 'OAU-213', `Token ${platform.accessToken} not found`));
  expectFailure(await register(), /OAU-213 Token (?!access-)/);
});

it.concurrent('errors of RingCentral: show control characters as what they are, and stay one line', async () => {
  const { platform, register } = await start();
  const message = '\u001b[2J\u009b31m\rgone\u0007\nDone.\nAll is well';
  platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', message));
  expectFailure(await register(), /SUB-521 \\u001b\[2J\\u009b31m\\u000dgone\\u0007/);
});

// too many requests
const tooMany = (seconds: number): Fault => {
  const { status, body } = apiError(429, 'CMN-301', 'Request rate exceeded');
  return { status, body, headers: { 'Retry-After': String(seconds) } };
};

it.concurrent.each<[string, RegExp, string[]]>([
  ['POST', TOKEN, []],
  ['POST', SUBSCRIPTIONS, []],
  ['POST', TOKEN, ['--list']],
  ['GET', SUBSCRIPTIONS, ['--list']],
  ['DELETE', /subscription/, ['--delete', 'a']],
])('too many requests: a short wait is waited out, and said: %s %s %j', async (method, path, args) => {
  const { platform, register, asked } = await start();
  platform.subscriptions = [earlier({ id: 'a' }, 'https://hook.example.com')];
  platform.fail(method, path, tooMany(1), 1);
  const { status, stderr } = await register(args);
  expect([status, stderr]).toEqual([0, expect.stringMatching(/too many requests and asks to wait 1 s/)]);
  expect(new Set(asked()).size).toBe(asked().length - 1);
});

it.concurrent.each([
  ['after a short wait', [1, 45], 45],
  ['at once where the wait is long', [61], 61],
])('too many requests: it says when to try again, %s', async (_, waits, seconds) => {
  const { platform, register, asked } = await start();
  for (const wait of waits) platform.fail('POST', TOKEN, tooMany(wait), 1);
  const { status, stdout, stderr } = await register();
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(`CMN-301 Request rate exceeded.\nTry again in ${seconds} s, not earlier`);
  expect(asked()).toHaveLength(waits.length);
});

// login with a password
const password = { ...PASSWORD_CREDENTIALS, RINGCENTRAL_JWT: '' };
const grants = (platform: Platform) => platform.requests.filter(({ path }) => TOKEN.test(path)).map(({ body }) => body);

it.concurrent.each<[string, Settings]>([
  ['an extension', {}],
  ['a direct number', { RINGCENTRAL_EXTENSION: '' }],
])('login with a password: is accepted where no JWT is set, with %s', async (_, env) => {
  const { platform, register } = await start();
  const { status, stdout } = await register([], { ...password, ...env });
  expect([status, stdout]).toEqual([0, expect.stringContaining('(in 20 years)')]);
  expect(grants(platform)).toMatchObject([{ grant_type: 'password' }]);
});

it.concurrent('login with a password: comes second to the JWT', async () => {
  const { platform, register } = await start();
  expect((await register([], PASSWORD_CREDENTIALS)).status).toBe(0);
  expect(grants(platform)).toMatchObject([{ assertion: CREDENTIALS.RINGCENTRAL_JWT }]);
});

it.concurrent('login with a password: is refused where it is wrong', async () => {
  const { register } = await start();
  const { status, stderr } = await register([], { ...password, RINGCENTRAL_PASSWORD: 'password-of-another' });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/OAU-140 .*\n.*RINGCENTRAL_PASSWORD.*RINGCENTRAL_JWT/)]);
});

it.concurrent.each<[string, string, RegExp]>([
  ['OAU-168', 'MFA is required', /second factor.*set RINGCENTRAL_JWT/],
  ['', 'Password is expired', /RINGCENTRAL_PASSWORD|set RINGCENTRAL_JWT/],
])('login with a password: is refused with what to do: %s %s', async (code, message, advice) => {
  const { platform, register } = await start();
  const body = { error: 'invalid_grant', error_description: message };
  platform.fail('POST', TOKEN, code ? loginError('invalid_grant', code, message) : { status: 400, body });
  const { status, stderr } = await register([], password);
  expect([status, stderr]).toEqual([1, expect.stringMatching(advice)]);
  expect(stderr).toContain(`${code || 'invalid_grant'} ${message}.`);
});

// For a server on this machine that lives as long as a test: self-signed, valid from 2020 to 2120.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYf78ywbXS1iV2s3T
CpkMKpL/QbSlRRKGeBuWqIHyU7uhRANCAARb8kD0yQOIpAMNJaT75Dqs1xhFKn4/
HmASQZgxsQX5toMzLF2Yqy0ocMUG0D8OWWtZtsvuZuSY3H31hlatHDew
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBSzCB8aADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCTEyNy4wLjAu
MTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
MTI3LjAuMC4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEW/JA9MkDiKQDDSWk
++Q6rNcYRSp+Px5gEkGYMbEF+baDMyxdmKstKHDFBtA/DllrWbbL7mbkmNx99YZW
rRw3sKMyMDAwDwYDVR0RBAgwBocEfwAAATAdBgNVHQ4EFgQUaPlhIb5zqWwcy0NR
edDeE9ExtHgwCgYIKoZIzj0EAwIDSQAwRgIhAJmbRVNvULBMiOH7Kui5uSqOW41k
QElEv9OkbcZFZ92jAiEA/EXRgg7ec4OM6QdmwvHciQjt11XiOyuR2zr4J0Rb57E=
-----END CERTIFICATE-----`;

it.concurrent('is it live: says so where the receiver expects another verification token', async () => {
  const { register, ids } = await start();
  const { status, stderr } = await register([], { WEBHOOK_VERIFICATION_TOKEN: 'token-of-a-changed-env' });
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/expects another verification token: restart the receiver/),
  ]);
  expect(ids()).toHaveLength(1);
});

it.concurrent('replaces: takes an address with a slash at the end for the same', async () => {
  const { register, ids } = await start();
  for (const path of ['/webhook/', '/webhook', '/webhook#x'])
    expect((await register(['--address', receiver.url + path])).status).toBe(0);
  expect(ids()).toHaveLength(1);
});

it.concurrent('address: shows no password', async () => {
  const { register } = await start();
  const { status, stderr } = await register(['--address', receiver.url.replace('//', '//user:hunter2secret@')]);
  expect([status, stderr]).toEqual([1, '--address takes a URL without user name and password\n']);
});
