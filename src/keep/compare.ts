import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import { NotLogged, type LogEvent } from '../log/event-log.js';
import type { Say } from '../program.js';
import { isBlocked, isRefused } from '../ringcentral/errors.js';
import type { Mailbox } from '../ringcentral/extensions.js';
import { itemKey } from '../ringcentral/list.js';
import { byTime, eventOf, listVoicemails, messageTime, type Message } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import { plural } from '../show.js';
import type { Ledger } from './ledger.js';
import type { Recordings } from './recordings.js';

const DAY_MS = 86_400_000;

export interface CompareOptions {
  ledger: Ledger;
  log: LogEvent;
  /** Whether a voicemail is logged, or being written. */
  has: (key: string) => boolean;
  recordings: Recordings | undefined;
  /** How long a notification that is under way gets before its voicemail is logged, in milliseconds. */
  graceMs: number;
  /** Awaited before each page of a list. */
  turn: () => Promise<void>;
  say: Say;
  signal: AbortSignal;
}

export interface Comparison {
  /** How many voicemails came without a notification. */
  missing: number;
  compared: Mailbox[];
  /** What is wrong with single mailboxes. */
  refused: Map<Mailbox, Failure>;
  /** Why the rest could not be compared. */
  failure: Failure | undefined;
}

/**
 * Compares mailboxes with the log: logs what RingCentral's message store has and the log has not, oldest first, and
 * remembers for each mailbox that was compared whole when that was, by RingCentral's clock.
 */
export async function compare(session: Session, mailboxes: Mailbox[], options: CompareOptions): Promise<Comparison> {
  const { ledger, log, has, recordings, graceMs, turn, say, signal } = options;
  const lists: { mailbox: Mailbox; messages: Message[]; since: number; time: number }[] = [];
  const refused = new Map<Mailbox, Failure>();
  let failure: Failure | undefined;
  let failedInARow = 0;
  for (const mailbox of mailboxes) {
    try {
      const since = ledger.since(mailbox.id);
      // Recordings that could not be saved are tried again for a day.
      const from = recordings ? Math.min(since, session.now() - DAY_MS) : since;
      const { items: messages, time } = await listVoicemails(session, mailbox.id, from, turn);
      ledger.setBefore(
        mailbox.id,
        messages.map((message) => ({ id: itemKey(message), time: messageTime(message) })),
      );
      lists.push({ mailbox, messages, since, time });
      failedInARow = 0;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (isRefused(error)) {
        refused.set(mailbox, error);
        continue;
      }
      failure = error;
      failedInARow++;
      // The rest would fail, too, each after a time limit.
      if (failedInARow === 2 || isBlocked(error)) break;
    }
  }
  const due = lists.flatMap(({ mailbox, messages, since }) =>
    messages
      .filter((message) => !(messageTime(message) < since) && !ledger.isBefore(mailbox.id, itemKey(message)))
      .map((message) => ({ mailbox, message })),
  );
  due.sort((one, other) => byTime(one.message, other.message));
  const missing = () => due.filter(({ message }) => !has(itemKey(message))).length;
  // A notification may be under way.
  if (missing() > 0) await sleep(graceMs, undefined, { signal });
  const count = missing();
  if (count > 0) say(`${plural(count, 'voicemail')} came without a notification:`);
  try {
    // Those that are being written, too: only what is out counts as compared.
    for (const { mailbox, message } of due) await log(eventOf(message, mailbox.id));
    for (const { mailbox, time } of lists) ledger.compared(mailbox.id, time);
  } catch (error) {
    if (!(error instanceof NotLogged)) throw error;
    failure = new Failure(`A voicemail could not be logged: ${error.message}.`);
  }
  for (const { mailbox, messages } of lists)
    for (const message of messages) if (has(itemKey(message))) recordings?.want(mailbox.id, message);
  return { missing: count, compared: lists.map(({ mailbox }) => mailbox), refused, failure };
}
