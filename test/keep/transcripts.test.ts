import { afterEach, describe, expect, it } from '@jest/globals';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { Ledger } from '../../src/keep/ledger.js';
import { problemLog } from '../../src/keep/problems.js';
import { Transcripts } from '../../src/keep/transcripts.js';
import type { WebhookEvent } from '../../src/log/event-log.js';
import { eventOf } from '../../src/ringcentral/message-store.js';
import type { Session } from '../../src/ringcentral/session.js';
import { listSubscriptions } from '../../src/ringcentral/subscriptions.js';
import type { LogFormat } from '../../src/settings.js';
import { Said } from '../support/app.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { ledgerFile, requested, session } from '../support/keep.js';
import { asked, failureOf, tooMany } from '../support/ringcentral.js';

const CONTENT = /\/content\//;
const MESSAGE = /\/message-store\/\d+$/;

let end = new AbortController();
afterEach(() => end.abort());
afterEach(closeAll);

/** A platform, and a keep that awaits transcripts, as after a restart with `begin`. */
async function start(format: LogFormat = 'json') {
  end = new AbortController();
  const platform = await startPlatform();
  const loggedIn = await session(platform);
  const file = ledgerFile();
  const stdout = new Said();
  const begin = async () => {
    await new Promise(setImmediate);
    const ledger = new Ledger(file);
    const write = (line: string) => Promise.resolve(stdout.say(line));
    const transcripts = new Transcripts({ ledger, format, write, signal: end.signal });
    /** What keep does once a voicemail is logged. */
    const logged = (event: WebhookEvent, id: string) => ledger.remember(id, transcripts.follow(event, id));
    return { ledger, transcripts, logged, check: () => transcripts.check(loggedIn) };
  };
  return { platform, loggedIn, lines: stdout.lines, begin, ...(await begin()) };
}

/** A voicemail whose transcription is under way, as an event. */
function left(platform: Platform, id: number, overrides: object = {}): WebhookEvent {
  return eventOf({ ...platform.store({ id, vmTranscriptionStatus: 'InProgress', ...overrides }) }, EXTENSION_ID);
}

const transcripts = (lines: string[]) => lines.map((line) => (JSON.parse(line) as { transcript: string }).transcript);
/** Time enough for a request that should not come. */
const askALot = async (session: Session) => {
  for (let i = 0; i < 20; i++) await listSubscriptions(session);
};
/** How many are still asked for. */
const awaited = async (platform: Platform, check: () => Promise<string[]>) => {
  platform.requests = [];
  await check();
  return asked(platform).length;
};

describe('a transcript', () => {
  it.each(['Completed', 'CompletedPartially'] as const)('comes once it is %s, once', async (status) => {
    const { platform, logged, check, lines } = await start();
    const event = left(platform, 7);
    logged(event, '7');
    await check();
    expect(lines).toEqual([]);
    // The status may be there before the text.
    platform.transcribe(7, undefined, status);
    await check();
    expect(lines).toEqual([]);
    const body = platform.transcribe(7, 'Call me back.', status);
    await check();
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { event: event.event, transcript: 'Call me back.', body: JSON.parse(JSON.stringify(body)) as unknown },
    ]);
    expect(await awaited(platform, check)).toBe(0);
  });

  it('says for people whose it is, with the text under it, wrapped and safe', async () => {
    const { platform, logged, check, lines } = await start('summary');
    logged(left(platform, 7, { creationTime: '2026-11-24T14:03:22' }), '7');
    platform.transcribe(7, `Hi\u001b[31m Ada, ${'word '.repeat(30)}`);
    await check();
    const [first = '', ...text] = lines.join('\n').split('\n');
    expect(first).toMatch(/^\d\d:\d\d:\d\d {2}Transcript of .*14:03:22, Grace Hopper:$/);
    expect(text).toHaveLength(3);
    expect(text[0]).toMatch(/^ {4}Hi\\u001b\[31m Ada, word/);
    expect(text[1]?.length).toBeLessThanOrEqual(80);
  });

  it('is awaited after a restart, and not once it came', async () => {
    const { platform, logged, begin, lines } = await start();
    logged(left(platform, 7), '7');
    platform.transcribe(7, 'one');
    await (await begin()).check();
    expect(transcripts(lines)).toEqual(['one']);
    expect(await awaited(platform, (await begin()).check)).toBe(0);
  });

  it.each<[string, object, string | undefined]>([
    ['will be none', { vmTranscriptionStatus: 'NotAvailable' }, undefined],
    ['failed', { vmTranscriptionStatus: 'Failed' }, undefined],
    ['timed out', { vmTranscriptionStatus: 'TimedOut' }, undefined],
    ['is not named', { vmTranscriptionStatus: undefined }, undefined],
    ['came with the notification, and is complete', { vmTranscriptionStatus: 'Completed' }, 'Call me back.'],
  ])('is not awaited if it %s', async (_, overrides, text) => {
    const { platform, logged, check } = await start();
    logged({ ...left(platform, 7, overrides), text }, '7');
    expect(await awaited(platform, check)).toBe(0);
  });

  it.each<[string, (platform: Platform) => unknown]>([
    ['failed', (platform) => platform.transcribe(7, undefined, 'Failed')],
    ['timed out', (platform) => platform.transcribe(7, undefined, 'TimedOut')],
    ['is not available', (platform) => platform.transcribe(7, undefined, 'NotAvailable')],
    ['is empty', (platform) => platform.transcribe(7, ' \n')],
    ['is of a voicemail that was deleted', (platform) => (platform.messages = [])],
  ])('is no problem, and not awaited any more, if it %s', async (_, act) => {
    const { platform, logged, check, begin, lines } = await start();
    logged(left(platform, 7), '7');
    act(platform);
    expect(await check()).toEqual([]);
    expect(lines).toEqual([]);
    expect(await awaited(platform, check)).toBe(0);
    expect(await awaited(platform, (await begin()).check)).toBe(0);
  });
});

