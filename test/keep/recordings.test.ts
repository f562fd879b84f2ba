import { afterEach, expect, it, jest } from '@jest/globals';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiError, EXTENSION_ID, type Fault } from '../../scripts/fake/platform.js';
import { problemLog } from '../../src/keep/problems.js';
import { recordingFolder } from '../../src/keep/attachments.js';
import type { Output } from '../../src/program.js';
import type { LogFormat } from '../../src/settings.js';
import { Said } from '../support/app.js';
import { itIfNotWindows } from '../support/available.js';
import { closeAll, logIn, startPlatform } from '../support/in-process.js';
import { tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const NAME = '2026-11-24T22-30-00Z-101-7.mp3';

let end = new AbortController();
/** How far the clock that counts waiting is ahead, in milliseconds. */
let ahead = 0;
const now = performance.now.bind(performance);
afterEach(async () => {
  end.abort();
  await closeAll();
});

/** A platform, and what saves recordings in a folder; `begin` is a restart. */
async function start(format: LogFormat = 'json') {
  end = new AbortController();
  jest.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
  const folder = join(temporaryFolder(), 'voice', 'mails');
  const platform = await startPlatform();
  platform.clockOffsetMs = Date.parse('2026-11-25T22:00:00Z') - Date.now();
  const { session } = await logIn(platform);
  const { say, lines } = new Said();
  const write = (line: string) => Promise.resolve(say(line));
  const output: Output = { format, write, progress: () => {}, signal: end.signal };
  const begin = () => {
    const recordings = recordingFolder(folder, output);
    const want = (...messages: object[]) => messages.forEach((each) => recordings.want(EXTENSION_ID, { ...each }));
    /** Goes on until a line that matches is said; resolves to all that is said by then. */
    const runUntil = async (pattern: RegExp) => {
      const said = new Said();
      const loop = new AbortController();
      const { repeat } = problemLog(said.say, loop.signal);
      repeat('the recordings', 1, () => recordings.saveDue(session)).catch(() => {});
      await said.match(pattern).finally(() => loop.abort());
      return said.lines;
    };
    /** Saves what is due, a minute after the last time: the budget of another minute. */
    const save = () => {
      ahead += 61_000;
      return recordings.saveDue(session);
    };
    return { want, save, runUntil };
  };
  const left = (overrides: object = {}) =>
    platform.store({ id: 7, creationTime: '2026-11-24T22:30:00.123Z', ...overrides });
  const asked = () => platform.requests.filter(({ path }) => path.includes('/content/')).length;
  return { platform, folder, lines, left, asked, begin, ...begin() };
}

it('a recording is saved once, streamed to a file that gets its name when it is whole', async () => {
  const { platform, want, save, begin, left, folder, lines, asked } = await start();
  const message = left();
  const sound = Buffer.alloc(700_000, 'sound');
  platform.recordings.set('7', sound);
  platform.partial = true;
  const during: string[] = [];
  platform.onChunk = () => {
    during.push(...readdirSync(folder));
    // A comparison meanwhile.
    want(message);
  };
  want(message);
  expect(await save()).toEqual([]);
  expect(readdirSync(folder)).toEqual([NAME]);
  expect(readFileSync(join(folder, NAME))).toEqual(sound);
  expect(during).not.toContain(NAME);
  const event = `/restapi/v1.0/account/~/extension/${EXTENSION_ID}/voicemail`;
  const all = lines.map((line): unknown => JSON.parse(line));
  expect(all).toEqual([{ event, recording: join(folder, NAME), body: message }]);
  for (const each of [{ want, save }, begin()]) {
    each.want(message);
    await each.save();
  }
  expect(asked()).toBe(1);
});

itIfNotWindows('recordings are private, and their paths are shown to people', async () => {
  const { want, save, left, folder, lines } = await start('summary');
  want(left());
  await save();
  expect(lines).toEqual([`    ${join(folder, NAME)}`]);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, NAME)).mode & 0o777).toBe(0o600);
});

