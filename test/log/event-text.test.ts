import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { eventText, laterText, summary } from '../../src/log/event-text.js';
import type { LogFormat } from '../../src/settings.js';
import { notification } from '../support/notification.js';

/** What stdout shows of an event, without colours: FORCE_COLOR may be set. */
function shown(json: string, format: LogFormat = 'pretty', text?: string): string {
  const { event, body }: { event: string; body?: unknown } = JSON.parse(json);
  return stripVTControlCharacters(eventText({ json, event, body, text }, format));
}

/** The lines above the summary. */
const payload = (json: string) => shown(json).split('\n').slice(0, -1).join('\n');

const VOICEMAIL = '{"event":"/restapi/v1.0/account/~/extension/1/voicemail","body":{"from":{"name":"Grace"}}}';

it('json shows the payload as it came, with every digit, key and escape, and no text beside it', () => {
  const json =
    '{"event":"/x","n":12345678901234567890.123,"2":0,"1":0,"a":1,"a":2,"__proto__":{"b":3},"s":"\\ud800\\/\\u00e9"}';
  expect(shown(json, 'json', 'Hello')).toBe(json);
});

it('json is one line, without a control character, if it came on several', () => {
  const json = '{\r\n\t"event" : "/x",\n"s": "\u2028\u009b\u202e"}\n';
  expect(shown(json, 'json')).toBe('{ "event" : "/x", "s": "\\u2028\\u009b\\u202e"} ');
});

it('a summary is one line', () => {
  expect(shown(VOICEMAIL, 'summary')).toMatch(/^\d\d:\d\d:\d\d {2}Voicemail from Grace, a withheld number$/);
});

it('a summary has the text of the voicemail below it, in lines that fit', () => {
  const words = Array.from({ length: 30 }, () => 'word').join(' ');
  const long = '𝒳'.repeat(100);
  const [, ...lines] = shown(VOICEMAIL, 'summary', `  ${words}\n\u001b[31m ${long}  `).split('\n');
  expect(lines.every((line) => /^ {4}\S/.test(line) && [...line].length <= 80 + '\\u001b'.length)).toBe(true);
  expect(lines.map((line) => line.trim()).join(' ')).toBe(`${words} \\u001b[31m ${'𝒳'.repeat(76)} ${'𝒳'.repeat(24)}`);
});

it('pretty shows the payload, laid out with two spaces a level, and then the summary and the text of the voicemail', () => {
  const lines = shown('{"event":"/x","a":[{"b":[]},1.50],"s":"{,:\\"\\\\"}', 'pretty', 'Hello').split('\n');
  const layout = '{|  "event": "/x",|  "a": [|    {|      "b": []|    },|    1.5|  ],|  "s": "{,:\\"\\\\"|}'.split('|');
  expect(lines).toEqual([...layout, expect.stringMatching(/^\d\d:\d\d:\d\d {2}\/x$/), '    Hello']);
});

it('pretty lets no control character, line separator or bidirectional override through', () => {
  expect(payload('{"event":"/x",\n\r"s":"\\u001b\u007f\u009b31m\u2028\u202e"}')).toBe(
    '{\n  "event": "/x",\n  "s": "\\u001b\\u007f\\u009b31m\\u2028\\u202e"\n}',
  );
});

