import { once } from 'node:events';
import { join } from 'node:path';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import { apiError, CREDENTIALS, Platform, voicemail } from './support/platform.js';
import { endPrograms, run, Transcript } from './support/receiver.js';
import { runScript } from './support/script.js';

const STORE = /\/message-store$/;
let platform: Platform;

beforeEach(async () => void (platform = await Platform.start()));
afterEach(async () => {
  await endPrograms();
  await platform.close();
});

const env = () => ({ ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url });
const catchUp = (...args: string[]) => runScript('catch-up', args, env());
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const ids = (stdout: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { body: { id: unknown } }).body.id);

/** `count` voicemails, one a minute, the oldest first, with ids from 1. */
function fill(count: number): void {
  for (let id = 1; id <= count; id++)
    platform.messages.push(voicemail({ id, creationTime: minutesAgo(count - id + 1) }));
}

/** A voicemail with a transcription under the attachment id 7, which the platform knows where `text` is given. */
function transcribed(text?: string): GetMessageInfoResponse {
  if (text !== undefined) platform.transcripts.set('7', text);
  const uri = `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/1/content/7`;
  return voicemail({
    id: 1,
    creationTime: minutesAgo(5),
    vmTranscriptionStatus: 'Completed',
    attachments: [{ id: 7, type: 'AudioTranscription', uri }],
  });
}

it('logs all voicemails of three pages, oldest first, as the receiver does, and ends with how many', async () => {
  fill(250);
  const { status, stdout, stderr } = await catchUp();
  expect(status).toBe(0);
  expect(ids(stdout)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual({
    event: '/restapi/v1.0/account/~/extension/~/voicemail',
    body: platform.messages[0],
  });
  expect(stderr).toMatch(/^Logged 250 voicemails, from \d{4}-\d\d-\d\d \d\d:\d\d to \d{4}-\d\d-\d\d \d\d:\d\d\n$/);
});

it('shows them on a terminal as the receiver does', async () => {
  fill(250);
  const script = join(__dirname, '../scripts/catch-up.js');
  const child = run('script', ['-qefc', `exec "${process.execPath}" "${script}"`, '/dev/null'], env());
  const screen = new Transcript(child.stdout);
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(screen.text).toMatch(/Reading page 2 of 3/);
  expect(
    screen.text.match(/Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 /g),
  ).toHaveLength(250);
  expect(screen.text).toMatch(/\r\n{\r\n(\t| {8})"event": /);
});

describe('the period', () => {
  it.each([
    [[], 24 * 60, 0],
    [['--since', '90m'], 90, 0],
    [['--since', '7d', '--until', '24h'], 7 * 24 * 60, 24 * 60],
  ])('of %j', async (args, from, to) => {
    const before = Date.now();
    await catchUp(...args);
    const query = platform.requests.find(({ path }) => STORE.test(path))?.query;
    const after = Date.now();
    for (const [name, minutes] of [
      ['dateFrom', from],
      ['dateTo', to],
    ] as const) {
      const time = Date.parse(query?.get(name) ?? '') + minutes * 60_000;
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(after);
    }
  });

  it('of dates and times, which are local without a zone', async () => {
    await runScript('catch-up', ['--since', '2026-02-03', '--until', '2026-02-03T08:00:00Z'], {
      ...env(),
      TZ: 'Asia/Tokyo',
    });
    const query = platform.requests.find(({ path }) => STORE.test(path))?.query;
    expect([query?.get('dateFrom'), query?.get('dateTo')]).toEqual([
      '2026-02-02T15:00:00.000Z',
      '2026-02-03T08:00:00.000Z',
    ]);
  });

  it.each([
    [['--since', 'yesterday'], /--since takes .* not "yesterday"/],
    [['--since', '2026-02-30'], /--since takes/],
    [['--since', '2026-02-03T25:00'], /--since takes/],
    [['--until', '5w'], /--until takes/],
    [['--since', '1h', '--until', '2h'], /--since 1h is not before --until/],
    [['--from', '1h'], /--from/],
    [['1h'], /1h/],
  ])('is refused with the usage: %j', async (args, message) => {
    const { status, stdout, stderr } = await catchUp(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/Usage: npm run catch-up/);
    expect(platform.requests).toEqual([]);
  });
});

it('notices options that npm kept for itself', async () => {
  const { status, stderr } = await runScript('catch-up', [], { ...env(), npm_config_since: '7d' });
  expect([status, stderr]).toEqual([
    2,
    expect.stringMatching(/^npm kept --since for itself: options go after a lone --\n/),
  ]);
});

it('prints its usage', async () => {
  expect(await catchUp('--help')).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^Usage: npm run catch-up/),
    stderr: '',
  });
});

describe('at the edges', () => {
  it('keeps all of several with one creation time, and those with fields missing', async () => {
    const creationTime = minutesAgo(5);
    for (let id = 1; id <= 150; id++) platform.messages.push(voicemail({ id, creationTime }));
    platform.messages.push({ type: 'VoiceMail' }, { id: 151, creationTime: minutesAgo(1) });
    const logged = ids((await catchUp()).stdout);
    expect(new Set(logged)).toEqual(new Set([undefined, ...Array.from({ length: 151 }, (_, i) => i + 1)]));
    expect([logged.length, logged.at(-1)]).toEqual([152, 151]);
  });

  it.each(['comes', 'goes'])('misses none and doubles none where one %s while pages are read', async (what) => {
    fill(250);
    const late = { ...voicemail({ id: 999 }), creationTime: minutesAgo(100) };
    let pages = 0;
    platform.onRequest = ({ path }) => {
      if (STORE.test(path) && ++pages === 2)
        if (what === 'comes') platform.messages.push(late);
        else platform.messages.pop();
    };
    const logged = ids((await catchUp()).stdout);
    expect(new Set(logged).size).toBe(logged.length);
    expect(logged).toEqual(expect.arrayContaining(platform.messages.map(({ id }) => id)));
  });
});

