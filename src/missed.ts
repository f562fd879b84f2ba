import { voicemailFilter } from './contract.js';
import { eventText } from './receiver/event-text.js';
import type { WriteLine } from './receiver/write-line.js';
import { LoginRefused, RingCentralError, Unanswered } from './ringcentral/errors.js';
import {
  listVoicemails,
  messageKey,
  messageTime,
  readTranscript,
  transcriptUrl,
  type Message,
} from './ringcentral/message-store.js';
import type { Session } from './ringcentral/session.js';
import type { LogFormat } from './settings.js';
import { cutText, Failure, plural, safeText } from './text.js';

/** How many voicemails are remembered, at the least. */
const REMEMBERED = 10_000;

export interface MissedOptions {
  /** The event filters that the receiver is subscribed to. */
  eventFilters: string[];
  format: LogFormat;
  /** Whether to add the text of those that RingCentral has transcribed. */
  transcripts: boolean;
  write: WriteLine;
  say: (line: string) => void;
}

/** The extensions whose voicemails event filters ask for; `~` is the own one. */
export function voicemailExtensions(eventFilters: string[]): string[] {
  const extensions = eventFilters.flatMap((filter) => /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1] ?? []);
  return [...new Set(extensions)];
}

/**
 * Logs the voicemails since a time from the message store, oldest first, as the receiver logs events. Skips those whose
 * key is in `logged`, and adds each that it logs; of many, it forgets those that are no longer found. `onFound` is told how
 * many there are before the first.
 *
 * Resolves to how many transcripts could not be read. Throws a Failure.
 */
export async function logMissed(
  session: Session,
  since: Date,
  { eventFilters, format, transcripts, write, say }: MissedOptions,
  logged: Set<string>,
  onFound: (count: number) => void = () => {},
): Promise<number> {
  const found = new Map<string, { message: Message; event: string }>();
  for (const extension of voicemailExtensions(eventFilters))
    for (const message of (await listVoicemails(session, extension, since)).reverse())
      found.set(messageKey(message), { message, event: voicemailFilter(extension) });
  const due = [...found].filter(([key]) => !logged.has(key));
  due.sort(([, one], [, other]) => messageTime(one.message) - messageTime(other.message));
  onFound(due.length);
  const reader = transcriptReader(session, say);
  let count = 0;
  for (const [key, { message, event }] of due) {
    const transcript = transcripts ? await reader.read(message) : undefined;
    const json = JSON.stringify({ event, ...(transcript !== undefined && { transcript }), body: message });
    try {
      await write(eventText({ json, event, body: message }, format, transcript));
    } catch (error) {
      say(`Stopped after ${count} of ${plural(due.length, 'voicemail')}.`);
      throw error;
    }
    logged.add(key);
    count++;
  }
  // Not at once: a clock that was wrong for a time, and is put back, brings them again.
  for (const key of logged) if (logged.size > REMEMBERED && !found.has(key)) logged.delete(key);
  return reader.missing();
}

/**
 * Reads transcripts. One that cannot be read costs only itself, unless RingCentral asks for a long wait: then no more are
 * asked for.
 */
function transcriptReader(session: Session, say: (line: string) => void) {
  let missing = 0;
  let isBlocked = false;
  const read = async (message: Message): Promise<string | undefined> => {
    const url = transcriptUrl(message);
    if (url === undefined) return undefined;
    try {
      if (!isBlocked) return await readTranscript(session, url);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      isBlocked =
        error instanceof Unanswered ||
        error instanceof LoginRefused ||
        (error instanceof RingCentralError && error.retryAfterSeconds !== undefined);
      say(
        `Could not read the transcript of voicemail ${cutText(safeText(messageKey(message)), 100)}: ${error.message}`,
      );
    }
    missing++;
    return undefined;
  };
  return { read, missing: () => missing };
}
