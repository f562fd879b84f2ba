import { afterEach, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNgrokAgent, tunnel } from '../../scripts/fake/ngrok-agent.js';
import { ACCOUNT_ID, apiError, CREDENTIALS, EXTENSION_ID } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { testApp } from '../support/app.js';
import { closeAll, serve, startPlatform, startReceiver } from '../support/in-process.js';
import { endPrograms, runProgram, type Result } from '../support/programs.js';
import { DEAD, earlier, FILTER, SUBSCRIPTIONS } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const NEXT = 'Call the number, leave a voicemail, and watch the receiver.';

afterEach(async () => {
  await endPrograms();
  await closeAll();
});

/** A platform and a receiver, and the registration of one at the other. */
async function start() {
  const [platform, receiver] = await Promise.all([startPlatform(), startReceiver()]);
  const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: receiver.url };
  const register = (args: string[] = [], env: Record<string, string> = {}): Promise<Result> =>
    runProgram('scripts/register', args, { ...settings, ...env });
  return { platform, receiver, settings, register };
}

it('finds the address through ngrok, subscribes for 20 years, and says what comes next: all settings from .env', async () => {
  const { platform, receiver } = await start();
  const agent = await startNgrokAgent({ tunnels: [tunnel(receiver.url, `localhost:${receiver.port}`)] });
  const folder = temporaryFolder();
  const agents = { NGROK_API_URL: agent.url, CLOUDFLARED_API_URL: DEAD };
  const settings = { ...CREDENTIALS, ...agents, RINGCENTRAL_SERVER: platform.url, PORT: receiver.port };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), lines.join(''));
  const { status, stdout, stderr } = await runProgram('scripts/register', [], {}, folder).finally(agent.close);
  const [{ id, expirationTime = '' } = {}] = platform.subscriptions;
  expect(stdout).toBe(
    `Subscribed to ${FILTER}\n  id       ${id}\n  expires  ${expirationTime.slice(0, 10)} (in 20 years)\n`,
  );
  expect(stderr.replace(/\d+ ms/, 'n ms')).toBe(
    `Found ngrok: ${receiver.url} → localhost:${receiver.port}\n` +
      `Checked ${receiver.address}: answers in n ms and expects the right verification token\n${NEXT}\n`,
  );
  expect(status).toBe(0);
  expect(platform.sessions).toBe(0);
  const { deliveries } = await platform.leaveVoicemail();
  expect(deliveries).toEqual([{ subscriptionId: id, status: 200, accepted: true }]);
  expect(receiver.events).toHaveLength(1);
});

it('says since when to catch up; with --json, only the subscription is on stdout', async () => {
  const { platform, receiver, register } = await start();
  const ended = (blacklistedAt: string) => ({ status: 'Blacklisted', blacklistedData: { blacklistedAt } });
  platform.subscriptions = [
    earlier(receiver.address, ended('2026-03-01T23:00:00.000Z')),
    earlier('https://4f1c.ngrok-free.app/webhook', ended('2026-02-02T23:00:00.000Z')),
    earlier('https://hook.example.com/webhook', ended('2026-01-01T23:00:00.000Z')),
  ];
  const { status, stdout, stderr } = await register(['--json']);
  expect(status).toBe(0);
  expect(stdout).toBe(`${JSON.stringify(platform.subscriptions[2])}\n`);
  expect(stderr).toContain('npm run catch-up -- --since 2026-02-02T22:00:00Z\n');
  expect(stderr).toContain(NEXT);
});

const SOME = [500_000_000, 315_360_000, 604_800, 0];
it.each(SOME)('warns if the subscription ends within two years, or at an unknown time: %i s', async (seconds) => {
  const { platform, receiver, register } = await start();
  platform.maxExpiresIn = { seconds, over: 'clip' };
  const unknown = { status: 200, body: earlier(receiver.address, { expirationTime: '' }) };
  if (seconds === 0) platform.fail('POST', SUBSCRIPTIONS, unknown);
  // Two years by the clock that granted it.
  platform.clockOffsetMs = -30 * 365 * 86_400_000;
  const { stderr } = await register();
  const warning = /^RingCentral granted less than two years: run this again before it expires\.$/m;
  expect(warning.test(stderr)).toBe(seconds <= 604_800);
});

