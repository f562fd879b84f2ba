import { fieldsOf, itemsOf, textOf, textOrNumberOf } from '../unknown.js';
import type { Message } from './message-store.js';
import type { Session } from './session.js';

/** Where an attachment's content is: "AudioRecording" or "AudioTranscription"; undefined if there is none, or not yet. */
export function attachmentUrl(body: unknown, type: string): string | undefined {
  const all = itemsOf(fieldsOf(body)['attachments']).map(fieldsOf);
  return textOf(all.find((each) => each['type'] === type)?.['uri']);
}

/**
 * How a voicemail's transcription stands (API reference, "vmTranscriptionStatus"): 'none' if there will be none. One that
 * is CompletedPartially is done: RingCentral transcribes the first minute.
 */
export function transcription(message: Message): 'done' | 'awaited' | 'none' {
  const status = textOf(message['vmTranscriptionStatus']) ?? 'NotAvailable';
  if (['NotAvailable', 'Failed', 'TimedOut'].includes(status)) return 'none';
  // The text may come a moment after the status.
  return status.startsWith('Completed') && attachmentUrl(message, 'AudioTranscription') ? 'done' : 'awaited';
}

/** The text of a transcription that is done; undefined if it is empty. Throws a Failure. */
export async function readTranscript(session: Session, message: Message): Promise<string | undefined> {
  const url = attachmentUrl(message, 'AudioTranscription') ?? '';
  const id = textOrNumberOf(message['id']) ?? '';
  return textOf(await session.text(`read the transcript of voicemail ${id}`, { method: 'GET', url }));
}
