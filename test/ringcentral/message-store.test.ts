import { apiError, CREDENTIALS, voicemail, type Platform } from '../../scripts/stand-in/platform.js';
import {
  listVoicemails,
  messageKey,
  messageTime,
  readTranscript,
  transcriptUrl,
} from '../../src/ringcentral/message-store.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, logIn, startPlatform } from '../support/in-process.js';
import { failureOf, STORE } from '../support/ringcentral.js';

const DAY_MS = 86_400_000;

let platform: Platform;
let session: Session;

beforeEach(async () => {
  platform = await startPlatform();
  ({ session } = await logIn(platform, CREDENTIALS));
});
afterEach(closeAll);

const list = (extension = '~') => listVoicemails(session, extension, new Date(Date.now() - DAY_MS));
const pages = () => platform.requests.filter(({ path }) => STORE.test(path)).map(({ query }) => query);
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

/** Voicemails with ids from 1, each older than the next. */
function fill(count: number): void {
  const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
  for (let id = 1; id <= count; id++)
    platform.messages.push(voicemail({ id, creationTime: secondsAgo(2 * (count - id + 1)) }));
}

/** The ids of the voicemails with ids from 1, as they are expected: newest first. */
const newestFirst = (count: number) => Array.from({ length: count }, (_, i) => count - i);

it('asks for the voicemails since a time, 1000 at once, to now as the server has it', async () => {
  fill(2);
  const since = new Date('2026-02-03T04:05:06.007Z');
  await listVoicemails(session, '~', since);
  const query = { messageType: 'VoiceMail', dateFrom: since.toISOString(), page: '1', perPage: '1000' };
  expect(pages().map((each) => Object.fromEntries(each))).toEqual([query]);
});

it('has the voicemails as they came, newest first, and nothing else', async () => {
  fill(3);
  platform.messages.push(voicemail({ id: 4, type: 'SMS' }), voicemail({ id: 5, creationTime: minutesAgo(1500) }));
  expect(await list()).toEqual(platform.messages.slice(0, 3).reverse());
});

it('has none if there are none', async () => {
  expect(await list()).toEqual([]);
  expect(pages()).toHaveLength(1);
});

describe('all pages', () => {
  it.each([
    ['they are named, without totals', { nextPage: true, totals: false }],
    ['they are named, with totals', { nextPage: true, totals: true }],
    ['only a full page says that there is more', { nextPage: false, totals: false }],
  ])('are read if %s', async (_, how) => {
    Object.assign(platform, how);
    fill(2500);
    expect((await list()).map(({ id }) => id)).toEqual(newestFirst(2500));
    expect(pages().map((query) => query.get('page'))).toEqual(['1', '2', '3']);
  });

  it('are read up to an empty one if the last one was full and said nothing', async () => {
    platform.nextPage = false;
    fill(1000);
    expect(await list()).toHaveLength(1000);
    expect(pages()).toHaveLength(2);
  });

  it('are read whatever the totals say', async () => {
    const page = (id: number, nextPage?: object) => ({
      status: 200,
      body: {
        records: [voicemail({ id })],
        paging: { page: 1, perPage: 1000, totalPages: 1, totalElements: 1 },
        navigation: { ...(nextPage && { nextPage }) },
      },
    });
    platform.fail('GET', STORE, page(2, { uri: 'https://hook.example.com/elsewhere' }), 1);
    platform.fail('GET', STORE, page(1), 1);
    expect((await list()).map(({ id }) => id)).toEqual([2, 1]);
  });

  it('are read without a page more than there is', async () => {
    platform.totals = true;
    fill(999);
    await list();
    expect(pages()).toHaveLength(1);
  });

  it('have each voicemail once if one comes while they are read', async () => {
    fill(1500);
    platform.onRequest = ({ query }) => {
      if (query.get('page') === '2') platform.messages.push(voicemail({ id: 9999 }));
    };
    expect((await list()).map(({ id }) => id)).toEqual(newestFirst(1500));
  });

  it('have all that came at the same time, and those that lack everything', async () => {
    const creationTime = minutesAgo(5);
    for (let id = 1; id <= 1200; id++) platform.messages.push(voicemail({ id, creationTime }));
    platform.messages.push({ type: 'VoiceMail' }, { readStatus: 'Unread' });
    const found = await list();
    expect([found.length, new Set(found.map(messageKey)).size]).toEqual([1202, 1202]);
  });

  it('end if one brings nothing new', async () => {
    const body = { records: [voicemail({ id: 1 })], navigation: { nextPage: { uri: 'x' } } };
    platform.fail('GET', STORE, { status: 200, body });
    expect(await list()).toHaveLength(1);
    expect(pages()).toHaveLength(2);
  });

  it('are read on if one fails in passing', async () => {
    fill(1500);
    platform.onRequest = ({ query }) => {
      if (query.get('page') === '2' && pages().length === 2) platform.fail('GET', STORE, 'html', 1);
    };
    expect(await list()).toHaveLength(1500);
    expect(pages().map((query) => query.get('page'))).toEqual(['1', '2', '2']);
  });

  it('are none if one cannot be read', async () => {
    fill(1500);
    platform.onRequest = ({ query }) => {
      if (query.get('page') === '2') platform.fail('GET', STORE, 'cut', 1);
    };
    expect((await failureOf(list())).message).toMatch(/^RingCentral did not list the voicemails: /);
  });
});

