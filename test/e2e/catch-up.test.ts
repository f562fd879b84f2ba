import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  apiError,
  CREDENTIALS,
  EXTENSION_ID,
  voicemail,
  type Fault,
  type Platform,
} from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { itIfNotWindows, itIfScript } from '../support/available.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { endPrograms, program, runInShell, runOnTerminal, runProgram, Transcript } from '../support/programs.js';
import { STORE, tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const CONTENT = /\/content\//;
const DAY_MS = 86_400_000;
const [CHARLES, QUEUE] = [String(Number(EXTENSION_ID) + 1), String(Number(EXTENSION_ID) + 3)];

let platform: Platform;

beforeEach(async () => void (platform = await startPlatform()));
afterEach(async () => {
  await endPrograms();
  await closeAll();
});

const env = (overrides: Record<string, string> = {}) => ({
  ...CREDENTIALS,
  RINGCENTRAL_SERVER: platform.url,
  ...overrides,
});
const catchUp = (args: string[] = [], overrides: Record<string, string> = {}) =>
  runProgram('scripts/catch-up', args, env(overrides));
const parsed = (stdout: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string; recording?: string; body: { id?: unknown } });
const idsIn = (stdout: string) => parsed(stdout).map(({ body }) => body.id);
const asksFor = (path: RegExp) => platform.requests.filter((each) => path.test(each.path));

/** When it was so many minutes ago by RingCentral's clock. */
const minutesAgo = (minutes: number) => new Date(platform.now - minutes * 60_000).toISOString();

/** `count` voicemails, one a minute, the oldest first, with ids from 1. */
function fill(count: number): void {
  for (let id = 1; id <= count; id++)
    platform.messages.push(voicemail({ id, creationTime: minutesAgo(count - id + 1) }));
}

it('logs all voicemails of several pages, oldest first, as the receiver does, and ends with how many', async () => {
  fill(1150);
  const { status, stdout, stderr } = await catchUp();
  expect(status).toBe(0);
  expect(platform.sessions).toBe(0);
  expect(idsIn(stdout)).toEqual(Array.from({ length: 1150 }, (_, i) => i + 1));
  expect(parsed(stdout)[0]).toEqual({ event: voicemailFilter(EXTENSION_ID), body: platform.messages[0] });
  expect(stderr).toMatch(/^Logged 1150 voicemails since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/);
});

it('logs in the form of LOG_FORMAT, and reads no transcript unless it is asked to', async () => {
  fill(1);
  platform.transcribe(1, 'Call me back.');
  const { stdout } = await catchUp([], { LOG_FORMAT: 'summary' });
  expect(stdout).toMatch(/^\S+ {2}Voicemail from Grace Hopper, .*\n$/);
  expect(asksFor(CONTENT)).toEqual([]);
});

