import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { summary } from '../../src/log/event-text.js';
import { notification } from '../support/notification.js';

const EVENT = '/restapi/v1.0/account/~/extension/823476228762/voicemail';

beforeAll(() => void jest.useFakeTimers({ now: new Date(2026, 1, 28, 14, 3, 22) }));
afterAll(() => void jest.useRealTimers());

/** A local time of day of the day that the tests play on, as RingCentral writes it. */
const at = (hours: number, minutes: number, day = 28) => new Date(2026, 1, day, hours, minutes, 5).toISOString();

function line(body: unknown, other: { event?: string; timestamp?: unknown } = {}): string {
  return summary({ json: '', event: EVENT, timestamp: at(9, 30), body, ...other });
}

const UNKNOWN = '09:30:05  Voicemail from an unknown caller';

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

it.each([undefined, '', 7, null])('the time is that of the notification if there is no other: %j', (creationTime) => {
  expect(line({ creationTime })).toMatch(/^09:30:05 /);
});

it.each([undefined, 7, 'not a time', '9999999-01-01'])('the time is now if there is none at all: %j', (timestamp) => {
  expect(line({}, { timestamp })).toMatch(/^14:03:22 /);
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
  expect(line({ from })).toBe(`09:30:05  Voicemail from ${expected}`);
});

const lengths = { 0: '0:00', 17: '0:17', 59.9: '0:59', 95: '1:35', 600: '10:00', 3723: '1:02:03' };
it.each(Object.entries(lengths))('shows a recording of %s seconds as %s', (seconds, shown) => {
  const attachments = [{ type: 'AudioRecording', vmDuration: Number(seconds) }];
  expect(line({ attachments })).toBe(`${UNKNOWN}  ${shown}`);
});

const states = { Completed: 'completed', CompletedPartially: 'in progress', TimedOut: 'timed out' };
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
  { type: { toString: 1 }, from: 1, to: [], vmTranscriptionStatus: { toString: 1 } },
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

it.each(['VoiceMail', 'Voicemail'])('another event is a voicemail if its message says so: %s', (type) => {
  expect(line({ type }, { event: '/restapi/v1.0/account/~/extension/~/message-store/instant' })).toBe(UNKNOWN);
});

it('another event is named by its type', () => {
  expect(line({}, { event: '/restapi/v1.0/presence\u001b' })).toBe('09:30:05  /restapi/v1.0/presence\\u001b');
});

it('a reminder that the subscription ends says what to do', () => {
  const event = '/restapi/v1.0/subscription/~?threshold=60&interval=15';
  expect(line({}, { event })).toMatch(/^09:30:05 {2}Subscription reminder: .*npm run register/);
});

it('cuts what is long', () => {
  expect(line({ from: { name: 'x'.repeat(60_000) } })).toMatch(/from x{99}…, a withheld number$/);
});