const to = (...numbers: string[]) => ({ to: numbers.map((extensionNumber) => ({ extensionNumber })) });
const uri = `/restapi/v1.0/account/809646016/extension/${EXTENSION_ID}/message-store/7/content/7`;
const ofType = (contentType: string) => ({ attachments: [{ uri, type: 'AudioRecording', contentType }] });
it.each<[string, object, string]>([
  ['with the number that was called', to('200'), '2026-11-24T22-30-00Z-200-7.mp3'],
  ['without a number if several were called', to('200', '201'), '2026-11-24T22-30-00Z-7.mp3'],
  ['without a number that is none', to('../../etc'), '2026-11-24T22-30-00Z-7.mp3'],
  ['without a time that is none', { creationTime: '../..' }, '101-7.mp3'],
  ['with .wav if it is one', ofType('audio/x-wav'), '2026-11-24T22-30-00Z-101-7.wav'],
  ['with .mp3 if its type is another', ofType('text/html'), NAME],
])('a recording has a name %s, and is found by its id after a restart', async (_, overrides, name) => {
  const { want, save, begin, left, folder, asked } = await start();
  const message = left(overrides);
  want(message);
  expect(await save()).toEqual([]);
  expect(readdirSync(folder)).toEqual([name]);
  const next = begin();
  next.want(message);
  await next.save();
  expect(asked()).toBe(1);
});

it.each([{ attachments: [] }, { id: '../7' }, { id: undefined }])(
  'a voicemail with %j has no recording',
  async (odd) => {
    const { want, save, left, asked } = await start();
    want({ ...left(), ...odd });
    expect(await save()).toEqual([]);
    expect(asked()).toBe(0);
  },
);

it.each<[string, Fault, number]>([
  ['refused', apiError(403, 'CMN-408', 'No [ReadMessages]'), 1],
  ['unavailable', 'html', 2],
  ['cut', 'cut', 1],
  ['redirected', { status: 302, headers: { location: 'http://127.0.0.1:2/' }, body: '' }, 1],
])('a recording that is %s costs only itself, and is tried again for a day', async (_, fault, times) => {
  const { platform, want, save, left, folder, asked } = await start();
  const messages = [left(), left({ id: 8 })];
  platform.fail('GET', /content\/7$/, fault, 2 * times);
  want(...messages);
  for (let i = 0; i < 2; i++) expect(await save()).toEqual([expect.stringMatching(/recording of voicemail 7: /)]);
  expect(readdirSync(folder)).toEqual(['2026-11-24T22-30-00Z-101-8.mp3']);
  expect(await save()).toEqual([]);
  expect(readdirSync(folder)).toHaveLength(2);
  want(left({ id: 9 }));
  platform.fail('GET', /content\/9$/, fault);
  ahead += 24 * 3_600_000;
  expect(await save()).toHaveLength(1);
  const before = asked();
  want(left({ id: 9 }));
  expect(await save()).toEqual([]);
  expect(asked()).toBe(before);
});

it('a recording that is cut off on the way leaves no file, and one that is gone is not asked for again', async () => {
  const { platform, want, save, left, folder, asked } = await start();
  const message = left();
  platform.onChunk = (sent) => (sent > 0 ? 'cut' : undefined);
  want(message);
  expect(await save()).toHaveLength(1);
  expect(readdirSync(folder)).toEqual([]);
  platform.messages = [];
  for (const failures of [1, 0]) {
    want(message);
    expect(await save()).toHaveLength(failures);
  }
  expect(asked()).toBe(2);
});

it('recordings wait, all of them, if there were too many requests', async () => {
  const { platform, want, left, asked, runUntil } = await start();
  platform.fail('GET', /content/, tooMany(61), 1);
  want(left(), left({ id: 8 }));
  await runUntil(/61 s/);
  expect(asked()).toBe(1);
});

it('a folder that is gone is said once, and recordings come once it is there again', async () => {
  const { want, save, left, folder, runUntil } = await start();
  rmSync(folder, { recursive: true });
  want(left(), left({ id: 8 }));
  const said = await runUntil(/./);
  expect(said).toEqual([expect.stringMatching(/^Could not save the recording of voicemail 7: ENOENT: no such file/)]);
  mkdirSync(folder);
  expect(await save()).toEqual([]);
  expect(readdirSync(folder)).toHaveLength(2);
});

it('a folder that cannot be made fails at once', () => {
  const folder = join(temporaryFolder(), 'file');
  writeFileSync(folder, '');
  const output = { write: () => Promise.resolve(), format: 'json', progress: () => {}, signal: end.signal } as const;
  expect(() => recordingFolder(folder, output)).toThrow(`Recordings cannot go to ${folder} (`);
});

it('what a kill left behind long ago is deleted, and nothing else', async () => {
  const { begin, folder } = await start();
  for (const name of ['.7-x.part', '.8-y.part', 'notes.txt']) writeFileSync(join(folder, name), '');
  for (const name of ['.7-x.part', 'notes.txt']) utimesSync(join(folder, name), 0, 0);
  begin();
  expect(readdirSync(folder)).toEqual(['.8-y.part', 'notes.txt']);
});
