import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { summary } from '../../src/log/voicemail.js';
import { notification } from '../support/notification.js';

const EVENT = '/restapi/v1.0/account/~/extension/823476228762/voicemail';

beforeAll(() => void jest.useFakeTimers({ now: new Date(2026, 1, 28, 14, 3, 22) }));
afterAll(() => void jest.useRealTimers());

/** A local time of day of the day that the tests play on, as RingCentral writes it. */
const at = (hours: number, minutes: number, day = 28) => new Date(2026, 1, day, hours, minutes, 5).toISOString();

function line(body: unknown, other: { event?: string; timestamp?: unknown } = {}): string {
  return summary({ json: '', event: EVENT, timestamp: at(9, 30), body, ...other });
}

it('says who called whom, for how long, and how it stands', () => {
  expect(
    line({
      ...notification().body,
      creationTime: at(9, 29),
      priority: 'High',
      vmTranscriptionStatus: 'InProgress',
      attachments: [{}, { type: 'AudioTranscription' }, { type: 'AudioRecording', vmDuration: 17 }],
    }),
  ).toBe(
    '09:29:05  Voicemail from Grace Hopper, +18664320079, Arlington, VA  →  Ada Byron, ext. 101' +
      '  0:17  unread  high priority  transcription in progress',
  );
});

describe('time', () => {
  it('has the date before it if that is not today', () => {
    expect(line({ creationTime: at(23, 59, 27) })).toMatch(/^2026-02-27 23:59:05 {2}Voicemail/);
    expect(line({ creationTime: at(0, 0) })).toMatch(/^00:00:05 {2}Voicemail/);
  });

  it.each([undefined, '', 7, null])('is that of the notification if the voicemail has none: %j', (creationTime) => {
    expect(line({ creationTime })).toMatch(/^09:30:05 /);
  });

  it.each([undefined, 7, 'not a time', '9999999-01-01'])('is now if there is none at all: %j', (timestamp) => {
    expect(line({}, { timestamp })).toMatch(/^14:03:22 /);
  });
});

describe('people', () => {
  it('names all recipients', () => {
    const to = [{ name: 'Ada Byron' }, { phoneNumber: '+18002097562' }, { extensionNumber: '7' }];
    expect(line({ to })).toMatch(/→ {2}Ada Byron; \+18002097562; ext\. 7$/);
  });

  it('cuts what is long', () => {
    expect(line({ from: { name: 'x'.repeat(60_000) } })).toMatch(/from x{99}…, a withheld number$/);
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

  it.each([undefined, null, 'x'])('calls a caller of whom nothing came unknown: %j', (from) => {
    expect(line({ from })).toBe('09:30:05  Voicemail from an unknown caller');
  });
});

it.each<[unknown, string]>([
  [0, '0:00'],
  [17, '0:17'],
  [59.9, '0:59'],
  [95, '1:35'],
  [600, '10:00'],
  [3723, '1:02:03'],
])('shows a recording of %j seconds as %s', (vmDuration, shown) => {
  expect(line({ attachments: [{ type: 'AudioRecording', vmDuration }] })).toBe(
    `09:30:05  Voicemail from an unknown caller  ${shown}`,
  );
});

it.each([undefined, null, '17', -1, {}])('shows no duration if it is %j', (vmDuration) => {
  expect(line({ attachments: [{ type: 'AudioRecording', vmDuration }] })).toMatch(/an unknown caller$/);
});

it.each([undefined, '', 'Normal', 'NORMAL'])('says nothing of the priority %j', (priority) => {
  expect(line({ priority })).toMatch(/an unknown caller$/);
});

it.each([
  ['Completed', '  transcription completed'],
  ['CompletedPartially', '  transcription in progress'],
  ['TimedOut', '  transcription timed out'],
  ['NotAvailable', ''],
  ['Unknown', ''],
])('says of the transcription status %s: %j', (vmTranscriptionStatus, shown) => {
  expect(line({ vmTranscriptionStatus })).toBe(`09:30:05  Voicemail from an unknown caller${shown}`);
});

it.each([
  undefined,
  null,
  'text',
  7,
  [],
  {},
  { from: 'x', to: 'y', attachments: {} },
  { to: [null, 2], attachments: [7] },
  { type: { toString: 1 }, from: 1, to: [{ name: { toString: 1 } }], vmTranscriptionStatus: { toString: 1 } },
])('does without any field: %j', (body) => {
  expect(line(body)).toMatch(/^09:30:05 {2}Voicemail from an unknown caller/);
});

it('shows nothing that a terminal would obey', () => {
  const hostile = '\u001b[2J\u009b31m\u007f\r\n\u2028\u2029\u202e\u2066\u200f\u061c';
  const shown = line({
    creationTime: hostile,
    from: { name: hostile, phoneNumber: hostile, location: hostile },
    to: [{ name: hostile, extensionNumber: hostile }],
    readStatus: hostile,
    priority: hostile,
    vmTranscriptionStatus: hostile,
  });
  // oxlint-disable-next-line no-control-regex
  expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
  expect(shown).toMatch(/Voicemail from \\u001b\[2J\\u009b31m\\u007f/);
});

describe('an event of another kind', () => {
  it('is a voicemail if its message says so', () => {
    const event = '/restapi/v1.0/account/~/extension/~/message-store/instant';
    expect(line({ type: 'VoiceMail' }, { event })).toMatch(/Voicemail from/);
    expect(line({ type: 'Voicemail' }, { event })).toMatch(/Voicemail from/);
  });

  it('is named by its type', () => {
    expect(line({}, { event: '/restapi/v1.0/presence\u001b' })).toBe('09:30:05  /restapi/v1.0/presence\\u001b');
  });

  it('tells in words what to do if it is a reminder that the subscription ends', () => {
    const event = '/restapi/v1.0/subscription/~?threshold=60&interval=15';
    expect(line({}, { event })).toMatch(/^09:30:05 {2}Subscription reminder: .*npm run register/);
  });
});
