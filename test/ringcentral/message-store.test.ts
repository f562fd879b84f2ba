import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { apiError, voicemail, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import {
  attachmentUrl,
  byTime,
  eventOf,
  listVoicemails,
  messageTime,
  readTranscript,
  readVoicemail,
  transcription,
} from '../../src/ringcentral/message-store.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, startSession } from '../support/in-process.js';
import { failureOf, STORE } from '../support/ringcentral.js';

const DAY_MS = 86_400_000;
const COLLEAGUE = '823476228763';

let platform: Platform;
let session: Session;

beforeEach(async () => void ({ platform, session } = await startSession()));
afterEach(closeAll);

const list = (extension = '~') => listVoicemails(session, extension, Date.now() - DAY_MS);

it('asks for the voicemails since a time, to now as the server has it', async () => {
  await listVoicemails(session, '~', Date.parse('2026-02-03T04:05:06.007Z'));
  const query = { messageType: 'VoiceMail', dateFrom: '2026-02-03T04:05:06.007Z', page: '1', perPage: '1000' };
  expect(Object.fromEntries(platform.requests.at(-1)?.query ?? [])).toEqual(query);
});

it('has the voicemails of one extension as they came, and nothing else', async () => {
  const creationTime = new Date(Date.now() - 1.1 * DAY_MS).toISOString();
  platform.messages = [voicemail({ id: 1 }), voicemail({ id: 2, type: 'SMS' }), voicemail({ id: 3, creationTime })];
  platform.store({ id: 4 }, COLLEAGUE);
  expect(await list()).toEqual([platform.messages[0]]);
  expect(await list(COLLEAGUE)).toEqual(platform.otherMessages.get(COLLEAGUE));
});

it.each([
  [apiError(404, 'CMN-102', 'Resource is not found'), /^Could not list .*: CMN-102 Resource is not found\.$/],
  [apiError(403, 'CMN-401', 'Needs [ReadMessages]'), /^Could not list .*CMN-401 .*\[ReadMessages\]\.\n.*"Read M/],
])('says so if there is no such extension, or a permission is missing: %j', async (fault, said) => {
  platform.fail('GET', STORE, fault);
  expect((await failureOf(list())).message).toMatch(said);
});

it('reads a voicemail as it is now, and knows one that is gone', async () => {
  const { id } = platform.store({ id: 7 }, COLLEAGUE);
  platform.transcribe(id, 'Hello');
  expect(await readVoicemail(session, COLLEAGUE, '7')).toEqual(platform.otherMessages.get(COLLEAGUE)?.[0]);
  expect(await readVoicemail(session, COLLEAGUE, '8/../7')).toBeUndefined();
  platform.refusedMailboxes.set(COLLEAGUE, 'CMN-408');
  const { message } = await failureOf(readVoicemail(session, COLLEAGUE, '7'));
  expect(message).toMatch(/^Could not read a voicemail: CMN-408/);
});

it('is an event as its notification would be, with the transcript beside the body', () => {
  const body = { ...voicemail({ id: 7 }) };
  const { json, ...event } = eventOf(body, '555');
  expect(event).toEqual({ event: voicemailFilter('555'), uuid: '7', body, text: undefined });
  expect(JSON.parse(json)).toEqual({ event: voicemailFilter('555'), body });
  const { json: withText, text } = eventOf(body, '555', 'Hello');
  expect(JSON.parse(withText)).toEqual({ event: voicemailFilter('555'), transcript: 'Hello', body });
  expect(text).toBe('Hello');
});

it('knows when a message came, if it says, and puts one that does not first', () => {
  const at = (creationTime: unknown) => ({ creationTime });
  const [early, late] = [at('2026-02-03T04:05:06.000Z'), at('2026-02-03T04:05:07.000Z')];
  expect(messageTime(early)).toBe(Date.UTC(2026, 1, 3, 4, 5, 6));
  const odd = [undefined, 7, 'yesterday', ''].map(at);
  for (const each of odd) expect(messageTime(each)).toBeNaN();
  expect([late, ...odd, early].toSorted(byTime)).toEqual([...odd, early, late]);
});

const RECORDING = { type: 'AudioRecording', uri: 'https://recording' };
const TRANSCRIPT = { type: 'AudioTranscription', uri: 'https://transcript' };

it.each([
  [{ attachments: [RECORDING, null, TRANSCRIPT] }, 'https://transcript'],
  [{ attachments: [RECORDING] }, undefined],
  [{ attachments: [{ type: 'AudioTranscription', uri: 7 }] }, undefined],
  [{ attachments: {} }, undefined],
  [{}, undefined],
  [null, undefined],
])('the transcript of %j is at %s', (body, url) => {
  expect(attachmentUrl(body, 'AudioTranscription')).toBe(url);
});

it.each([
  ['Completed', 'done', 'awaited'],
  ['CompletedPartially', 'done', 'awaited'],
  ['InProgress', 'awaited', 'awaited'],
  ['Unknown', 'awaited', 'awaited'],
  ['NotAvailable', 'none', 'none'],
  ['Failed', 'none', 'none'],
  ['TimedOut', 'none', 'none'],
  [undefined, 'none', 'none'],
  [7, 'none', 'none'],
])(
  'a transcription that is %s is %s with its text there, and %s without',
  (vmTranscriptionStatus, withText, without) => {
    expect(transcription({ vmTranscriptionStatus, attachments: [RECORDING, TRANSCRIPT] })).toBe(withText);
    expect(transcription({ vmTranscriptionStatus, attachments: [RECORDING] })).toBe(without);
  },
);

it('reads a transcript as it is, and an empty one as none', async () => {
  const { id } = platform.store();
  const read = (text: string) => readTranscript(session, { ...platform.transcribe(id, text) });
  expect(await read('Call me\u001b[2J back. ☎')).toBe('Call me\u001b[2J back. ☎');
  expect(await read(' \n')).toBeUndefined();
  platform.fail('GET', /content/, { status: 200, body: '' }, 1);
  expect(await read('x')).toBeUndefined();
  const transcribed = { ...platform.transcribe(id, 'x') };
  platform.transcripts.clear();
  const { message } = await failureOf(readTranscript(session, transcribed));
  expect(message).toMatch(`Could not read the transcript of voicemail ${id}: CMN-102 `);
});
