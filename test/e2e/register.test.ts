import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNgrokAgent, tunnel } from '../../scripts/stand-in/ngrok-agent.js';
import { apiError, CREDENTIALS } from '../../scripts/stand-in/platform.js';
import { closeAll, startPlatform, startReceiver } from '../support/in-process.js';
import { endPrograms, runProgram, type Result } from '../support/programs.js';
import { earlier, FILTER, SUBSCRIPTIONS } from '../support/ringcentral.js';
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
  const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, NGROK_API_URL: agent.url, PORT: receiver.port };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), lines.join(''));
  const { status, stdout, stderr } = await runProgram('scripts/register', [], {}, folder).finally(agent.close);
  const [{ id, expirationTime = '' } = {}] = platform.subscriptions;
  expect(stdout).toBe(
    `Subscribed to ${FILTER}\n  id       ${id}\n  expires  ${expirationTime.slice(0, 10)} (in 20 years)\n`,
  );
  expect(stderr.replace(/\d+ ms/, 'n ms')).toBe(
    `Found ngrok: ${receiver.url} → localhost:${receiver.port}\n` +
      `Checked ${receiver.address}: answers in n ms and knows our token\n${NEXT}\n`,
  );
  expect([status, platform.sessions]).toEqual([0, 0]);
  const { deliveries } = await platform.leaveVoicemail();
  expect([deliveries, receiver.events.length]).toEqual([[{ subscriptionId: id, status: 200, accepted: true }], 1]);
});

it('replaces earlier subscriptions, and says from when on to catch up: with --json, the subscription alone on stdout', async () => {
  const { platform, receiver, register } = await start();
  const blacklistedData = { blacklistedAt: '2026-03-01T23:00:00.000Z', reason: 'I/O error' };
  platform.subscriptions = [earlier(receiver.address, { status: 'Blacklisted', blacklistedData })];
  const { status, stdout, stderr } = await register(['--json']);
  expect([status, stdout]).toEqual([0, `${JSON.stringify(platform.subscriptions[0])}\n`]);
  expect(stderr).toContain('npm run catch-up -- --since 2026-03-01T22:00:00Z\n');
  expect(stderr).toContain(NEXT);
});

it('ends with 1 if an earlier one could not be deleted, and the next run deletes it', async () => {
  const { platform, receiver, register } = await start();
  platform.subscriptions = [earlier(receiver.address, { id: 'old' })];
  platform.fail('DELETE', /subscription/, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 1);
  const { status, stdout, stderr } = await register();
  expect([status, stdout]).toEqual([1, expect.stringContaining('Subscribed to ')]);
  expect(stderr).toMatch(/delete subscription old: CMN-201 .*\n(.*\n)?The new one works; run this again .*\n$/);
  expect((await register()).stdout).toMatch(/\n {2}replaces 2 earlier subscriptions of this address\n$/);
  expect(platform.subscriptions).toHaveLength(1);
});

it('lists what there is, and deletes what it is told to', async () => {
  const { platform, receiver, register } = await start();
  const blacklistedData = { blacklistedAt: '2026-03-01T23:00:00.000Z', reason: '\u001b[2JRead timed out' };
  platform.subscriptions = [
    earlier(receiver.address, { id: 'one' }),
    earlier('https://hook.example.com/', { id: 'two', status: 'Blacklisted', blacklistedData }),
    earlier('', { id: 'three', status: 'Suspended', deliveryMode: { transportType: 'WebSocket' } }),
    earlier('https://4f1c.ngrok-free.app/', { id: 'four', expirationTime: '2026-01-02T03:04:05.000Z' }),
    earlier('https://$(id).example.com/', { id: 'five', status: 'Suspended' }),
  ];
  const list = await register(['--list']);
  expect([list.status, list.stderr]).toEqual([0, '']);
  expect(list.stdout.replaceAll(/\(in \d+ years\)/g, '(in n years)')).toBe(`one  (this receiver)
  state    Active
  expires  2040-01-02 (in n years)
  filter   ${FILTER}
  address  ${receiver.address}
two
  state    Blacklisted since 2026-03-01T23:00:00.000Z: \\u001b[2JRead timed out
  expires  2040-01-02 (in n years)
  filter   ${FILTER}
  address  https://hook.example.com/
  to mend  npm run register -- --address "https://hook.example.com/"
           npm run catch-up -- --since 2026-03-01T22:00:00Z
three
  state    Suspended
  expires  2040-01-02 (in n years)
  filter   ${FILTER}
  address  WebSocket
four
  state    Active
  expires  2026-01-02 (expired)
  filter   ${FILTER}
  address  https://4f1c.ngrok-free.app/
  to mend  npm run register
           npm run catch-up -- --since 2026-01-02T02:04:05Z
five
  state    Suspended
  expires  2040-01-02 (in n years)
  filter   ${FILTER}
  address  https://$(id).example.com/
  to mend  npm run register -- --address URL
           npm run catch-up -- --since 24h
`);
  const records = [...platform.subscriptions];
  const raw = await register(['--list', '--json']);
  expect(JSON.parse(raw.stdout)).toMatchObject({ records });
  const deleted = await register(['--delete', 'one', 'no/such', 'two']);
  expect([deleted.status, deleted.stdout]).toEqual([1, 'Deleted one\nDeleted two\n']);
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
  const { status, stderr } = await register(['--no-check', '--address', 'http://hook.example.com']);
  expect([status, stderr]).toEqual([
    0,
    `${address} is not https: on the way, anyone can read the voicemails.\n${NEXT}\n`,
  ]);
});

