import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, messageOf } from '../errors.js';
import type { LogEvent } from '../log/event-log.js';
import { DAY_MS, SECOND_MS } from '../pace.js';
import type { Say } from '../program.js';
import { isBlocked, isRefused } from '../ringcentral/errors.js';
import type { Mailbox } from '../ringcentral/extensions.js';
import { itemKey } from '../ringcentral/list.js';
import { byTime, eventOf, listVoicemails, type Message } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import { plural } from '../show.js';
import type { Recordings } from './attachments.js';
import type { Ledger } from './ledger.js';
import type { Problems } from './problems.js';

/** How long a notification that is under way gets before its voicemail is logged, if `everyMs` is not shorter. */
const GRACE_MS = 10 * SECOND_MS;

/** What the parts of keep work with. */
export interface Parts {
  session: Session;
  ledger: Ledger;
  log: LogEvent;
  /** Whether a voicemail, by its message id, is logged or being written. */
  has: (key: string) => boolean;
  recordings: Recordings | undefined;
  problems: Problems;
  everyMs: number;
  say: Say;
  signal: AbortSignal;
}

/**
 * Logs what the message store has of these mailboxes and the log has not, oldest first, and remembers when each was compared.
 * Resolves to how many voicemails came without a notification, and why a mailbox, which costs only itself, was not compared.
 */
export async function compare(mailboxes: Mailbox[], parts: Parts) {
  const { session, ledger, log, has, recordings, problems, everyMs, say, signal } = parts;
  const lists: { id: string; time: number; messages: Message[] }[] = [];
  let failure: Failure | undefined;
  for (const { id, label } of mailboxes) {
    try {
      // Recordings that could not be saved are tried again for a day.
      const since = Math.min(ledger.since(id), recordings ? session.now() - DAY_MS : Infinity);
      const messages = await listVoicemails(session, id, since);
      lists.push({ id, time: session.now(), messages });
      problems.set(`the mailbox of ${label}`, undefined);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (isRefused(error)) problems.set(`the mailbox of ${label}`, `${label}: ${error.message}`);
      else failure = error;
      if (isBlocked(error)) break;
    }
  }
  const due = lists.flatMap(({ id, messages }) => ledger.due(id, messages).map((message) => ({ id, message })));
  due.sort((one, other) => byTime(one.message, other.message));
  const countMissing = () => due.filter(({ message }) => !has(itemKey(message))).length;
  // A notification may be under way.
  if (countMissing() > 0) await sleep(Math.min(everyMs, GRACE_MS), undefined, { signal });
  const missing = countMissing();
  if (missing > 0) say(`${plural(missing, 'voicemail')} came without a notification:`);
  try {
    // Also those that are being written: a mailbox is compared once all its lines are out.
    for (const { id, message } of due) await log(eventOf(message, id));
    for (const { id, time } of lists) ledger.compared(id, time);
  } catch (error) {
    failure = new Failure(`A voicemail could not be logged: ${messageOf(error)}.`);
  }
  for (const { id, messages } of lists)
    for (const message of messages) if (has(itemKey(message))) recordings?.want(id, message);
  return { missing, failure };
}
