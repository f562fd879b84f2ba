import { errorOf } from '../errors.js';
import { fieldsOf, textOrNumberOf } from '../unknown.js';
import type { WriteLine } from './write-line.js';

/** How long an event may take to be written before its notification is refused, in milliseconds: RingCentral waits 3000. */
const WRITE_TIMEOUT_MS = 1500;
/** How many keys are remembered: as many as 100 full mailboxes hold (200 voicemails each; guide, message exports). */
export const REMEMBERED = 20_000;

/** An event, from a notification or the message store: its JSON in one piece, and what was read from it. */
export interface WebhookEvent {
  json: string;
  event: string;
  uuid?: string | undefined;
  timestamp?: unknown;
  body: unknown;
  /** The text of a voicemail, if it came with the event. */
  text?: string | undefined;
}

/** An event could not be written, or not in time. The message says why. */
export class NotLogged extends Error {}

/**
 * Logs an event. If one with the same key was logged or is being written, it waits for that line instead.
 *
 * Resolves once the operating system has the line. Rejects with NotLogged if the line could not be written, or not in
 * time; a late line still counts as logged.
 */
export type LogEvent = (event: WebhookEvent) => Promise<'logged' | 'repeated'>;

interface EventLogOptions {
  write: WriteLine;
  /** How an event looks. */
  show: (event: WebhookEvent) => string;
  /** What identifies an event; undefined if nothing does. Default: its uuid. */
  keyOf?: (event: WebhookEvent) => string | undefined;
  /** The keys that an earlier run logged, oldest first. */
  known?: Iterable<string>;
  /** Called once the line of an event is written. */
  onLogged?: (event: WebhookEvent) => void;
}

/** The message id of a voicemail; undefined for other events, and for a voicemail without one. */
export function voicemailId({ event, body }: WebhookEvent): string | undefined {
  return event.endsWith('/voicemail') ? textOrNumberOf(fieldsOf(body)['id']) : undefined;
}

/** Logs each event once. `has` says whether a key is logged or being written. */
export function eventLog(options: EventLogOptions): { log: LogEvent; has: (key: string) => boolean } {
  const { write, show, keyOf = ({ uuid }) => uuid, known = [], onLogged } = options;
  const earlier = Promise.resolve();
  const lines = new Map<string, Promise<void>>(Array.from(known, (key) => [key, earlier]));
  // One iterator for all events: a new one would step over all keys that were deleted.
  const oldest = lines.keys();
  const start = (event: WebhookEvent, key: string | undefined) => {
    const line = onLogged ? write(show(event)).then(() => onLogged(event)) : write(show(event));
    if (key === undefined) return line;
    // Claimed before anything is awaited: whoever comes second gets this line.
    lines.set(key, line);
    line.catch(() => lines.get(key) === line && lines.delete(key));
    if (lines.size > REMEMBERED) lines.delete(oldest.next().value ?? '');
    return line;
  };
  const log: LogEvent = async (event) => {
    const key = keyOf(event);
    const first = key === undefined ? undefined : lines.get(key);
    await inTime(first ?? start(event, key));
    return first ? 'repeated' : 'logged';
  };
  return { log, has: (key) => lines.has(key) };
}

function inTime(line: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new NotLogged(`stdout did not take it within ${WRITE_TIMEOUT_MS} ms`));
    const timeout = setTimeout(late, WRITE_TIMEOUT_MS);
    line
      .then(resolve, (error: unknown) => reject(new NotLogged(errorOf(error).message)))
      .finally(() => clearTimeout(timeout));
  });
}
