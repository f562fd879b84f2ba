import { voicemailFilter } from '../contract.js';
import type { WebhookEvent } from '../log/event-log.js';
import { textOf } from '../unknown.js';
import { fieldsOf } from '../unknown.js';
import { RingCentralError } from './errors.js';
import { itemKey, listAll, type Item } from './list.js';
import type { Session } from './session.js';

/** A record of the message store: the fields of a notification's `body`. */
export type Message = Item;

/** When a message came, in milliseconds; NaN if it does not say. */
export function messageTime(message: Message): number {
  return Date.parse(textOf(message['creationTime']) ?? '');
}

/** The order in which messages came. */
export function byTime(one: Message, other: Message): number {
  return (messageTime(one) || 0) - (messageTime(other) || 0);
}

/** A voicemail of the message store as the event that its notification would be. */
export function eventOf(message: Message, extension: string, transcript?: string): WebhookEvent {
  const event = voicemailFilter(extension);
  const json = JSON.stringify({ event, transcript, body: message });
  return { json, event, uuid: itemKey(message), body: message, text: transcript };
}

/**
 * The voicemails of an extension since a time in milliseconds, each once (API reference, "List Messages"). Without
 * `dateTo` it ends at the server's now. `turn` is awaited before each page.
 *
 * Resolves with the time of the answer by RingCentral's clock. Throws a Failure.
 */
export function listVoicemails(
  session: Session,
  extension: string,
  since: number,
  turn?: (page: number) => Promise<void>,
): Promise<{ items: Message[]; time: number }> {
  const filter = { messageType: 'VoiceMail', dateFrom: new Date(since).toISOString() };
  return listAll(session, 'list the voicemails', storeOf(extension), filter, turn);
}

/** A voicemail as it is now; undefined if it is gone. Throws a Failure. */
export async function readVoicemail(session: Session, extension: string, id: string): Promise<Message | undefined> {
  try {
    const url = `${storeOf(extension)}/${encodeURIComponent(id)}`;
    return fieldsOf(await session.json('read a voicemail', { method: 'GET', url }));
  } catch (error) {
    if (error instanceof RingCentralError && error.status === 404) return undefined;
    throw error;
  }
}

function storeOf(extension: string): string {
  return `/restapi/v1.0/account/~/extension/${extension}/message-store`;
}
