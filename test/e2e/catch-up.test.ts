import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CREDENTIALS, voicemail, type Platform } from '../../scripts/stand-in/platform.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { endPrograms, program, Receiver, run, runProgram, Transcript } from '../support/programs.js';
import { FILTER, STORE, tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const itIfJq = spawnSync('jq', ['--version']).status === 0 ? it : it.skip;
const CONTENT = /\/content\//;
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
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const parsed = (stdout: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string; transcript?: string; body: { id: unknown } });

/** `count` voicemails, one a minute, the oldest first, with ids from 1. */
function fill(count: number): void {
  for (let id = 1; id <= count; id++)
    platform.messages.push(voicemail({ id, creationTime: minutesAgo(count - id + 1) }));
}

/** Makes a voicemail one that RingCentral has transcribed. */
function transcribe(id: number, text: string): void {
  const attachmentId = id + 1000;
  platform.transcripts.set(String(attachmentId), text);
  const uri = `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/${id}/content/${attachmentId}`;
  const message = platform.messages.find((each) => each.id === id);
  const attachments = [{ id: attachmentId, type: 'AudioTranscription', uri }];
  Object.assign(message ?? {}, { vmTranscriptionStatus: 'Completed', attachments });
}

it('logs all voicemails of several pages, oldest first, as the receiver does, and ends with how many', async () => {
  fill(1150);
  const { status, stdout, stderr } = await catchUp();
  expect([status, platform.sessions]).toEqual([0, 0]);
  expect(parsed(stdout).map(({ body }) => body.id)).toEqual(Array.from({ length: 1150 }, (_, i) => i + 1));
  expect(parsed(stdout)[0]).toEqual({ event: FILTER, body: platform.messages[0] });
  expect(stderr).toMatch(/^Logged 1150 voicemails since \d{4}-\d\d-\d\d \d\d:\d\d\n$/);
});

it('logs in the form of LOG_FORMAT, with transcripts if asked to, and says how many it is without', async () => {
  fill(3);
  for (const id of [1, 2, 3]) transcribe(id, `Text ${id}`);
  let reads = 0;
  platform.onRequest = ({ path }) => {
    if (CONTENT.test(path) && ++reads === 2) platform.fail('GET', CONTENT, tooMany(300));
  };
  const { status, stdout, stderr } = await catchUp(['--transcripts'], { LOG_FORMAT: 'summary' });
  expect([status, reads]).toEqual([0, 2]);
  const summary = '.*  Voicemail from Grace Hopper, .*\n';
  expect(stdout).toMatch(new RegExp(`^${summary}    Text 1\n${summary}${summary}$`));
  expect(stderr).toMatch(/\nLogged 3 voicemails since .*, 2 of them without the transcript\n$/);
});

it('starts at --since, by local time if there is no zone, and ends at the present of RingCentral', async () => {
  const before = Date.now();
  const cases: [string[], string | number][] = [
    [[], 24 * 60],
    [['--since', '90m'], 90],
    [['--since', '7d'], 7 * 24 * 60],
    [['--since', '2026-02-03'], '2026-02-02T15:00:00.000Z'],
    [['--since', '2026-02-03T08:00'], '2026-02-02T23:00:00.000Z'],
    [['--since', '2026-02-03T08:00:00Z'], '2026-02-03T08:00:00.000Z'],
  ];
  for (const [args, since] of cases) {
    platform.requests = [];
    await catchUp(args, { TZ: 'Asia/Tokyo' });
    const query = platform.requests.find(({ path }) => STORE.test(path))?.query;
    const from = query?.get('dateFrom') ?? '';
    expect(query?.has('dateTo')).toBe(false);
    if (typeof since === 'string') expect(from).toBe(since);
    else {
      expect(Date.parse(from)).toBeGreaterThanOrEqual(before - since * 60_000);
      expect(Date.parse(from)).toBeLessThanOrEqual(Date.now() - since * 60_000);
    }
  }
});