it('creates and deletes nothing, and asks RingCentral nothing, if the address does not pass', async () => {
  const { platform, register } = await start();
  const { address } = await startReceiver('another-token');
  const stderr = expect.stringMatching(/^\S+ expects another .* Restart the/);
  expect(await register(['--address', address])).toEqual({ status: 1, stdout: '', stderr });
  expect(platform.requests).toEqual([]);
});

it('goes on with a warning if the receiver there checks no origin', async () => {
  const { platform, register } = await start();
  const url = await serve(testApp().app);
  const stderr = expect.stringMatching(/^It takes notifications from anyone: /m);
  expect(await register(['--address', url])).toMatchObject({ status: 0, stderr });
  expect(platform.subscriptions).toHaveLength(1);
});

describe('WEBHOOK_EXTENSIONS', () => {
  const [COLLEAGUE, QUEUE] = [String(Number(EXTENSION_ID) + 1), String(Number(EXTENSION_ID) + 3)];
  const all = [EXTENSION_ID, COLLEAGUE, QUEUE].map(voicemailFilter);
  const withIds = (filters: string[]) => filters.map((filter) => filter.replace('~', ACCOUNT_ID));

  it('all: names what is refused, and subscribes to the rest', async () => {
    const { platform, register } = await start();
    platform.refusedFilters.set(COLLEAGUE, 'disabled');
    const { status, stdout, stderr } = await register([], { WEBHOOK_EXTENSIONS: 'all' });
    expect(status).toBe(0);
    expect(stdout).toMatch(`Subscribed to ${all[0]} (ext. 101, Ada Byron), ${all[2]} (ext. 200, Support)\n`);
    expect(stderr).toContain(`\nRingCentral will send nothing for ${all[1]} (ext. 102, Charles Babbage): `);
    expect(platform.subscriptions).toMatchObject([{ eventFilters: withIds([all[0] ?? '', all[2] ?? '']) }]);
  });

  it.each<[string, string, RegExp]>([
    ['does not exist', '101,103', /\nThere is no extension 103; the nearest: ext\. 102, Charles Babbage; /],
    ['is refused', '101,102', /will send nothing for \S+63\/voicemail \(ext\. 102, .*\): .*permission/],
  ])('by number: if one %s, the run fails and changes nothing', async (_, WEBHOOK_EXTENSIONS, said) => {
    const { platform, receiver, register } = await start();
    const before = [earlier(receiver.address)];
    platform.subscriptions = [...before];
    platform.refusedFilters.set(COLLEAGUE, 'disabled');
    const { status, stdout, stderr } = await register([], { WEBHOOK_EXTENSIONS });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(said);
    expect(platform.subscriptions).toEqual(before);
  });
});

it('ends with 1 if an earlier one could not be deleted, and the next run deletes it', async () => {
  const { platform, receiver, register } = await start();
  platform.subscriptions = [earlier(receiver.address, { id: 'old' })];
  platform.fail('DELETE', /subscription/, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 1);
  const { status, stdout, stderr } = await register();
  expect(status).toBe(1);
  expect(stdout).toContain('Subscribed to ');
  expect(stderr).toMatch(
    /delete subscription old: CMN-201 .*\n(.*\n)?The new subscription works\. Run this again .*\n$/,
  );
  expect((await register()).stdout).toMatch(/\n {2}replaces 2 earlier subscriptions of this address\n$/);
  expect(platform.subscriptions).toHaveLength(1);
});

