import { Failure } from '../errors.js';
import { fieldsOf, textOrNumberOf } from '../unknown.js';

/** How long writing an event may take, in milliseconds: RingCentral waits 3000. A late line still counts as logged. */
const TIMEOUT_MS = 1500;
/** How many keys are remembered: as many as 100 full mailboxes hold (200 voicemails each; guide, message exports). */
export const REMEMBERED = 20_000;

/** An event, from a notification or the message store: its JSON in one piece, and what was read from it. */
export interface WebhookEvent {
  json: string;
  event: string;
  uuid?: string | undefined;
  body: unknown;
  /** The text of a voicemail, if it came with the event. */
  text?: string | undefined;
}

/** Resolves once the operating system has the line of the event, or of an earlier one like it. Rejects with a Failure. */
export type LogEvent = (event: WebhookEvent) => Promise<'logged' | 'repeated'>;

/** The message id of a voicemail; undefined for other events, and for a voicemail without one. */
export const voicemailId = ({ event, body }: WebhookEvent) =>
  event.endsWith('/voicemail') ? textOrNumberOf(fieldsOf(body)['id']) : undefined;

type WriteEvent = (event: WebhookEvent) => Promise<void>;

/** Logs each event once, by its key. `known` are those of an earlier run, oldest first; `has` includes those under way. */
export function eventLog(write: WriteEvent, keyOf = ({ uuid }: WebhookEvent) => uuid, known: Iterable<string> = []) {
  const lines = new Map<string | symbol, Promise<void>>(Array.from(known, (key) => [key, Promise.resolve()]));
  // One iterator for all events: a new one would step over all keys that were deleted.
  const oldest = lines.keys();
  const log: LogEvent = async (event) => {
    const key = keyOf(event) ?? Symbol('of its own');
    const first = lines.get(key);
    const line = first ?? write(event);
    if (!first) {
      // Claimed before anything is awaited: whoever comes second gets this line.
      lines.set(key, line);
      line.catch(() => lines.delete(key));
      if (lines.size > REMEMBERED) lines.delete(oldest.next().value ?? '');
    }
    await inTime(line);
    return first ? 'repeated' : 'logged';
  };
  return { log, has: (key: string) => lines.has(key) };
}

function inTime(line: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(new Failure(`stdout did not take it within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    line.then(resolve, reject).finally(() => clearTimeout(timeout));
  });
}
