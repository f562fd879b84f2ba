import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { Failure } from '../../src/errors.js';
import { problemLog } from '../../src/keep/problems.js';
import { Recordings } from '../../src/keep/recordings.js';
import type { LogFormat } from '../../src/settings.js';
import { Said } from '../support/app.js';
import { itIfNotWindows } from '../support/available.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { session } from '../support/keep.js';
import { tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const CONTENT = /\/content\//;
const TIME = '2026-11-24T22:30:00.123Z';

let end: AbortController;
beforeEach(() => void (end = new AbortController()));
afterEach(() => end.abort());
afterEach(closeAll);

/** A platform, and what saves recordings in a folder. */
async function start(format: LogFormat = 'json', folder = join(temporaryFolder(), 'voice', 'mails')) {
  const platform = await startPlatform();
  const loggedIn = await session(platform);
  const stdout = new Said();
  const write = (line: string) => Promise.resolve(stdout.say(line));
  const output = { format, write, progress: () => {}, signal: end.signal };
  const begin = () => {
    const recordings = new Recordings(folder, end.signal);
    const want = (message: object) => recordings.want(EXTENSION_ID, { ...message });
    return { recordings, want, save: () => recordings.saveDue(loggedIn, output) };
  };
  return { platform, loggedIn, folder, output, lines: stdout.lines, stdout, begin, ...begin() };
}

const left = (platform: Platform, id: number | string, overrides: object = {}) =>
  platform.store({ creationTime: TIME, ...overrides, id: Number(id) });
const requests = (platform: Platform) => platform.requests.filter(({ path }) => CONTENT.test(path)).length;

describe('a recording', () => {
  it('is saved once, streamed, as a file that only its owner can read', async () => {
    const { platform, want, save, begin, folder, lines } = await start();
    const sound = Buffer.alloc(700_000, 'sound');
    const message = left(platform, 7);
    platform.recordings.set('7', sound);
    const during: string[][] = [];
    platform.onChunk = () => {
      during.push(readdirSync(folder));
      // A comparison meanwhile.
      want(message);
    };
    want(message);
    expect(await save()).toEqual([]);
    const name = '2026-11-24T22-30-00Z-101-7.mp3';
    expect(readdirSync(folder)).toEqual([name]);
    expect(readFileSync(join(folder, name))).toEqual(sound);
    expect(during.flat().filter((each) => !each.endsWith('.part'))).toEqual([]);
    const event = `/restapi/v1.0/account/~/extension/${EXTENSION_ID}/voicemail`;
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { event, recording: join(folder, name), body: message },
    ]);
    for (const each of [{ want, save }, begin()]) {
      each.want(message);
      await each.save();
    }
    expect(requests(platform)).toBe(1);
  });

  itIfNotWindows('is private, as is its folder', async () => {
    const { platform, want, save, folder } = await start();
    want(left(platform, 7));
    await save();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, readdirSync(folder)[0] ?? '')).mode & 0o777).toBe(0o600);
  });

  it('is said to people with its path', async () => {
    const { platform, want, save, folder, lines } = await start('summary');
    want(left(platform, 7));
    await save();
    expect(lines).toEqual([`    ${join(folder, readdirSync(folder)[0] ?? '')}`]);
  });

  const to = (...numbers: unknown[]) => ({ to: numbers.map((extensionNumber) => ({ extensionNumber })) });
  const wav = (contentType: string) => ({
    attachments: [{ id: 7, uri: '/restapi/v1.0/account/809646016/extension/823476228762/message-store/7/content/7', type: 'AudioRecording', contentType }], // prettier-ignore
  });
  it.each<[string, object, string | undefined, string]>([
    ['of the number that is known', to('200'), '102', '2026-11-24T22-30-00Z-102-7.mp3'],
    ['of the number that was called', to('200'), undefined, '2026-11-24T22-30-00Z-200-7.mp3'],
    ['of no number if several were called', to('200', '201'), undefined, '2026-11-24T22-30-00Z-7.mp3'],
    ['of no number that is none', to('../../etc'), undefined, '2026-11-24T22-30-00Z-7.mp3'],
    ['without a time if there is none', { creationTime: 'yesterday/..' }, undefined, '101-7.mp3'],
    ['with .wav if it is one', wav('audio/x-wav'), undefined, '2026-11-24T22-30-00Z-101-7.wav'],
    ['with .mp3 if it is not known', wav('text/html'), undefined, '2026-11-24T22-30-00Z-101-7.mp3'],
  ])('has a name %s, and is found by its id after a restart', async (_, overrides, number, name) => {
    const { platform, recordings, want, save, begin, folder } = await start();
    if (number !== undefined) recordings.numbers.set(EXTENSION_ID, number);
    const message = left(platform, 7, { from: { name: '../../evil' }, ...overrides });
    want(message);
    expect(await save()).toEqual([]);
    expect(readdirSync(folder)).toEqual([name]);
    const next = begin();
    next.want(message);
    await next.save();
    expect(requests(platform)).toBe(1);
  });

  it.each([
    ['has none yet', { attachments: [] }],
    ['has no id of RingCentral’s', { id: '../7' }],
    ['has no id', { id: undefined }],
  ])('is not asked for if a voicemail %s', async (_, overrides) => {
    const { platform, want, save } = await start();
    want({ ...left(platform, 7), ...overrides });
    expect(await save()).toEqual([]);
    expect(requests(platform)).toBe(0);
  });

  it('is whole with a status of 206, too', async () => {
    const { platform, want, save, folder } = await start();
    platform.partial = true;
    want(left(platform, 7));
    expect(await save()).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe('a recording that cannot be had', () => {
  it.each<[string, Fault, RegExp]>([
    ['refused', apiError(403, 'CMN-408', 'No [ReadMessages]'), /CMN-408/],
    ['cut', 'cut', /cut/],
    ['unavailable', 'html', /502/],
    ['redirected', { status: 302, headers: { location: 'http://127.0.0.1:2/' }, body: '' }, /redirect/],
  ])('costs only itself if it is %s, and comes once it is wanted again', async (_, fault, message) => {
    const { platform, want, save, folder, lines } = await start();
    platform.fail('GET', /content\/7$/, fault, fault === 'html' ? 2 : 1);
    for (const id of [7, 8]) want(left(platform, id));
    expect(await save()).toEqual([
      expect.stringMatching(/^(Could not|RingCentral refused to) save the recording of voicemail 7: /),
    ]);
    expect(readdirSync(folder)).toEqual(['2026-11-24T22-30-00Z-101-8.mp3']);
    expect(await save()).toEqual([]);
    want(platform.messages[0] ?? {});
    expect(await save()).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(lines).toHaveLength(2);
    expect(message).toBeDefined();
  });

  it('leaves nothing behind if it is cut off on the way', async () => {
    const { platform, want, save, folder } = await start();
    platform.onChunk = (sent) => (sent > 0 ? 'cut' : undefined);
    want(left(platform, 7));
    expect(await save()).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is not asked for again if it is gone (404)', async () => {
    const { platform, want, save } = await start();
    const message = left(platform, 7);
    platform.messages = [];
    for (const failures of [1, 0]) {
      want(message);
      expect(await save()).toHaveLength(failures);
    }
    expect(requests(platform)).toBe(1);
  });

  it('waits with all others if there were too many requests, as long as RingCentral asks', async () => {
    const { platform, loggedIn, recordings, output, want } = await start();
    platform.fail('GET', CONTENT, tooMany(61), 1);
    for (const id of [7, 8]) want(left(platform, id));
    const said = new Said();
    const running = recordings.run(loggedIn, problemLog(said.say, end.signal), output).catch(() => {});
    await said.match(/61 s/);
    expect(requests(platform)).toBe(1);
    end.abort();
    await running;
  });

  it('does not get the access token if it is elsewhere', async () => {
    const { platform, want, save } = await start();
    const uri = 'https://ringcentral.com.example.com/content/7';
    want({ ...left(platform, 7), attachments: [{ type: 'AudioRecording', uri }] });
    expect(await save()).toEqual([expect.stringContaining(`${uri} is not RingCentral.`)]);
  });
});

describe('a folder that cannot be used', () => {
  it('fails before anything else', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    for (const folder of [file, join(file, 'folder')]) {
      const make = () => new Recordings(folder, end.signal);
      expect(make).toThrow(Failure);
      expect(make).toThrow(`The folder ${folder} cannot be used: `);
    }
  });

  it('later is said, once, and recordings come once it is there again', async () => {
    const { platform, loggedIn, recordings, output, want, save, folder } = await start();
    rmSync(folder, { recursive: true });
    const said = new Said();
    want(left(platform, 7));
    want(left(platform, 8));
    const running = recordings.run(loggedIn, problemLog(said.say, end.signal), output).catch(() => {});
    expect(await said.match(/./)).toMatch(/^Could not save the recording of voicemail 7: ENOENT: no such file/);
    expect(said.lines).toHaveLength(1);
    end.abort();
    await running;
    mkdirSync(folder);
    for (const message of platform.messages) want(message);
    expect(await save()).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('is cleared of what a kill left behind long ago, and of nothing else', async () => {
    const { begin, folder } = await start();
    const long = new Date(Date.now() - 2 * 3_600_000);
    for (const name of ['.7-x.part', '.8-y.part', 'notes.txt']) writeFileSync(join(folder, name), '');
    for (const name of ['.7-x.part', 'notes.txt']) utimesSync(join(folder, name), long, long);
    begin();
    expect(existsSync(join(folder, '.7-x.part'))).toBe(false);
    expect(readdirSync(folder)).toHaveLength(2);
  });
});
