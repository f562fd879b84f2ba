import { once } from 'node:events';
import { CREDENTIALS, loginError, voicemail, type Platform } from '../../scripts/stand-in/platform.js';
import { closeAll, startPlatform, startReceiver } from '../support/in-process.js';
import { endPrograms, program, run, runProgram, Transcript } from '../support/programs.js';
import { earlier, TOKEN_PATH } from '../support/ringcentral.js';

/** How long it may take to end once it is told to, in milliseconds. */
const PROMISED_MS = 5000;
const LINES_WITH_TIME = /^(\d\d:\d\d:\d\d {2}.*\n)+$/;
let platform: Platform;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeEach(async () => {
  [platform, receiver] = await Promise.all([startPlatform(), startReceiver()]);
});
afterEach(async () => {
  await endPrograms();
  await closeAll();
});

const env = (overrides: Record<string, string> = {}) => ({
  ...CREDENTIALS,
  RINGCENTRAL_SERVER: platform.url,
  WEBHOOK_ADDRESS: receiver.url,
  ...overrides,
});

function start(args: string[] = [], overrides: Record<string, string> = {}) {
  const child = run(process.execPath, [program('scripts/keep'), ...args], env(overrides));
  const ended = once(child, 'exit').then(([status, signal]: unknown[]) => status ?? signal);
  return { child, stdout: new Transcript(child.stdout), stderr: new Transcript(child.stderr), ended };
}

/** Sends a signal, and resolves to the exit status. It has to come in the time that was promised. */
async function stop({ child, ended }: ReturnType<typeof start>, signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
  const before = performance.now();
  child.kill(signal);
  const status = await ended;
  expect(performance.now() - before).toBeLessThan(PROMISED_MS);
  return status;
}

/** An earlier subscription that RingCentral has given up, and `count` voicemails since. */
function givenUp(count: number, overrides: object = {}): void {
  const blacklistedData = { blacklistedAt: new Date(Date.now() - 600_000).toISOString(), reason: 'I/O error' };
  platform.subscriptions = [earlier(receiver.address, { status: 'Blacklisted', blacklistedData })];
  platform.messages = Array.from({ length: count }, (_, id) => voicemail({ id, ...overrides }));
}

it.each(['SIGTERM', 'SIGINT'] as const)('registers, logs what was missed, and ends with 0 on %s', async (signal) => {
  givenUp(2);
  const kept = start([], { LOG_FORMAT: 'summary' });
  await kept.stdout.match(/Grace Hopper.*\n.*Grace Hopper.*\n/);
  expect(platform.subscriptions).toMatchObject([{ status: 'Active', deliveryMode: { address: receiver.address } }]);
  expect(await stop(kept, signal)).toBe(0);
  expect(kept.stdout.lines).toHaveLength(2);
  expect(kept.stderr.text).toMatch(LINES_WITH_TIME);
  expect(kept.stderr.text).toMatch(
    /^.* Checking every 5m.*\n[^]* Subscribed.*\(in 20 years\)\n.* 2 voicemails came since /,
  );
  // The subscription stays, the session does not.
  expect([platform.subscriptions.length, platform.sessions]).toEqual([1, 0]);
});

it('looks as often as it is told to, and logs with transcripts if it is told to', async () => {
  const kept = start(['--every', '1s', '--transcripts']);
  await kept.stderr.match(/Subscribed/);
  platform.transcripts.set('7', 'Call me back.');
  const uri = `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/1/content/7`;
  const attachments = [{ id: 7, type: 'AudioTranscription', uri } as const];
  platform.messages.push(voicemail({ vmTranscriptionStatus: 'Completed', attachments }));
  platform.subscriptions = [];
  await kept.stdout.match(/"transcript":"Call me back\."/);
  expect(await stop(kept)).toBe(0);
});

it('answers a wrong command line, and options that npm kept, with the usage and exit status 2', async () => {
  const wrong: [string[], Record<string, string>, RegExp][] = [
    ...['0s', '500ms', '86401s', '1441m', '25h', '99999999999h', '5', '-5m', '1.5m', ''].map(
      (every): [string[], Record<string, string>, RegExp] => [[`--every=${every}`], {}, /--every takes .* 1s to 24h/],
    ),
    [['--often'], {}, /Unknown option '--often'\n/],
    [['5m'], {}, /Unexpected "5m"\n/],
    [['5m'], { npm_config_every: 'true' }, /npm kept --every for itself[^]*node dist\/scripts\/keep\.js --every 5m\n/],
  ];
  const ended = await Promise.all(wrong.map(([args, overrides]) => runProgram('scripts/keep', args, env(overrides))));
  for (const [i, { status, stdout, stderr }] of ended.entries()) {
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(wrong[i]?.[2] ?? '');
    expect(stderr).toMatch(/Usage: npm run keep /);
  }
  expect(platform.requests).toEqual([]);
});

it('ends with 1 if the first login is refused, which it sends once', async () => {
  platform.fail('POST', TOKEN_PATH, loginError('invalid_grant', 'OAU-252', 'JWT is invalid'));
  const { status, stdout, stderr } = await runProgram('scripts/keep', [], env());
  expect([status, stdout, platform.requests.length]).toEqual([1, '', 1]);
  expect(stderr).toMatch(LINES_WITH_TIME);
  expect(stderr).toMatch(/OAU-252 JWT is invalid\.\n.*Create a new RINGCENTRAL_JWT/);
});

it('ends with 1 if a setting is wrong or missing', async () => {
  const ended = await Promise.all(
    [{ RINGCENTRAL_JWT: '' }, { LOG_FORMAT: 'xml' }, { WEBHOOK_ADDRESS: 'hook' }, { WEBHOOK_EVENT_FILTERS: 'x' }].map(
      (overrides) => runProgram('scripts/keep', [], env(overrides as Record<string, string>)),
    ),
  );
  expect(ended.map(({ status }) => status)).toEqual([1, 1, 1, 1]);
  expect(platform.requests).toEqual([]);
});

it('ends with 0 while RingCentral does not answer', async () => {
  platform.fail('POST', TOKEN_PATH, 'hang');
  const asked = new Promise<void>((resolve) => (platform.onRequest = () => resolve()));
  const kept = start(['--every', '24h']);
  await asked;
  expect(await stop(kept)).toBe(0);
});

it('ends with 0 while nobody reads its output', async () => {
  givenUp(3, { subject: 'x'.repeat(200_000) });
  const kept = start();
  kept.child.stdout.pause();
  await kept.stderr.match(/3 voicemails came since /);
  expect(await stop(kept)).toBe(0);
});

it('ends with 1, and says so, if its output is closed', async () => {
  givenUp(3, { subject: 'x'.repeat(200_000) });
  const kept = start();
  kept.child.stdout.destroy();
  expect(await kept.ended).toBe(1);
  expect(kept.stderr.text).toMatch(/ stdout cannot be written: /);
  expect(kept.stderr.text).not.toMatch(/^ +at /m);
});

it('goes on when the connection that it was started from hangs up, as under nohup', async () => {
  const kept = start(['--every', '1s']);
  await kept.stderr.match(/Subscribed/);
  kept.child.kill('SIGHUP');
  platform.subscriptions = [];
  await kept.stderr.match(/Subscribed[^]*Subscribed/);
  expect(await stop(kept)).toBe(0);
});
