import { REMEMBERED } from '../log/event-log.js';
import { HOUR_MS, MINUTE_MS } from '../pace.js';
import { itemKey } from '../ringcentral/list.js';
import { messageTime, type Message } from '../ringcentral/message-store.js';
import { fieldsOf, textOf } from '../unknown.js';
import { LedgerFile } from './ledger-file.js';

/** How often the mark of a mailbox is written down: the hour that each list begins before it covers this. */
const MARK_EVERY_MS = 5 * MINUTE_MS;
/** When the file is written anew with what still matters, in lines. */
const MAX_LINES = 2 * REMEMBERED;

/** What is known of a mailbox. Times are RingCentral's, in milliseconds. */
interface MailboxState {
  met: number;
  /** When it was last compared whole; undefined before the first time. */
  compared?: number | undefined;
  /** What of that is in the file. */
  marked?: number | undefined;
  /** What its first list held from before it was met: not missing. */
  before?: Set<string> | undefined;
}

/**
 * What keep has to know after a restart: which voicemails were logged, until when each mailbox is compared, and which
 * subscriptions are its own. In memory, and as a file without names, numbers or texts.
 */
export class Ledger {
  /** Message ids, oldest first, each with the extension in whose mailbox a transcript of it is awaited, if one is. */
  readonly logged = new Map<string, string | undefined>();
  readonly #mailboxes = new Map<string, MailboxState>();
  /** Ids of subscriptions that keep created. */
  readonly #created = new Set<string>();
  /** Addresses that were being subscribed, and since when: the answer may have been lost. */
  readonly #subscribing = new Map<string, number>();
  readonly #file: LedgerFile;

  constructor(path: string) {
    this.#file = new LedgerFile(path, MAX_LINES, () => this.#lines());
    this.#file.read((line) => this.#take(fieldsOf(line)));
    this.#file.flush();
  }

  /** Why the file cannot be trusted; undefined if it can. What could not be written is tried again. */
  problem(): string | undefined {
    if (this.#file.problem) this.#file.flush();
    return this.#file.problem;
  }

  /** Remembers that a voicemail was logged, and in which mailbox its transcript is awaited, if it is. */
  remember(id: string, awaited: string | undefined): void {
    this.#add({ logged: id, awaited });
  }

  /** Remembers that a voicemail's transcript was logged, or that none will come. */
  transcribed(id: string): void {
    this.#add({ transcribed: id });
  }

  /** Remembers when a mailbox was first met. */
  meet(mailbox: string, at: number): void {
    if (!this.#mailboxes.has(mailbox)) this.#add({ mailbox, met: iso(at) });
  }

  /** Whether a mailbox was never compared whole, and not told from when on. */
  isNew(mailbox: string): boolean {
    return this.#mailboxes.get(mailbox)?.compared === undefined;
  }

  /** From when on what a mailbox holds can be missing: an hour before it was last compared whole, or first met. */
  since(mailbox: string): number {
    const { met = 0, compared = met } = this.#mailboxes.get(mailbox) ?? {};
    return compared - HOUR_MS;
  }

  /** What of a list has to be logged: not what the first list of a new mailbox holds from before it was met. */
  due(mailbox: string, messages: Message[]): Message[] {
    const state = this.#mailboxes.get(mailbox);
    if (state && state.compared === undefined && !state.before)
      this.#add({ mailbox, before: messages.filter((each) => !(messageTime(each) >= state.met)).map(itemKey) });
    const since = this.since(mailbox);
    return messages.filter((each) => !(messageTime(each) < since) && !state?.before?.has(itemKey(each)));
  }

  /** Remembers that a mailbox was compared whole at a time. */
  compared(mailbox: string, at: number): void {
    const state = this.#mailboxes.get(mailbox);
    if (!state) return;
    state.compared = at;
    // Back, too, after an answer with a wrong Date.
    if (Math.abs(at - (state.marked ?? 0)) >= MARK_EVERY_MS) this.#add({ mailbox, compared: iso(at) });
  }

  /** Whether keep created a subscription: by its id, or by an address for which the answer may have been lost. */
  isCreated({ id, address, creationTime }: { id: string; address: string; creationTime: string }): boolean {
    return this.#created.has(id) || Date.parse(creationTime) >= (this.#subscribing.get(address) ?? Infinity);
  }

  /** Remembers that an address will be subscribed now. */
  subscribing(address: string, at: number): void {
    // Since the first try: that answer may have been lost.
    if (this.#subscribing.has(address)) return;
    // A Date header has whole seconds.
    this.#add({ subscribing: address, at: iso(at - 1000) });
    this.#file.flush();
  }

  /** Remembers which subscriptions there are now that keep created. */
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

  #add(line: object): void {
    this.#take(fieldsOf(line));
    this.#file.append(line);
  }

  #take({ logged, awaited, transcribed, subscribing, at, subscribed, ...line }: Record<string, unknown>): void {
    const [id, done, address] = [logged, transcribed, subscribing].map(textOf);
    if (id !== undefined) {
      this.logged.set(id, textOf(awaited));
      if (this.logged.size > REMEMBERED) this.logged.delete(this.logged.keys().next().value ?? '');
    }
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
    state.marked = state.compared = timeOf(compared) ?? state.compared;
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
