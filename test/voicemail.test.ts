import { summary } from '../src/voicemail.js';
import { notification } from './support/notification.js';

const event = '/restapi/v1.0/account/~/extension/823476228762/voicemail';
const timestamp = '2026-02-28T10:06:15.000Z';
/** How a person would see this moment here, whatever zone the tests run in. */
const local = (time: string) => new Date(time).toLocaleString('sv');

function line(body: unknown): string {
  return summary({ json: '', uuid: undefined, event, timestamp, body });
}

it('says who called whom, for how long, and how it stands', () => {
  const { body } = notification();
  expect(
    line({
      ...body,
      priority: 'High',
      vmTranscriptionStatus: 'Completed',
      attachments: [{}, { type: 'AudioRecording', vmDuration: 17 }],
    }),
  ).toBe(
    `${local('2026-02-28T10:05:55.000Z')}  Voicemail from Grace Hopper, +18664320079, Arlington, VA  →  Ada Byron, ext. 101` +
      '  17 s  unread  high priority  transcription Completed',
  );
});

it('leaves the date out where it is today', () => {
  const now = new Date();
  expect(line({ creationTime: now.toISOString() })).toMatch(new RegExp(`^${now.toLocaleTimeString('sv')}  Voicemail`));
});

it('says nothing of a normal priority', () => {
  expect(line(notification().body)).not.toMatch(/priority/);
});

it('names all recipients', () => {
  const to = [{ name: 'Ada Byron' }, { phoneNumber: '+18002097562' }, { extensionNumber: '7' }];
  expect(line({ to })).toMatch(/→ {2}Ada Byron; \+18002097562; ext\. 7$/);
});

it('does with what there is of the caller', () => {
  expect(line({ from: { name: 'Grace Hopper' } })).toMatch(/from Grace Hopper, a withheld number$/);
  expect(line({ from: { extensionNumber: '102' } })).toMatch(/from ext\. 102$/);
});

it.each([undefined, null, 'text', 7, [], {}, { from: 'x', to: 'y', attachments: {} }, { from: [1], to: [null, 2] }])(
  'does without any field: %j',
  (body) => {
    expect(line(body)).toMatch(new RegExp(`^${local(timestamp)}  Voicemail from a withheld number`));
  },
);

it.each([undefined, 7, 'not a time'])('takes the time of arrival where there is none: %j', (time) => {
  expect(summary({ json: '', uuid: undefined, event, timestamp: time, body: {} })).toMatch(
    /^\d\d:\d\d:\d\d  Voicemail/,
  );
});

it('shows nothing that a terminal would obey', () => {
  const hostile = '\u001b[2J\u009b31m\u007f\r\n\u2028\u2029\u202e\u2066\u200f\u061c';
  const all = line({
    creationTime: hostile,
    from: { name: hostile, phoneNumber: hostile, location: hostile },
    to: [{ name: hostile, extensionNumber: hostile }],
    readStatus: hostile,
    priority: hostile,
    vmTranscriptionStatus: hostile,
  });
  // oxlint-disable-next-line no-control-regex
  expect(all).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
  expect(all).toMatch(/Voicemail from \\u001b\[2J\\u009b31m\\u007f\\u000d\\u000a/);
});

it('names another event by its type', () => {
  const other = { json: '', uuid: undefined, event: '/restapi/v1.0/presence\u001b', timestamp, body: {} };
  expect(summary(other)).toBe(`${local(timestamp)}  /restapi/v1.0/presence\\u001b`);
});
