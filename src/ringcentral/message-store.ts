import { Failure } from '../failure.js';
import { fields, list, text } from '../fields.js';
import type { Session } from './session.js';

const PATH = '/restapi/v1.0/account/~/extension/~/message-store';
const PER_PAGE = 100;
/** How often the list is read again where it changed while it was read. */
const MAX_PASSES = 5;

/** A record of the message store: the fields of a notification's `body`, each of which can be missing. */
export type Message = Record<string, unknown>;

/**
 * All voicemails of a period, oldest first, each once (API reference, "List Messages").
 *
 * Pages are cut anew for each request: what comes or goes between two of them shifts the rest. So what comes twice is
 * dropped, and where the total changed, which may have hidden one, all pages are read again. `onPage` is told of each
 * page before it is read. Throws a Failure.
 */
export async function listVoicemails(
  session: Session,
  since: Date,
  until: Date,
  onPage: (page: number, pages: number | undefined) => void,
): Promise<Message[]> {
  const found = new Map<string, Message>();
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const totals = new Set<unknown>();
    let pages: number | undefined;
    for (let page = 1; page <= (pages ?? 1); page++) {
      onPage(page, pages);
      const dates = { dateFrom: since.toISOString(), dateTo: until.toISOString() };
      const query = { messageType: 'VoiceMail', ...dates, page, perPage: PER_PAGE };
      const answer = fields(await session.json('list the voicemails', { method: 'GET', url: PATH, query }));
      if (!Array.isArray(answer['records'])) throw new Failure('RingCentral answered without a list of voicemails.');
      for (const message of answer['records'].map(fields))
        found.set(String(message['id'] ?? JSON.stringify(message)), message);
      const { totalPages, totalElements } = fields(answer['paging']);
      totals.add(totalElements);
      pages = Number(totalPages ?? 1);
    }
    // Newest first as they came, and so, where times are the same, reversed.
    if (totals.size === 1) return [...found.values()].reverse().sort((a, b) => creationTime(a) - creationTime(b));
  }
  throw new Failure('The list of voicemails changed each time that it was read: run this again.');
}

/** When a message came, in milliseconds; 0 where it does not say. */
function creationTime(message: Message): number {
  return Date.parse(text(message['creationTime']) ?? '') || 0;
}

/**
 * The text of a voicemail's transcription; undefined where there is none, or not yet.
 *
 * Throws a Failure where it cannot be read.
 */
export async function readTranscript(session: Session, message: Message): Promise<string | undefined> {
  if (message['vmTranscriptionStatus'] !== 'Completed') return undefined;
  const attachment = list(message['attachments'])
    .map(fields)
    .find(({ type }) => type === 'AudioTranscription');
  const url = text(attachment?.['uri']);
  return url && session.text('read a transcript', { method: 'GET', url });
}
