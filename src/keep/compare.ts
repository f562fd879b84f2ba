import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import { NotLogged, type LogEvent } from '../log/event-log.js';
import { DAY_MS, SECOND_MS } from '../pace.js';
import type { Say } from '../program.js';
import { isBlocked, isRefused } from '../ringcentral/errors.js';
import type { Mailbox } from '../ringcentral/extensions.js';
import { itemKey } from '../ringcentral/list.js';
import { byTime, eventOf, listVoicemails, type Message } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import { plural } from '../show.js';
import type { Ledger } from './ledger.js';
import type { Problems } from './problems.js';
import type { Recordings } from './attachments.js';

/** How long a notification that is under way gets before its voicemail is logged, if `everyMs` is not shorter. */
const GRACE_MS = 10 * SECOND_MS;

export interface CompareOptions {
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
 * Compares mailboxes with the log: logs what RingCentral's message store has and the log has not, oldest first, and
 * remembers when each mailbox was compared, by RingCentral's clock. `turn` is awaited before each page. A mailbox that
 * is refused does not stop the others.
 *
 * Resolves to how many voicemails came without a notification, and why the rest could not be compared.
 */
export async function compare(
  mailboxes: Mailbox[],
  turn: () => Promise<void>,
  { session, ledger, log, has, recordings, problems, everyMs, say, signal }: CompareOptions,
): Promise<{ missing: number; failure: Failure | undefined }> {
  const lists: { id: string; messages: Message[]; due: Message[]; time: number }[] = [];
  let failure: Failure | undefined;
  let failedInARow = 0;
  for (const { id, label } of mailboxes) {
    try {
      const since = ledger.since(id);
      // Recordings that could not be saved are tried again for a day.
      const from = recordings ? Math.min(since, session.now() - DAY_MS) : since;
      const { items: messages, time } = await listVoicemails(session, id, from, turn);
      lists.push({ id, messages, due: ledger.due(id, messages), time });
      problems.set(`the mailbox of ${label}`, undefined);
      failedInARow = 0;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (isRefused(error)) {
        problems.set(`the mailbox of ${label}`, `${label}: ${error.message}`);
        continue;
      }
      failure = error;
      failedInARow++;
      // The others would fail, too, each after a time limit.
      if (failedInARow === 2 || isBlocked(error)) break;
    }
  }
  const due = lists.flatMap((list) => list.due.map((message) => ({ id: list.id, message })));
  due.sort((one, other) => byTime(one.message, other.message));
  const missing = () => due.filter(({ message }) => !has(itemKey(message))).length;
  // A notification may be under way.
  if (missing() > 0) await sleep(Math.min(everyMs, GRACE_MS), undefined, { signal });
  const count = missing();
  if (count > 0) say(`${plural(count, 'voicemail')} came without a notification:`);
  try {
    // Also those that are being written: a mailbox is compared once all its lines are out.
    for (const { id, message } of due) await log(eventOf(message, id));
    for (const { id, time } of lists) ledger.compared(id, time);
  } catch (error) {
    if (!(error instanceof NotLogged)) throw error;
    failure = new Failure(`A voicemail could not be logged: ${error.message}.`);
  }
  for (const { id, messages } of lists)
    for (const message of messages) if (has(itemKey(message))) recordings?.want(id, message);
  return { missing: count, failure };
}