describe('a transcript that cannot be read', () => {
  it('costs only itself: what is refused is said, and not asked for again', async () => {
    const { platform, logged, check, lines } = await start();
    for (const id of [7, 8]) {
      logged(left(platform, id), String(id));
      platform.transcribe(id, `text of ${id}`);
    }
    const { status, body } = apiError(403, 'CMN-408', 'No [ReadMessages]');
    platform.fail('GET', CONTENT, { status, body }, 1);
    expect(await check()).toEqual([expect.stringMatching(/read the transcript of voicemail 7: CMN-408/)]);
    expect(transcripts(lines)).toEqual(['text of 8']);
    expect(await awaited(platform, check)).toBe(0);
  });

  it.each<[string, Fault]>([
    ['cut', 'cut'],
    ['unavailable', apiError(503, 'CMN-201', 'Service Temporary Unavailable')],
  ])('comes later if it is %s, and others meanwhile', async (_, fault) => {
    const { platform, logged, check, lines } = await start();
    for (const id of [7, 8]) logged(left(platform, id), String(id));
    platform.fail('GET', /\/message-store\/7$/, fault, 4);
    platform.transcribe(8, 'text of 8');
    await failureOf(check());
    expect(lines).toEqual([]);
    await failureOf(check());
    expect(transcripts(lines)).toEqual(['text of 8']);
    platform.transcribe(7, 'text of 7');
    for (let i = 0; i < 3; i++) await check().catch(() => {});
    expect(transcripts(lines)).toEqual(['text of 8', 'text of 7']);
  });

  it('is asked for again once too many requests are waited out, by a loop of its own', async () => {
    const { platform, loggedIn, transcripts: all, logged, lines } = await start();
    const said = new Said();
    logged(left(platform, 7), '7');
    platform.transcribe(7, 'text of 7');
    platform.fail('GET', MESSAGE, tooMany(61), 1);
    const running = all.run(loggedIn, 1, problemLog(said.say, end.signal)).catch(() => {});
    expect(await said.match(/61 s/)).toMatch(/^Could not read a voicemail: /);
    await askALot(loggedIn);
    expect(asked(platform).filter((each) => each === 'GET 7')).toHaveLength(1);
    expect(lines).toEqual([]);
    end.abort();
    await running;
  });
});

it('transcripts keep to 20 requests a minute', async () => {
  const { platform, loggedIn, logged, check } = await start();
  for (let id = 1; id <= 30; id++) logged(left(platform, id), String(id));
  const twenty = requested(platform, 'GET', MESSAGE, 20);
  const checked = check().catch(() => {});
  await twenty;
  await askALot(loggedIn);
  expect(asked(platform).filter((each) => /^GET \d+$/.test(each))).toHaveLength(20);
  end.abort();
  await checked;
});
