import { voicemailFilter } from '../contract.js';
import type { WebhookEvent } from '../log/event-log.js';
import { fieldsOf, itemsOf, textOf, textOrNumberOf } from '../unknown.js';
import { isNotFound } from './errors.js';
import { itemKey, listAll, type Turn } from './list.js';
import type { Session } from './session.js';

/** A record of the message store: the fields of a notification's `body`. Any can be missing. */
export type Message = Record<string, unknown>;

const storeOf = (extension: string) => `/restapi/v1.0/account/~/extension/${extension}/message-store`;

/** When a message was left, in milliseconds; NaN if it does not say. */
export const messageTime = (message: Message) => Date.parse(textOf(message['creationTime']) ?? '');

/** The order in which messages came, those without a time first. */
export const byTime = (one: Message, other: Message) => (messageTime(one) || 0) - (messageTime(other) || 0);

/** A voicemail of the message store as the event that its notification would be. */
export function eventOf(message: Message, extension: string, transcript?: string): WebhookEvent {
  const event = voicemailFilter(extension);
  const json = JSON.stringify({ event, transcript, body: message });
  return { json, event, uuid: itemKey(message), body: message, text: transcript };
}

/** The voicemails of an extension since a time in milliseconds (API reference, "List Messages"): see listAll(). */
export function listVoicemails(session: Session, extension: string, since: number, turn?: Turn) {
  // Without `dateTo` the list ends at the server's now.
  const filter = { messageType: 'VoiceMail', dateFrom: new Date(since).toISOString() };
  return listAll(session, 'list the voicemails', storeOf(extension), filter, turn);
}

/** A voicemail as it is now; undefined if it is gone. Throws a Failure. */
export async function readVoicemail(session: Session, extension: string, id: string): Promise<Message | undefined> {
  const url = `${storeOf(extension)}/${encodeURIComponent(id)}`;
  return session.json('read a voicemail', { method: 'GET', url }).then(fieldsOf, (error: unknown) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
}

/** Where the "AudioRecording" or "AudioTranscription" of a message is; undefined if there is none, or not yet. */
export function attachmentUrl(message: unknown, type: string): string | undefined {
  const all = itemsOf(fieldsOf(message)['attachments']).map(fieldsOf);
  return textOf(all.find((each) => each['type'] === type)?.['uri']);
}

/** The state of a voicemail's transcription (API reference, "vmTranscriptionStatus"): 'none' if there will be none. */
export function transcription(message: Message): 'done' | 'awaited' | 'none' {
  const status = textOf(message['vmTranscriptionStatus']) ?? 'NotAvailable';
  if (['NotAvailable', 'Failed', 'TimedOut'].includes(status)) return 'none';
  // CompletedPartially is done, too: the first minute. The text may come a moment after the status.
  return status.startsWith('Completed') && attachmentUrl(message, 'AudioTranscription') ? 'done' : 'awaited';
}

/** The text of a transcription that is done; undefined if it is empty. Throws a Failure. */
export async function readTranscript(session: Session, message: Message): Promise<string | undefined> {
  const url = attachmentUrl(message, 'AudioTranscription') ?? '';
  const doing = `read the transcript of voicemail ${textOrNumberOf(message['id']) ?? ''}`;
  return textOf(await session.text(doing, { method: 'GET', url }));
}
