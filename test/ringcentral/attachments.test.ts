import { afterEach, expect, it } from '@jest/globals';
import { attachmentUrl, readTranscript, transcription } from '../../src/ringcentral/attachments.js';
import { closeAll, logIn, startPlatform } from '../support/in-process.js';
import { failureOf } from '../support/ringcentral.js';

afterEach(closeAll);

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
  const platform = await startPlatform();
  const { session } = await logIn(platform);
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