it.each([900, 50_000])('a payload that is nested too deep to be laid out stays as it came: %i', (depth) => {
  const json = `{"event":"/x","a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect(payload(json)).toBe(json);
});

const event = '/restapi/v1.0/account/~/extension/1/voicemail';
const body = { id: 7, creationTime: new Date(2026, 1, 3, 4, 5, 6).toISOString(), from: { name: 'Grace\u001b' } };
const later = (more: Parameters<typeof laterText>[1], format: LogFormat) =>
  laterText({ json: '{}', event, body }, more, format);

it.each(['summary', 'pretty'] as const)('a transcript comes under its caller, a recording as a path: %s', (format) => {
  expect(later({ transcript: 'Call me\u001b\nback.' }, format).split('\n')).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d {2}Transcript of 2026-02-03 04:05:06, Grace\\u001b:$/),
    '    Call me\\u001b back.',
  ]);
  expect(later({ recording: 'voicemails/2026-\u001b.mp3' }, format)).toBe('    voicemails/2026-\\u001b.mp3');
});

it('a transcript of a voicemail from an extension without a name names the number', () => {
  const voicemail = { json: '{}', event, body: { from: { extensionNumber: '102' } } };
  expect(laterText(voicemail, { transcript: 'Hi' }, 'summary')).toMatch(/, ext\. 102:\n {4}Hi$/);
});

const kinds = [{ transcript: 'Call me\u2028back.' }, { recording: 'voicemails/7.mp3' }];
it.each(kinds)('as JSON either is one line, with the voicemail as it is then: %j', (more) => {
  const line = later(more, 'json');
  expect(JSON.parse(line)).toEqual({ event, ...more, body });
  expect(line).not.toMatch(/[\n\u2028]/);
});

describe('a summary', () => {
  beforeAll(() => void jest.useFakeTimers({ now: new Date(2026, 1, 28, 14, 3, 22) }));
  afterAll(() => void jest.useRealTimers());

  /** A local time of day of the day that the tests play on, as RingCentral writes it. */
  const at = (hours: number, minutes: number, day = 28) => new Date(2026, 1, day, hours, minutes, 5).toISOString();

  const line = (body: unknown, type = event) => summary({ json: '', event: type, body });

  const UNKNOWN = '14:03:22  Voicemail from an unknown caller';

  it('says who called whom, for how long, and how it stands', () => {
    const attachments = [{}, { type: 'AudioTranscription' }, { type: 'AudioRecording', vmDuration: 17 }];
    const states = { priority: 'High', vmTranscriptionStatus: 'InProgress', attachments };
    expect(line({ ...notification().body, creationTime: at(9, 29), ...states })).toBe(
      '09:29:05  Voicemail from Grace Hopper, +18664320079, Arlington, VA  →  Ada Byron, ext. 101' +
        '  0:17  unread  high priority  transcription in progress',
    );
  });

  it('the date is before the time if it is not today', () => {
    expect(line({ creationTime: at(23, 59, 27) })).toMatch(/^2026-02-27 23:59:05 {2}Voicemail/);
    expect(line({ creationTime: at(0, 0) })).toMatch(/^00:00:05 {2}Voicemail/);
  });

  it.each([undefined, '', 7, 'not a time', '9999999-01-01'])('the time is now if there is none: %j', (creationTime) => {
    expect(line({ creationTime })).toBe(UNKNOWN);
  });

  it('names all recipients', () => {
    const to = [{ name: 'Ada Byron' }, { phoneNumber: '+18002097562' }, { extensionNumber: '7' }];
    expect(line({ to })).toMatch(/→ {2}Ada Byron; \+18002097562; ext\. 7$/);
  });

  it.each([
    [{ name: 'Grace Hopper' }, 'Grace Hopper, a withheld number'],
    [{}, 'a withheld number'],
    [{ phoneNumber: '' }, 'a withheld number'],
    [{ extensionNumber: '102' }, 'ext. 102'],
    [{ phoneNumber: '+1', extensionNumber: '102' }, '+1'],
  ])('says what is known of the caller %j', (from, expected) => {
    expect(line({ from })).toBe(`14:03:22  Voicemail from ${expected}`);
  });

  const lengths = { 0: '0:00', 17: '0:17', 59.9: '0:59', 95: '1:35', 600: '10:00', 3723: '1:02:03' };
  it.each(Object.entries(lengths))('shows a recording of %s seconds as %s', (seconds, shown) => {
    const attachments = [{ type: 'AudioRecording', vmDuration: Number(seconds) }];
    expect(line({ attachments })).toBe(`${UNKNOWN}  ${shown}`);
  });

  const states = { InProgress: 'in progress', CompletedPartially: 'completed partially', TimedOut: 'timed out' };
  it.each(Object.entries(states))('says that the transcription is %s: %s', (vmTranscriptionStatus, shown) => {
    expect(line({ vmTranscriptionStatus })).toBe(`${UNKNOWN}  transcription ${shown}`);
  });

  const odd = [undefined, null, 'text', 7, [], {}];
  it.each([
    ...odd,
    ...[undefined, null, 'x'].map((from) => ({ from })),
    ...[undefined, '', 'Normal', 'NORMAL'].map((priority) => ({ priority })),
    ...['NotAvailable', 'Unknown'].map((vmTranscriptionStatus) => ({ vmTranscriptionStatus })),
    ...[undefined, null, '17', -1, {}].map((vmDuration) => ({ attachments: [{ type: 'AudioRecording', vmDuration }] })),
    { from: 'x', to: 'y', attachments: {} },
    { from: 1, to: [], vmTranscriptionStatus: { toString: 1 } },
  ])('says nothing of what is ordinary, odd or not known: %j', (body) => {
    expect(line(body)).toBe(UNKNOWN);
  });

  it.each([null, 2, { name: { toString: 1 } }])('does without a recipient that is odd: %j', (to) => {
    expect(line({ to: [to], attachments: [7] })).toMatch(UNKNOWN);
  });

  it('shows nothing that a terminal would obey', () => {
    const hostile = '\u001b[2J\u009b31m\u007f\r\n\u2028\u2029\u202e\u2066\u200f\u061c';
    const person = { name: hostile, phoneNumber: hostile, location: hostile, extensionNumber: hostile };
    const states = { creationTime: hostile, readStatus: hostile, priority: hostile, vmTranscriptionStatus: hostile };
    const shown = line({ from: person, to: [person], ...states });
    // oxlint-disable-next-line no-control-regex
    expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
    expect(shown).toMatch(/Voicemail from \\u001b\[2J\\u009b31m\\u007f/);
  });

  it('another event is named by its type', () => {
    expect(line({}, '/restapi/v1.0/presence\u001b')).toBe('14:03:22  /restapi/v1.0/presence\\u001b');
  });

  it('a reminder that the subscription ends says what to do', () => {
    const reminder = '/restapi/v1.0/subscription/~?threshold=60&interval=15';
    expect(line({}, reminder)).toMatch(/^14:03:22 {2}Subscription ends soon: run `npm run register`\.$/);
  });

  it('cuts what is long', () => {
    expect(line({ from: { name: 'x'.repeat(60_000) } })).toMatch(/from x{99}…, a withheld number$/);
  });
});