it.each<[string, Fault, RegExp]>([
  ['a long wait', tooMany(300), /voicemail 4: CMN-301 .*\n.*300 s/],
  ['silence', 'cut', /voicemail 4: .* did not answer/],
])(
  'logs transcripts if asked to: one that cannot be read costs only itself, %s all that follow',
  async (_, fault, said) => {
    fill(5);
    for (let id = 1; id <= 5; id++) platform.transcribe(id, `Text ${id}`);
    const [elsewhere] = platform.messages[0]?.attachments?.slice(-1) ?? [];
    Object.assign(elsewhere ?? {}, { uri: 'https://ringcentral.com.example/x' });
    platform.onRequest = ({ path }) => {
      if (!CONTENT.test(path)) return;
      if (path.includes('/3/')) platform.fail('GET', CONTENT, apiError(404, 'CMN-102', 'Gone'), 1);
      if (path.includes('/4/')) platform.fail('GET', CONTENT, fault);
    };
    const { status, stdout, stderr } = await catchUp(['--transcripts'], { LOG_FORMAT: 'summary' });
    expect(status).toBe(0);
    const summary = '.*  Voicemail from Grace Hopper, .*\n';
    expect(stdout).toMatch(new RegExp(`^${summary}${summary}    Text 2\n${summary}${summary}${summary}$`));
    expect(asksFor(CONTENT)).toHaveLength(3);
    for (const line of [/voicemail 1: .* is not on RingCentral's servers/, /voicemail 3: CMN-102/, said])
      expect(stderr).toMatch(line);
    expect(stderr).toMatch(/\nLogged 5 voicemails since .*, 4 of them without the transcript\n$/);
  },
);

describe('several mailboxes', () => {
  beforeEach(() => {
    for (const [i, extension] of [EXTENSION_ID, CHARLES, QUEUE, EXTENSION_ID].entries())
      platform.store({ id: i + 1, creationTime: minutesAgo(10 - i) }, extension);
  });

  it('are logged in one order, each under its extension', async () => {
    const { status, stdout } = await catchUp([], { WEBHOOK_EXTENSIONS: '200,102,101' });
    expect(status).toBe(0);
    expect(idsIn(stdout)).toEqual([1, 2, 3, 4]);
    const extensions = [EXTENSION_ID, CHARLES, QUEUE, EXTENSION_ID];
    expect(parsed(stdout).map(({ event }) => event)).toEqual(extensions.map(voicemailFilter));
  });

  it.each(['CMN-102', 'CMN-404', 'CMN-408'] as const)(
    'cost only themselves if they are refused, and are named: %s',
    async (refusal) => {
      platform.refusedMailboxes.set(CHARLES, refusal);
      const { status, stdout, stderr } = await catchUp([], { WEBHOOK_EXTENSIONS: 'all' });
      expect(status).toBe(1);
      expect(idsIn(stdout)).toEqual([1, 3, 4]);
      expect(stderr).toMatch(`ext. 102, Charles Babbage: Could not list the voicemails: ${refusal} `);
      expect(stderr).toMatch(/\nLogged 3 voicemails since .*\nMailboxes not read: 1 of 3\.\n$/);
    },
  );

  it('are not logged if RingCentral stops answering before all are read', async () => {
    platform.onRequest = ({ path }) => {
      if (path.includes(QUEUE)) platform.fail('GET', STORE, 'cut');
    };
    const { status, stdout, stderr } = await catchUp([], { WEBHOOK_EXTENSIONS: 'all' });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Could not list the voicemails: .*\n$/);
  });

  it('are not logged if there is one that does not exist', async () => {
    const { status, stdout, stderr } = await catchUp([], { WEBHOOK_EXTENSIONS: '101,105' });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^There is no extension 105; the nearest: ext\. 104, .*\n$/);
    expect(asksFor(STORE)).toEqual([]);
  });

  itIfScript('show the progress on a terminal', async () => {
    await runOnTerminal('scripts/catch-up', env({ WEBHOOK_EXTENSIONS: 'all' })).screen.match(
      /Mailbox 1 of 3[^]*Mailbox 3 of 3[^]*Voicemail 4 of 4[^]*Logged 4 voicemails/,
    );
  });
});

describe('recordings', () => {
  const save = (folder: string) =>
    catchUp(['--since', '2026-02-24T00:00Z', '--recordings', folder], { WEBHOOK_EXTENSIONS: 'all' });

  beforeEach(() => {
    const creationTime = '2026-02-24T22:30:00.000Z';
    platform.store({ id: 1, creationTime });
    platform.store({ id: 2, creationTime, to: [{ extensionNumber: '200' }] }, QUEUE);
  });

  it('are saved once, after all voicemails', async () => {
    const folder = join(temporaryFolder(), 'voicemails', 'new');
    const { status, stdout, stderr } = await save(folder);
    expect(stderr).toBe('Logged 2 voicemails since 2026-02-24 00:00:00\n');
    expect(status).toBe(0);
    const names = ['2026-02-24T22-30-00Z-101-1.mp3', '2026-02-24T22-30-00Z-200-2.mp3'];
    expect(readdirSync(folder)).toEqual(names);
    expect(idsIn(stdout)).toEqual([1, 2, 1, 2]);
    expect(parsed(stdout)[3]).toMatchObject({ recording: join(folder, names[1] ?? ''), body: { id: 2 } });
    platform.requests = [];
    expect(idsIn((await save(folder)).stdout)).toEqual([1, 2]);
    expect(asksFor(CONTENT)).toEqual([]);
  });

  it.each<Fault>([apiError(404, 'CMN-102', 'Gone'), 'cut'])('cost only themselves, and are said: %j', async (fault) => {
    platform.fail('GET', CONTENT, fault, 1);
    const { status, stdout, stderr } = await save(temporaryFolder());
    expect(status).toBe(1);
    expect(idsIn(stdout)).toEqual([1, 2, 2]);
    expect(stderr).toMatch(
      /^Logged 2 voicemails since .*\nCould not save the recording of voicemail 1: .*\nNot saved: 1 recording\. Run this again\.\n$/,
    );
  });

  it('need a folder: a file in its place is reported before anything is sent', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(await save(file)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(file) });
    expect(platform.requests).toEqual([]);
  });
});