it('answers a wrong command line with what is wrong, the usage and exit status 2, and sends nothing', async () => {
  const { platform, register } = await start();
  const wrong: [string[], string][] = [
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['surplus'], 'Unexpected "surplus"'],
    [['--address'], "Option '--address <value>' argument missing"],
    [['--delete'], '--delete takes the ids of subscriptions'],
    [['--list', '--address', 'https://hook.example.com'], '--address does not go with --list'],
    [['--delete', 'a', '--json'], '--json does not go with --delete'],
  ];
  const ended = await Promise.all(wrong.map(([args]) => register(args)));
  for (const [i, { status, stdout, stderr }] of ended.entries()) {
    expect([status, stdout, stderr.split('\n\n')[0]]).toEqual([2, '', wrong[i]?.[1]]);
    expect(stderr).toMatch(/\n\nUsage: npm run register \[-- OPTIONS\]\n/);
  }
  expect(platform.requests).toEqual([]);
});

it('notices each option that npm kept for itself, and says what works in every shell', async () => {
  const { platform, register } = await start();
  const kept: [Record<string, string>, string[], string, string][] = [
    [{ npm_config_list: 'true' }, [], '--list', '--list'],
    [{ npm_config_json: 'true' }, [], '--json', '--json'],
    [{ npm_config_check: '' }, [], '--no-check', '--no-check'],
    [{ npm_config_address: 'true' }, ['https://a.example/x'], '--address', '--address https://a.example/x'],
    [{ npm_config_delete: 'true' }, ['a', 'b'], '--delete', '--delete a b'],
    // Of another program.
    [{ npm_config_since: 'true' }, ['7d'], '--since', '--since 7d'],
  ];
  const ended = await Promise.all(kept.map(([env, args]) => register(args, env)));
  for (const [i, { status, stdout, stderr }] of ended.entries()) {
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(new RegExp(`^npm kept ${kept[i]?.[2]} for itself`));
    expect(stderr).toContain(`\nnode dist/scripts/register.js ${kept[i]?.[3]}\n`);
  }
  expect(platform.requests).toEqual([]);
});

it('explains what is missing, and nothing else: with .env.example to copy only if there is no .env', async () => {
  const folder = temporaryFolder();
  const [none, one] = await Promise.all([
    runProgram('scripts/register', [], {}, folder),
    runProgram('scripts/register', [], { ...CREDENTIALS, RINGCENTRAL_JWT: '' }, folder),
  ]);
  expect([none.status, none.stdout]).toEqual([1, '']);
  const all = 'RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT';
  const env = join(folder, '.env');
  expect(none.stderr).toMatch(`Not set: ${all}. There is no ${env}: copy .env.example`);
  expect(none.stderr).toMatch(/\nThe page of your app .*\/new-app\?\S+\nThe JWT is yours: .*\n$/);
  expect(one.stderr).toMatch(/^Not set: RINGCENTRAL_JWT\. .*\nThe JWT is yours: .*\n$/);
  writeFileSync(env, 'RINGCENTRAL_CLIENT_ID=x\n');
  const { stderr } = await runProgram('scripts/register', [], {}, folder);
  expect(stderr.split('\n')[0]).toBe(
    `Not set: RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT. Go to ${env}, and fill it in.`,
  );
});
