import { afterEach, expect, it, jest } from '@jest/globals';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { openLedger } from '../../src/keep/ledger.js';
import { problemLog } from '../../src/keep/problems.js';
import { awaitedFrom, transcriptCheck } from '../../src/keep/attachments.js';
import type { WriteLine } from '../../src/log/write-line.js';
import { eventOf } from '../../src/ringcentral/message-store.js';
import { listSubscriptions } from '../../src/ringcentral/subscriptions.js';
import type { LogFormat } from '../../src/settings.js';
import { Said } from '../support/app.js';
import { closeAll, logIn, startPlatform } from '../support/in-process.js';
import { ledgerFile, requested } from '../support/keep.js';
import { tooMany } from '../support/ringcentral.js';

const MESSAGE = /\/message-store\/\d+$/;

let end = new AbortController();
afterEach(async () => {
  end.abort();
  await closeAll();
});

/** A platform, and a keep that awaits transcripts; `begin` is a restart. */
async function start(format: LogFormat = 'json') {
  end = new AbortController();
  const platform = await startPlatform();
  const { session } = await logIn(platform);
  const file = ledgerFile();
  const { say, lines } = new Said();
  const begin = async () => {
    await new Promise(setImmediate);
    const ledger = openLedger(file);
    const write: WriteLine = (line) => Promise.resolve(say(line));
    const check = transcriptCheck(ledger, { format, write, progress: () => {}, signal: end.signal });
    /** A voicemail is left and logged, by default one whose transcription is under way. */
    const left = (id: number, overrides: object = {}, text?: string) => {
      const message = platform.store({ id, vmTranscriptionStatus: 'InProgress', ...overrides });
      ledger.remember(String(id), awaitedFrom({ ...eventOf({ ...message }, EXTENSION_ID), text }));
    };
    return { left, check: () => check(session) };
  };
  const asked = () => platform.requests.filter(({ path }) => MESSAGE.test(path)).length;
  /** Time enough for a request that should not come. */
  const askALot = async () => {
    for (let i = 0; i < 20; i++) await listSubscriptions(session);
  };
  const texts = () => lines.map((line) => (JSON.parse(line) as { transcript: string }).transcript);
  return { platform, session, lines, texts, asked, askALot, begin, ...(await begin()) };
}

it.each(['Completed', 'CompletedPartially'] as const)('a transcript comes once, when it is %s', async (status) => {
  const { platform, left, check, lines, asked } = await start();
  left(7);
  await check();
  // The status may be there before the text.
  platform.transcribe(7, undefined, status);
  await check();
  expect(lines).toEqual([]);
  const body: unknown = JSON.parse(JSON.stringify(platform.transcribe(7, 'Call me back.', status)));
  for (let i = 0; i < 2; i++) await check();
  const event = `/restapi/v1.0/account/~/extension/${EXTENSION_ID}/voicemail`;
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([{ event, transcript: 'Call me back.', body }]);
  expect(asked()).toBe(3);
});

it('a transcript for people names the caller, with the text below', async () => {
  const { platform, left, check, lines } = await start('summary');
  left(7, { creationTime: '2026-11-24T14:03:22' });
  platform.transcribe(7, 'Hi\u001b[31m Ada.');
  await check();
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d {2}Transcript of .*14:03:22, Grace Hopper:\n {4}Hi\\u001b\[31m Ada\.$/),
  ]);
});

it('a transcript is still awaited after a restart, unless it came', async () => {
  const { platform, left, begin, texts, asked } = await start();
  left(7);
  platform.transcribe(7, 'one');
  for (let i = 0; i < 3; i++) await (await begin()).check();
  expect(texts()).toEqual(['one']);
  expect(asked()).toBe(1);
});