it.each<[string[], string | number]>([
  [[], 24 * 60],
  [['--since', '90m'], 90],
  [['--since', '7d'], 7 * 24 * 60],
  [['--since', '2026-02-03'], '2026-02-02T15:00:00.000Z'],
  [['--since', '2026-02-03T08:00'], '2026-02-02T23:00:00.000Z'],
  [['--since', '2026-02-03T08:00:00Z'], '2026-02-03T08:00:00.000Z'],
])("lists from --since to now by RingCentral's clock, a time without a zone being local: %j", async (args, since) => {
  platform.clockOffsetMs = -5 * DAY_MS;
  fill(1);
  const before = platform.now;
  const { stdout } = await catchUp(args, { TZ: 'Asia/Tokyo' });
  const [{ query } = { query: new URLSearchParams() }] = asksFor(STORE);
  const from = query.get('dateFrom') ?? '';
  expect(idsIn(stdout)).toEqual([1]);
  expect(query.has('dateTo')).toBe(false);
  if (typeof since === 'string') expect(from).toBe(since);
  else {
    // The Date header has whole seconds.
    expect(Date.parse(from)).toBeGreaterThan(before - since * 60_000 - 1001);
    expect(Date.parse(from)).toBeLessThanOrEqual(platform.now - since * 60_000);
  }
});

it('refuses a --since that is not in the past by RingCentral’s clock', async () => {
  platform.clockOffsetMs = -5 * DAY_MS;
  const yesterday = new Date(Date.now() - DAY_MS).toISOString();
  const { status, stdout, stderr } = await catchUp(['--since', yesterday]);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(`--since ${yesterday} is not in the past\nUsage: npm run catch-up -- --help\n`);
});

it.each<[string[], Record<string, string>, RegExp]>([
  [['--since', 'yesterday'], {}, /^--since takes .* not "yesterday"/],
  [['--since', '2026-02-30'], {}, /^--since takes/],
  [['--since', '2026-02-03T25:00'], {}, /^--since takes/],
  [['--since', '-1d'], {}, /^--since takes .* not "-1d"\n/],
  // As pnpm passes them on.
  [['--', '--from', '1h'], {}, /^Unknown option '--from'\n/],
  [['1h'], {}, /^Unexpected argument '1h'\n/],
  [['7d'], { npm_config_since: 'true' }, /^npm kept --since for itself .*`node ".*dist.scripts.catch-up\.js"`/],
])('answers %j %j with what is wrong, how to get the usage, and exit status 2', async (args, overrides, said) => {
  const { status, stdout, stderr } = await catchUp(args, overrides);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(said);
  expect(stderr).toMatch(/^.*\nUsage: npm run catch-up -- --help\n$/);
  expect(platform.requests).toEqual([]);
});

it('says that there is nothing to log if no event filter names voicemails', async () => {
  const WEBHOOK_EVENT_FILTERS = '/restapi/v1.0/account/~/extension/~/presence';
  const stderr = expect.stringMatching(/^WEBHOOK_EVENT_FILTERS has no voicemail filter \(.*presence\)/);
  expect(await catchUp([], { WEBHOOK_EVENT_FILTERS })).toEqual({ status: 1, stdout: '', stderr });
});

itIfNotWindows('says how far it got if nobody reads its output any more', async () => {
  fill(900);
  const words = [process.execPath, program('scripts/catch-up')];
  const child = runInShell('{ "$@"; echo "status $?" >&2; } | head -1', words, env());
  const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
  await stderr.match(/Stopped after \d+ of 900 voicemails\.\nstdout cannot be written: .*\nstatus 1/);
  expect(idsIn(stdout.text)).toEqual([1]);
});