it('answers a wrong command line, and options that npm kept, with the usage and exit status 2', async () => {
  const wrong: [string[], Record<string, string>, RegExp][] = [
    [['--since', 'yesterday'], {}, /^--since takes .* not "yesterday"/],
    [['--since', '2026-02-30'], {}, /^--since takes/],
    [['--since', '2026-02-03T25:00'], {}, /^--since takes/],
    [['--since', '2126-02-03'], {}, /^--since 2126-02-03 is not in the past/],
    [['--from', '1h'], {}, /^Unknown option '--from'\n/],
    [['1h'], {}, /^Unexpected "1h"/],
    [
      ['7d'],
      { npm_config_since: 'true' },
      /^npm kept --since for itself[^]*node dist\/scripts\/catch-up\.js --since 7d\n/,
    ],
  ];
  const ended = await Promise.all(wrong.map(([args, overrides]) => catchUp(args, overrides)));
  for (const [i, { status, stdout, stderr }] of ended.entries()) {
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(wrong[i]?.[2] ?? '');
    expect(stderr).toMatch(/\n\nUsage: npm run catch-up /);
  }
  expect(platform.requests).toEqual([]);
});

it('says so if there is nothing to catch up: no event filter names voicemails', async () => {
  const WEBHOOK_EVENT_FILTERS = '/restapi/v1.0/account/~/extension/~/presence';
  const { status, stdout, stderr } = await catchUp([], { WEBHOOK_EVENT_FILTERS });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^WEBHOOK_EVENT_FILTERS has no voicemail filter \(.*presence\)/);
});

it('says how far it got if nobody reads its output any more', async () => {
  fill(900);
  const command = `{ "${process.execPath}" "${program('scripts/catch-up')}"; echo "status $?" >&2; } | head -1`;
  const child = run('sh', ['-c', command], env());
  const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
  await stderr.match(/Stopped after \d+ of 900 voicemails\.\nstdout cannot be written: .*\nstatus 1/);
  expect(parsed(stdout.text).map(({ body }) => body.id)).toEqual([1]);
});

itIfJq('is merged with the log of the receiver by jq: each voicemail once, with its transcript', async () => {
  const folder = temporaryFolder();
  const events = join(folder, 'events.jsonl');
  // Both leave out LOG_FORMAT of the .env for what is to be read by a machine.
  writeFileSync(join(folder, '.env'), 'LOG_FORMAT=pretty\n');
  const json = { LOG_FORMAT: 'json' };
  const receiver = await Receiver.start(json, { redirect: `>> "${events}"`, cwd: folder });
  const ids: unknown[] = [];
  const received = async (body: object, uuid: string) =>
    expect((await receiver.post({ uuid, event: '/restapi/v1.0/account/1/extension/2/voicemail', body })).status).toBe(
      200,
    );
  // The guide's example has ids that are text.
  for (const minutes of [50, 40, 30, 20]) {
    const message = voicemail({ creationTime: minutesAgo(minutes) });
    platform.messages.push(message);
    ids.push(message.id);
    if (minutes !== 40)
      await received({ ...message, id: minutes === 30 ? String(message.id) : message.id }, `u${minutes}`);
  }
  // What is no message has no id.
  await received({ creationTime: minutesAgo(10), changes: [] }, 'no id');
  await received({ creationTime: minutesAgo(9), changes: [] }, 'no id either');
  await receiver.end('SIGTERM');
  transcribe(Number(ids[0]), 'Call me back.');
  transcribe(Number(ids[1]), 'Never mind.');
  const command = `"${process.execPath}" "${program('scripts/catch-up')}" --transcripts >> "${events}"`;
  for (let twice = 0; twice < 2; twice++) {
    const child = run('sh', ['-c', command], env(json), folder);
    await new Promise((resolve) => child.once('close', resolve));
  }
  // Catching up comes first in one log, and last in another.
  const backwards = join(folder, 'backwards.jsonl');
  writeFileSync(backwards, readFileSync(events, 'utf8').trim().split('\n').reverse().join('\n'));
  for (const file of [events, backwards]) {
    const recipe = 'group_by(.body.id // .uuid // . | tostring) | map(add) | sort_by(.body.creationTime)[]';
    const { stdout } = spawnSync('jq', ['-cs', recipe, file], { encoding: 'utf8' });
    const merged = parsed(stdout);
    expect(merged.map(({ body }) => body.id && String(body.id))).toEqual([...ids.map(String), undefined, undefined]);
    expect(merged.map(({ transcript }) => transcript)).toEqual([
      'Call me back.',
      'Never mind.',
      ...Array(4).fill(undefined),
    ]);
  }
});
