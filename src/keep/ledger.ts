import { REMEMBERED } from '../log/event-log.js';
import { HOUR_MS, MINUTE_MS } from '../pace.js';
import { itemKey } from '../ringcentral/list.js';
import { messageTime, type Message } from '../ringcentral/message-store.js';
import { fieldsOf, textOf } from '../unknown.js';
import { LedgerFile } from './ledger-file.js';

/** How often the file gets the time of a comparison: the next one starts an hour earlier anyway. */
const SAVE_EVERY_MS = 5 * MINUTE_MS;
/** A longer file is rewritten with what still matters. */
const MAX_LINES = 2 * REMEMBERED;

/** Times are RingCentral's, in milliseconds. */
interface MailboxState {
  /** When keep first saw it. */
  met: number;
  /** When it was last compared; undefined before the first time. */
  compared?: number | undefined;
  /** `compared` as the file has it. */
  saved?: number | undefined;
  /** Message ids from before it was met: they are not missing. */
  before?: Set<string> | undefined;
}

/**
 * What keep has to know after a restart: which voicemails were logged, until when each mailbox is compared, and which
 * subscriptions are its own. In memory, and as a file without names, numbers or texts.
 */
export class Ledger {
  /** Message id → the extension that has it, if a transcript is awaited. Oldest first. */
  readonly logged = new Map<string, string | undefined>();
  // One iterator for good, as in the event log.
  readonly #oldest = this.logged.keys();
  readonly #mailboxes = new Map<string, MailboxState>();
  /** Ids of subscriptions that keep created. */
  readonly #created = new Set<string>();
  /** Addresses that were being subscribed, and since when: the answer may have been lost. */
  readonly #subscribing = new Map<string, number>();
  readonly #file: LedgerFile;

  constructor(path: string) {
    this.#file = new LedgerFile(path, MAX_LINES, () => this.#lines());
    this.#file.read((line) => this.#take(fieldsOf(line)));
    this.#file.check();
  }

  /** What is wrong with the file, after another try to write it; undefined if nothing is. */
  problem(): string | undefined {
    this.#file.check();
    return this.#file.problem;
  }

  /** Remembers that a voicemail was logged, and the extension that has it, if its transcript is awaited. */
  remember(id: string, awaited: string | undefined): void {
    this.#remember(id, awaited);
    this.#file.append({ logged: id, awaited });
  }

  /** Remembers that a voicemail's transcript was logged, or that none will come. */
  transcribed(id: string): void {
    this.#add({ transcribed: id });
  }

  /** Remembers when a mailbox was first met. */
  meet(mailbox: string, at: number): void {
    if (!this.#mailboxes.has(mailbox)) this.#add({ mailbox, met: iso(at) });
  }

  /** Whether it is unknown until when a mailbox was compared. */
  isNew(mailbox: string): boolean {
    return this.#mailboxes.get(mailbox)?.compared === undefined;
  }

  /** Since when voicemails of a mailbox may be missing: an hour before it was last compared, or first met. */
  since(mailbox: string): number {
    const { met = 0, compared = met } = this.#mailboxes.get(mailbox) ?? {};
    return compared - HOUR_MS;
  }

  /** The messages of a list that have to be logged: none from before the mailbox was first met. */
  due(mailbox: string, messages: Message[]): Message[] {
    const state = this.#mailboxes.get(mailbox);
    if (state && state.compared === undefined && !state.before)
      this.#add({ mailbox, before: messages.filter((each) => !(messageTime(each) >= state.met)).map(itemKey) });
    const since = this.since(mailbox);
    return messages.filter((each) => !(messageTime(each) < since) && !state?.before?.has(itemKey(each)));
  }

  /** Remembers when a mailbox was compared. */
  compared(mailbox: string, at: number): void {
    const state = this.#mailboxes.get(mailbox);
    if (!state) return;
    state.compared = at;
    // Also if it goes back, after an answer with a wrong Date.
    if (Math.abs(at - (state.saved ?? 0)) >= SAVE_EVERY_MS) this.#add({ mailbox, compared: iso(at) });
  }

  /** Whether keep created a subscription: by its id, or by its address if the answer may have been lost. */
  isCreated({ id, address, creationTime }: { id: string; address: string; creationTime: string }): boolean {
    return this.#created.has(id) || Date.parse(creationTime) >= (this.#subscribing.get(address) ?? Infinity);
  }

  /** Remembers that a subscription of an address is being created. */
  subscribing(address: string, at: number): void {
    // The time of the first try stays: its answer may have been lost.
    if (this.#subscribing.has(address)) return;
    // A Date header has whole seconds.
    this.#add({ subscribing: address, at: iso(at - 1000) });
    this.#file.flush();
  }

  /** Remembers which of the subscriptions that exist keep created. */
  subscribed(ids: string[]): void {
    if (this.#subscribing.size === 0 && ids.join() === [...this.#created].join()) return;
    this.#add({ subscribed: ids });
    this.#file.flush();
  }

  #lines(): object[] {
    const mailboxes = [...this.#mailboxes].map(([mailbox, { met, compared, before }]) => {
      return { mailbox, met: iso(met), compared: compared && iso(compared), before: before && [...before] };
    });
    return [
      ...mailboxes,
      ...[...this.logged].map(([id, awaited]) => ({ logged: id, awaited })),
      { subscribed: [...this.#created] },
      ...[...this.#subscribing].map(([address, at]) => ({ subscribing: address, at: iso(at) })),
    ];
  }

  #remember(id: string, awaited: string | undefined): void {
    this.logged.set(id, awaited);
    if (this.logged.size > REMEMBERED) this.logged.delete(this.#oldest.next().value ?? '');
  }

  #add(line: object): void {
    this.#take(fieldsOf(line));
    this.#file.append(line);
  }

  #take({ logged, awaited, transcribed, subscribing, at, subscribed, ...line }: Record<string, unknown>): void {
    const [id, done, address] = [logged, transcribed, subscribing].map(textOf);
    if (id !== undefined) this.#remember(id, textOf(awaited));
    if (done !== undefined && this.logged.has(done)) this.logged.set(done, undefined);
    if (address !== undefined) this.#subscribing.set(address, timeOf(at) ?? Infinity);
    if (Array.isArray(subscribed)) {
      this.#created.clear();
      this.#subscribing.clear();
      for (const each of subscribed) this.#created.add(String(each));
    }
    this.#takeMailbox(line);
  }

  #takeMailbox({ mailbox, met, compared, before }: Record<string, unknown>): void {
    const name = textOf(mailbox) ?? '';
    const state: MailboxState = this.#mailboxes.get(name) ?? { met: timeOf(met) ?? NaN };
    if (Number.isNaN(state.met)) return;
    this.#mailboxes.set(name, state);
    state.saved = state.compared = timeOf(compared) ?? state.compared;
    if (Array.isArray(before)) state.before = new Set(before.map(String));
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function timeOf(value: unknown): number | undefined {
  const time = Date.parse(textOf(value) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