it.each<[number, string, string | undefined, string | undefined]>([
  [0, 'there will be none', 'NotAvailable', undefined],
  [0, 'nothing is said of one', undefined, undefined],
  [0, 'its text came with the notification, whole', 'Completed', 'Call me back.'],
  [1, 'its text came with the notification, in part', 'CompletedPartially', 'Call me'],
  [1, 'it is there, and did not come with the notification', 'Completed', undefined],
])('a transcript is asked for %i times if %s', async (times, _, vmTranscriptionStatus, text) => {
  const { left, check, asked } = await start();
  left(7, { vmTranscriptionStatus }, text);
  await check();
  expect(asked()).toBe(times);
});

it.each<[string, (platform: Platform) => unknown]>([
  ['fails', (platform) => platform.transcribe(7, undefined, 'Failed')],
  ['is not available', (platform) => platform.transcribe(7, undefined, 'NotAvailable')],
  ['is empty', (platform) => platform.transcribe(7, ' \n')],
  ['is of a voicemail that is deleted', (platform) => (platform.messages = [])],
])('a transcript that %s is no problem, and not asked for again, also after a restart', async (_, act) => {
  const { platform, left, check, begin, lines, asked } = await start();
  left(7);
  act(platform);
  expect(await check()).toEqual([]);
  for (const next of [{ check }, await begin()]) await next.check();
  expect(lines).toEqual([]);
  expect(asked()).toBe(1);
});

it('a transcript that is refused costs only itself, and comes once it is not', async () => {
  const { platform, left, check, texts } = await start();
  for (const id of [7, 8]) {
    left(id);
    platform.transcribe(id, `text of ${id}`);
  }
  platform.fail('GET', /\/content\//, apiError(403, 'CMN-408', 'No [ReadMessages]'), 1);
  expect(await check()).toEqual([expect.stringMatching(/read the transcript of voicemail 7: CMN-408/)]);
  expect(texts()).toEqual(['text of 8']);
  expect(await check()).toEqual([]);
  expect(texts()).toEqual(['text of 8', 'text of 7']);
});

it('a transcript is awaited for an hour', async () => {
  const { left, check, asked } = await start();
  left(7);
  await check();
  const now = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => now + 3_600_001);
  for (let i = 0; i < 2; i++) await check();
  expect(asked()).toBe(2);
});

it.each<[string, Fault]>([
  ['cut', 'cut'],
  ['unavailable', apiError(503, 'CMN-201', 'Service Temporary Unavailable')],
  ['too slow for a gateway', apiError(408, 'CMN-211', 'Request timeout')],
])('a transcript that is %s comes later, and others meanwhile', async (_, fault) => {
  const { platform, left, check, texts } = await start();
  for (const id of [7, 8]) {
    left(id);
    platform.transcribe(id, `text of ${id}`);
  }
  platform.fail('GET', /\/message-store\/7$/, fault, 4);
  for (let i = 0; i < 2; i++) expect(await check()).toHaveLength(1);
  expect(texts()).toEqual(['text of 8']);
  for (let i = 0; i < 3; i++) await check();
  expect(texts()).toEqual(['text of 8', 'text of 7']);
});

it('a transcript that always ends the session does not hold up the others', async () => {
  const { platform, left, check, texts } = await start();
  for (const id of [7, 8]) left(id);
  platform.transcribe(8, 'text of 8');
  platform.fail('GET', /\/message-store\/7$/, { status: 401, body: '' });
  for (let i = 0; i < 2; i++) await expect(check()).rejects.toThrow('401');
  expect(texts()).toEqual(['text of 8']);
});

it('transcripts wait if there were too many requests, and keep to 20 a minute otherwise', async () => {
  const { platform, left, askALot, asked, check } = await start();
  const said = new Said();
  for (let id = 1; id <= 30; id++) left(id);
  platform.fail('GET', MESSAGE, tooMany(61), 1);
  const running = problemLog(said.say, end.signal)
    .repeat('the transcripts', 1, check)
    .catch(() => {});
  await said.match(/61 s/);
  await askALot();
  expect(asked()).toBe(1);
  const others = requested(platform, 'GET', MESSAGE, 19);
  const checked = check().catch(() => {});
  await others;
  await askALot();
  expect(asked()).toBe(20);
  end.abort();
  await Promise.all([running, checked]);
});