it('lists what there is, and deletes what it is told to', async () => {
  const { platform, receiver, register } = await start();
  const blacklistedData = { blacklistedAt: '2026-03-01T23:00:00.000Z', reason: '\u001b[2JRead timed out' };
  const ids = [EXTENSION_ID, '404'];
  const others = {
    eventFilters: ids.map(voicemailFilter),
    disabledFilters: [{ filter: voicemailFilter(EXTENSION_ID), reason: 'CMN-408' }],
    expirationTime: '2046-01-02T03:04:05.000Z',
  };
  platform.subscriptions = [
    earlier(receiver.address, { id: 'one' }),
    earlier('https://hook.example.com/', { id: 'two', status: 'Blacklisted', blacklistedData, ...others }),
    earlier('', { id: 'three', status: 'Suspended', deliveryMode: { transportType: 'WebSocket' } }),
    earlier('https://4f1c.ngrok-free.app/', { id: 'four', expirationTime: '2026-01-02T03:04:05.000Z' }),
    earlier('https://$(id).example.com/', {
      id: 'five',
      status: 'Suspended',
      blacklistedData: { reason: 'No' },
      expirationTime: '2026-01-02T03:04:05.000Z',
    }),
  ];
  const list = await register(['--list']);
  expect(list).toMatchObject({ status: 0, stderr: '' });
  expect(list.stdout.replaceAll(/\(in \d+ years/g, '(in n years')).toBe(`one  (this receiver)
  state    Active
  expires  2040-01-02 (in n years, the most that RingCentral grants)
  filter   ${FILTER}
  address  ${receiver.address}
two
  state    Blacklisted since 2026-03-01T23:00:00.000Z: \\u001b[2JRead timed out
  expires  2046-01-02 (in n years)
  filter   ${voicemailFilter(EXTENSION_ID)} (ext. 101, Ada Byron)
  filter   ${voicemailFilter('404')}
  disabled ${voicemailFilter(EXTENSION_ID)} (ext. 101, Ada Byron): CMN-408
  address  https://hook.example.com/
  to fix   npm run register -- --address URL
           npm run catch-up -- --since 2026-03-01T22:00:00Z
three
  state    Suspended
  expires  2040-01-02 (in n years, the most that RingCentral grants)
  filter   ${FILTER}
  address  WebSocket
four
  state    Active
  expires  2026-01-02 (expired)
  filter   ${FILTER}
  address  https://4f1c.ngrok-free.app/
  to fix   npm run register
           npm run catch-up -- --since 2026-01-02T02:04:05Z
five
  state    Suspended: No
  expires  2026-01-02 (expired)
  filter   ${FILTER}
  address  https://$(id).example.com/
  to fix   npm run register -- --address URL
           npm run catch-up -- --since 2026-01-02T02:04:05Z
`);
  platform.fail('GET', /extension$/, apiError(403, 'CMN-401', '[ReadAccounts]'));
  expect((await register(['--list'])).stdout).toBe(list.stdout.replaceAll(' (ext. 101, Ada Byron)', ''));
  const records = [...platform.subscriptions];
  const raw = await register(['--list', '--json']);
  expect(JSON.parse(raw.stdout)).toMatchObject({ records });
  const deleted = await register(['--delete', 'one', 'no/such', 'two']);
  expect(deleted).toMatchObject({ status: 1, stdout: 'Deleted one\nDeleted two\n' });
  expect(deleted.stderr).toMatch(/delete subscription no\/such: CMN-102 .*\nNot deleted: 1 of 3\. .*--list\n$/);
  expect(platform.subscriptions.map(({ id }) => id)).toEqual(['three', 'four', 'five']);
});

it('does not try the address with --no-check, and warns of plain http', async () => {
  const { platform, register } = await start();
  const address = 'http://hook.example.com/webhook';
  platform.fail('POST', SUBSCRIPTIONS, {
    status: 200,
    body: earlier(address, { expirationTime: '2090-01-02T03:04:05.000Z' }),
  });
  const stderr = `${address} is not https: on the way, anyone can read the voicemails.\n${NEXT}\n`;
  const result = await register(['--no-check', '--address', 'http://hook.example.com']);
  expect(result).toMatchObject({ status: 0, stderr });
});

it.each<[string[], Record<string, string>, RegExp]>([
  [['--nonsense'], {}, /^Unknown option '--nonsense'\n/],
  [['word'], {}, /^Unexpected argument 'word'\n/],
  [['--address'], {}, /^Option '--address <value>' argument missing\n/],
  [['--delete'], {}, /^--delete takes the ids of subscriptions\n/],
  [['--list', '--address', 'https://hook.example.com'], {}, /^--address does not go with --list\n/],
  [['--delete', 'a', '--json'], {}, /^--json does not go with --delete\n/],
  [[], { npm_config_list: 'true' }, /^npm kept --list for itself .*`node ".*dist.scripts.register\.js"` /],
  [[], { npm_config_json: 'true' }, /^npm kept --json for itself/],
  [[], { npm_config_check: '' }, /^npm kept --no-check for itself/],
  [['a'], { npm_config_delete: 'true' }, /^npm kept --delete for itself/],
  // A setting.
  [['7d'], { npm_config_port: '9000' }, /^npm kept --port for itself .*: set it in \.env\.\n/],
])('answers %j %j with what is wrong, how to get the usage, and exit status 2', async (args, env, said) => {
  const { platform, register } = await start();
  const { status, stdout, stderr } = await register(args, env);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(said);
  expect(stderr).toMatch(/^.*\nUsage: npm run register -- --help\n$/);
  expect(platform.requests).toEqual([]);
});