describe('another extension', () => {
  it('is read by its id', async () => {
    await platform.leaveVoicemail({ id: 1 });
    await platform.leaveVoicemail({ id: 2 }, '555');
    expect((await list('555')).map(({ id }) => id)).toEqual([2]);
    expect((await list('~')).map(({ id }) => id)).toEqual([1]);
  });

  it('is said not to be there', async () => {
    expect((await failureOf(list('556'))).message).toMatch(/refused to list the voicemails: CMN-102 /);
  });
});

it('says which permission is missing', async () => {
  platform.fail('GET', STORE, apiError(403, 'CMN-401', 'The app needs the permission [ReadMessages]'));
  const { message } = await failureOf(list());
  expect(message).toMatch(/list the voicemails: CMN-401 .*\[ReadMessages\]\.\n.*"Read Messages"/);
});

it.each([{}, { records: {} }, [], { records: null }])('does not take %j for a list', async (body) => {
  platform.fail('GET', STORE, { status: 200, body });
  expect((await failureOf(list())).message).toBe('RingCentral answered without a list of voicemails.');
});

it('does not trip over odd records', async () => {
  platform.fail('GET', STORE, { status: 200, body: { records: [null, 'text', { id: 'a' }, { id: { toString: 1 } }] } });
  expect(await list()).toEqual(expect.arrayContaining([{ id: 'a' }]));
});

it('knows a message by its id, a number or a string, and one without by all of it', () => {
  expect(messageKey({ id: 7 })).toBe(messageKey({ id: '7', readStatus: 'Read' }));
  expect(messageKey({ id: 7 })).not.toBe(messageKey({ id: 8 }));
  expect(messageKey({ type: 'VoiceMail' })).toBe(messageKey({ type: 'VoiceMail' }));
  expect(messageKey({ type: 'VoiceMail' })).not.toBe(messageKey({ type: 'Voicemail' }));
});

it('knows when a message came, if it says', () => {
  expect(messageTime({ creationTime: '2026-02-03T04:05:06.000Z' })).toBe(Date.UTC(2026, 1, 3, 4, 5, 6));
  for (const creationTime of [undefined, 7, 'yesterday', '']) expect(messageTime({ creationTime })).toBe(0);
});

describe('a transcript', () => {
  const uri = 'https://platform.ringcentral.com/content/7';
  const attachments = [{ type: 'AudioRecording', uri: 'https://other' }, null, { type: 'AudioTranscription', uri }];

  it.each(['Completed', 'CompletedPartially'])('is there if it is %s', (vmTranscriptionStatus) => {
    expect(transcriptUrl({ vmTranscriptionStatus, attachments })).toBe(uri);
  });

  it.each([
    ...['NotAvailable', 'InProgress', 'TimedOut', 'Failed', 'Unknown', undefined, 7, { toString: 1 }].map(
      (vmTranscriptionStatus) => ({
        vmTranscriptionStatus,
        attachments,
      }),
    ),
    { vmTranscriptionStatus: 'Completed' },
    { vmTranscriptionStatus: 'Completed', attachments: {} },
    { vmTranscriptionStatus: 'Completed', attachments: attachments.slice(0, 2) },
    { vmTranscriptionStatus: 'Completed', attachments: [{ type: 'AudioTranscription', uri: 7 }] },
  ])('is not there otherwise: %j', (message) => {
    expect(transcriptUrl(message)).toBeUndefined();
  });

  it('is read as it is', async () => {
    platform.transcripts.set('7', 'Call me\u001b[2J back. ☎');
    const url = `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/1/content/7`;
    expect(await readTranscript(session, url)).toBe('Call me\u001b[2J back. ☎');
    expect((await failureOf(readTranscript(session, `${url}1`))).message).toMatch(
      /refused to read a transcript: CMN-102 /,
    );
  });
});