it('fails, and logs nothing, where the list never stands still', async () => {
  fill(150);
  platform.onRequest = ({ path }) =>
    void (STORE.test(path) && platform.messages.push(voicemail({ creationTime: minutesAgo(9) })));
  const { status, stdout, stderr } = await catchUp();
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/changed each time that it was read: run this again\.\nStopped before anything was logged/);
});

describe('with --transcripts', () => {
  it('has the text beside the body', async () => {
    platform.messages.push(transcribed('Call me\u001b[2J back.'), voicemail({ id: 2 }));
    const { stdout } = await catchUp('--transcripts');
    const [first, second] = stdout.split('\n').map((line) => JSON.parse(line || '{}') as { transcript?: string });
    expect(first?.transcript).toBe('Call me\u001b[2J back.');
    expect(second).not.toHaveProperty('transcript');
  });

  it('shows the text wrapped under the summary line, safe for a terminal', async () => {
    platform.messages.push(transcribed(`\u001b[2J${'word '.repeat(40)}${'x'.repeat(200)}\u009b`));
    const { stdout } = await runScript('catch-up', ['--transcripts'], { ...env(), LOG_FORMAT: 'pretty' });
    expect(stdout).toMatch(/^.* Voicemail from .*\n {4}\\u001b\[2Jword(.*\n {4}){4,}x*\\u009b\n{\n/);
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u001b\u009b]/);
  });

  it('goes on without one that cannot be read', async () => {
    platform.messages.push(transcribed(), voicemail({ id: 2, creationTime: minutesAgo(1) }));
    const { status, stdout, stderr } = await catchUp('--transcripts');
    expect([status, ids(stdout).sort()]).toEqual([0, [1, 2]]);
    expect(stderr).toMatch(/Without the transcript of voicemail 1: .*CMN-102/);
  });

  it('sends the access token to RingCentral alone', async () => {
    const elsewhere = transcribed();
    elsewhere.attachments = [{ id: 7, type: 'AudioTranscription', uri: 'https://ringcentral.com.example/steal' }];
    platform.messages.push(elsewhere);
    const { status, stderr } = await catchUp('--transcripts');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/ringcentral\.com\.example\/steal is not RingCentral/)]);
  });

  it('goes on without one whose address is none', async () => {
    const broken = transcribed();
    broken.attachments = [{ id: 7, type: 'AudioTranscription', uri: 'https://[bad' }];
    platform.messages.push(broken);
    const { status, stdout, stderr } = await catchUp('--transcripts');
    expect([status, ids(stdout)]).toEqual([0, [1]]);
    expect(stderr).toMatch(/https:\/\/\[bad is not RingCentral/);
  });

  it('reads none without being asked', async () => {
    platform.messages.push(transcribed('Call me back.'));
    expect((await catchUp()).stdout).not.toMatch(/Call me back/);
    expect(platform.requests.some(({ path }) => /content/.test(path))).toBe(false);
  });
});

describe('failures', () => {
  it('says which permission is missing', async () => {
    const message = 'In order to call this API endpoint, application needs to have [ReadMessages] permission';
    platform.fail('GET', STORE, apiError(403, 'CMN-401', message));
    const { status, stderr } = await catchUp();
    expect([status, stderr]).toEqual([1, expect.stringMatching(/CMN-401.*\[ReadMessages\].*\n.*"Read Messages"/)]);
  });

  it('waits out too many requests', async () => {
    fill(1);
    platform.fail(
      'GET',
      STORE,
      { ...apiError(429, 'CMN-301', 'Request rate exceeded'), headers: { 'Retry-After': '1' } },
      1,
    );
    const { status, stdout, stderr } = await catchUp();
    expect([status, ids(stdout)]).toEqual([0, [1]]);
    expect(stderr).toMatch(/wait 1 s/);
  });

  it('logs in again where the login ends while it waits', async () => {
    fill(1);
    platform.fail('GET', STORE, { ...apiError(429, 'CMN-301', 'Rate'), headers: { 'Retry-After': '1' } }, 1);
    platform.fail('GET', STORE, apiError(401, 'OAU-213', 'Token not found'), 1);
    const { status, stdout } = await catchUp();
    expect([status, ids(stdout)]).toEqual([0, [1]]);
  });

  it('says how far it got where a page cannot be read', async () => {
    fill(250);
    let pages = 0;
    platform.onRequest = ({ path }) => {
      if (STORE.test(path) && ++pages === 2) platform.fail('GET', STORE, 'cut', 1);
    };
    const { status, stdout, stderr } = await catchUp();
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/RingCentral did not list the voicemails: .*\nStopped before anything was logged\.\n$/);
  });

  it('says how far it got where stdout is gone', async () => {
    fill(250);
    const script = join(__dirname, '../scripts/catch-up.js');
    const command = `{ "${process.execPath}" "${script}"; echo "status $?" >&2; } | head -1`;
    const child = run('sh', ['-c', command], env());
    const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
    await stderr.match(/EPIPE.*\nStopped after \d+ of 250 voicemails\.\nstatus 1/);
    expect(ids(stdout.text)).toEqual([1]);
  });

  it.each(['html', 'empty'] as const)('takes no %s for a list', async (fault) => {
    platform.fail('GET', STORE, fault);
    const { status, stderr } = await catchUp();
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^RingCentral .* without JSON/)]);
    expect(stderr).not.toMatch(/ {4}at /);
  });
});
