import { REMEMBERED } from '../log/event-log.js';
import { HOUR_MS } from '../pace.js';
import { isSameAddress } from '../registration/tunnels.js';
import { itemKey } from '../ringcentral/list.js';
import { messageTime, type Message } from '../ringcentral/message-store.js';
import type { Subscription } from '../ringcentral/subscriptions.js';
import { fieldsOf, textOf } from '../unknown.js';
import { openLines } from './ledger-file.js';

type MailboxState = { met: number; compared: number | undefined; before: Set<string> | undefined };
export type Ledger = ReturnType<typeof openLedger>;

/**
 * What keep has to know after a restart: which voicemails were logged, until when each mailbox is compared, and which
 * subscriptions are its own. In memory, and as a file without names, numbers or texts. Times are RingCentral's, in milliseconds.
 */
export function openLedger(path: string) {
  /** Message id → the extension that has it, if a transcript is awaited. Oldest first. */
  const logged = new Map<string, string | undefined>();
  // One iterator for good, as in the event log.
  const oldest = logged.keys();
  /** When each mailbox was first met and last compared, and the ids of the messages from before it was met. */
  const mailboxes = new Map<string, MailboxState>();
  /** The ids of subscriptions that keep created, and the addresses that it is subscribing, since when: answers may be lost. */
  let created: string[] = [];
  const addresses = new Map<string, number>();

  const take = (line: unknown) => {
    // Earlier versions wrote `transcribed`, and times as ISO 8601.
    const { transcribed, logged: id = transcribed, awaited } = fieldsOf(line);
    if (typeof id === 'string') logged.set(id, textOf(awaited));
    if (logged.size > REMEMBERED) logged.delete(oldest.next().value ?? '');
    const { mailbox, met, compared, before, subscribing, at, subscribed } = fieldsOf(line);
    if (typeof subscribing === 'string') addresses.set(subscribing, timeOf(at) ?? Infinity);
    if (Array.isArray(subscribed)) {
      created = subscribed.map(String);
      addresses.clear();
    }
    if (typeof mailbox !== 'string') return;
    const state = mailboxes.get(mailbox);
    const metAt = state?.met ?? timeOf(met);
    if (metAt === undefined) return;
    mailboxes.set(mailbox, {
      met: metAt,
      compared: timeOf(compared) ?? state?.compared,
      before: Array.isArray(before) ? new Set(before.map(String)) : state?.before,
    });
  };
  const all = () => [
    ...[...mailboxes].map(([mailbox, state]) => ({ mailbox, ...state, before: state.before && [...state.before] })),
    ...[...logged].map(([id, awaited]) => ({ logged: id, awaited })),
    { subscribed: created },
    ...[...addresses].map(([address, at]) => ({ subscribing: address, at })),
  ];
  const { append, problem } = openLines(path, 2 * REMEMBERED, take, all);
  const add = (line: object) => {
    take(line);
    append(line);
  };
  /** Since when voicemails of a mailbox may be missing: an hour before it was last compared, or first met. */
  const since = (mailbox: string): number => {
    const { met = 0, compared = met } = mailboxes.get(mailbox) ?? {};
    return compared - HOUR_MS;
  };

  return {
    logged: logged as ReadonlyMap<string, string | undefined>,
    since,
    /** Tries again what could not be written. Returns what is wrong with the file; undefined if nothing is. */
    problem,
    /** Remembers that a voicemail was logged, and the extension that has it, if its transcript is awaited. */
    remember: (id: string, awaited?: string) => add({ logged: id, awaited }),
    /** Remembers when a mailbox was first met. */
    meet(mailbox: string, met: number): void {
      if (!mailboxes.has(mailbox)) add({ mailbox, met });
    },
    /** Remembers when a mailbox was compared. */
    compared: (mailbox: string, at: number) => add({ mailbox, compared: at }),
    /** Whether it is unknown until when a mailbox was compared. */
    isNew: (mailbox: string) => mailboxes.get(mailbox)?.compared === undefined,
    /** The messages of a list that have to be logged: none from before the mailbox was first met. */
    due(mailbox: string, messages: Message[]): Message[] {
      const { met, compared, before } = mailboxes.get(mailbox) ?? {};
      if (met !== undefined && compared === undefined && !before)
        add({ mailbox, before: messages.filter((each) => !(messageTime(each) >= met)).map(itemKey) });
      const from = since(mailbox);
      const old = mailboxes.get(mailbox)?.before;
      return messages.filter((each) => !(messageTime(each) < from) && !old?.has(itemKey(each)));
    },
    /** Remembers that an address is being subscribed: the answer may be lost. */
    subscribing(address: string, now: number): void {
      // A Date header has whole seconds.
      if (!addresses.has(address)) add({ subscribing: address, at: now - 1000 });
    },
    /** Remembers which subscriptions that keep created are left. */
    subscribed(ids: string[]): void {
      if (addresses.size > 0 || ids.join() !== created.join()) add({ subscribed: ids });
    },
    /** Whether keep created a subscription: by its address if the answer may have been lost. */
    isCreated: ({ id, address, creationTime }: Pick<Subscription, 'id' | 'address' | 'creationTime'>) =>
      created.includes(id) ||
      [...addresses].some(([each, at]) => isSameAddress(each, address) && Date.parse(creationTime) >= at),
  };
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'number' ? value : Date.parse(textOf(value) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
