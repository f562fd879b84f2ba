import { Failure, fieldsOf, itemsOf, textOf, textOrNumberOf } from '../text.js';
import type { Session } from './session.js';

/** The most that a page may hold (API reference, "List Messages"). */
const PER_PAGE = 1000;

/** A record of the message store: the fields of a notification's `body`, each of which can be missing. */
export type Message = Record<string, unknown>;

/** What a message is known by: its id, or all of it if it has none. */
export function messageKey(message: Message): string {
  return textOrNumberOf(message['id']) ?? JSON.stringify(message);
}

/** When a message came, in milliseconds; 0 if it does not say. */
export function messageTime(message: Message): number {
  return Date.parse(textOf(message['creationTime']) ?? '') || 0;
}

/**
 * The voicemails of an extension (`~` for the own one) since a time, each once, newest first (API reference, "List
 * Messages"). Without `dateTo`, it ends at the server's now, which is not this machine's. Throws a Failure.
 */
export async function listVoicemails(session: Session, extension: string, since: Date): Promise<Message[]> {
  const url = `/restapi/v1.0/account/~/extension/${extension}/message-store`;
  const found = new Map<string, Message>();
  for (let page = 1; ; page++) {
    const query = { messageType: 'VoiceMail', dateFrom: since.toISOString(), page, perPage: PER_PAGE };
    const answer = fieldsOf(await session.json('list the voicemails', { method: 'GET', url, query }));
    if (!Array.isArray(answer['records'])) throw new Failure('RingCentral answered without a list of voicemails.');
    const before = found.size;
    // Pages are cut anew for each request: what comes between two of them shifts the rest, and some come twice.
    for (const message of answer['records'].map(fieldsOf)) found.set(messageKey(message), message);
    // The totals may be left out.
    const isLast = !fieldsOf(answer['navigation'])['nextPage'] && answer['records'].length < PER_PAGE;
    if (isLast || found.size === before) return [...found.values()];
  }
}

/** Where the text of a voicemail's transcription is; undefined if there is none, or not yet. */
export function transcriptUrl(message: Message): string | undefined {
  // CompletedPartially: RingCentral transcribes the first minute.
  if (!textOf(message['vmTranscriptionStatus'])?.startsWith('Completed')) return undefined;
  const attachment = itemsOf(message['attachments'])
    .map(fieldsOf)
    .find(({ type }) => type === 'AudioTranscription');
  return textOf(attachment?.['uri']);
}

/** The text of a transcription. Throws a Failure. */
export function readTranscript(session: Session, url: string): Promise<string> {
  return session.text('read a transcript', { method: 'GET', url });
}
