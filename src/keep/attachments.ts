import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorOf, Failure } from '../errors.js';
import type { WebhookEvent } from '../log/event-log.js';
import { laterText } from '../log/event-text.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, perMinute } from '../pace.js';
import type { Output } from '../program.js';
import { isBlocked, isRefused, RingCentralError } from '../ringcentral/errors.js';
import { voicemailExtension } from '../ringcentral/event-filters.js';
import { itemKey } from '../ringcentral/list.js';
import { attachmentUrl, eventOf, messageTime, type Message } from '../ringcentral/message-store.js';
import { readTranscript, readVoicemail, transcription } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import { isoTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { Ledger } from './ledger.js';

/** Requests a minute: both share a rate group of 40 with changes of subscriptions (API reference, "Usage plan group"). */
const TRANSCRIPTS_PER_MINUTE = 20;
const RECORDINGS_PER_MINUTE = 15;
/** How many transcripts are awaited: those that can be asked for in the hour. */
const MAX_AWAITED = 60 * TRANSCRIPTS_PER_MINUTE;

/** Logs the transcripts of logged voicemails as they come. */
export class Transcripts {
  /** Message id → the extension that has the message, and since when its transcript is awaited. */
  readonly #awaited = new Map<string, { extension: string; since: number }>();
  readonly #turn: () => Promise<void>;

  constructor(
    private readonly ledger: Ledger,
    private readonly output: Output,
  ) {
    this.#turn = perMinute(TRANSCRIPTS_PER_MINUTE, output.signal);
    for (const [id, extension] of ledger.logged) if (extension) this.#await(id, extension);
  }

  /** Awaits the transcript of a logged voicemail. Returns the extension that has it; undefined if none will come. */
  follow({ event, body, text }: WebhookEvent, id: string): string | undefined {
    const extension = voicemailExtension(event);
    const message = fieldsOf(body);
    if (extension === undefined || transcription(message) === 'none') return undefined;
    if (text !== undefined && message['vmTranscriptionStatus'] === 'Completed') return undefined;
    this.#await(id, extension);
    return extension;
  }

  /** Logs each that is there, and awaits it for an hour at most. Resolves to why some were refused. Throws a Failure. */
  async check(session: Session): Promise<string[]> {
    const refused: string[] = [];
    for (const [id, { extension, since }] of Array.from(this.#awaited)) {
      await this.#turn();
      let isOver = false;
      try {
        isOver = await this.#logIfDone(session, id, extension);
      } catch (error) {
        if (!isRefused(error)) throw error;
        refused.push(error.message);
        isOver = true;
      } finally {
        // To the end of the queue: one that fails must not hold up the others.
        this.#awaited.delete(id);
        if (isOver || performance.now() - since > HOUR_MS) this.ledger.transcribed(id);
        else this.#awaited.set(id, { extension, since });
      }
    }
    return refused;
  }

  /** Resolves to true if there is nothing more to wait for. */
  async #logIfDone(session: Session, id: string, extension: string): Promise<boolean> {
    const message = await readVoicemail(session, extension, id);
    const state = message ? transcription(message) : 'none';
    if (!message || state !== 'done') return state === 'none';
    const transcript = await readTranscript(session, message);
    const { write, format } = this.output;
    if (transcript !== undefined) await write(laterText(eventOf(message, extension), { transcript }, format));
    return true;
  }

  #await(id: string, extension: string): void {
    if (this.#awaited.size < MAX_AWAITED) this.#awaited.set(id, { extension, since: performance.now() });
  }
}

/** Saves recordings in a folder. A file is recognised by the message id at the end of its name. */
export class Recordings {
  /** Message ids of recordings that are saved, or gone at RingCentral. */
  readonly #done = new Set<string>();
  /** Message id → what to save, and when at the earliest, by performance.now(). */
  readonly #due = new Map<string, { extension: string; message: Message; from: number }>();
  /** Extension id → number, if it is known. */
  readonly numbers = new Map<string, string | undefined>();
  readonly #turn: () => Promise<void>;

  /** Makes the folder if it is missing. Throws a Failure if it cannot be used. */
  constructor(
    private readonly folder: string,
    private readonly output: Output,
  ) {
    this.#turn = perMinute(RECORDINGS_PER_MINUTE, output.signal);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.W_OK);
      for (const name of readdirSync(folder)) {
        const id = /(?:^|-)(\d+)\.(?:mp3|wav)$/.exec(name)?.[1];
        if (id !== undefined) this.#done.add(id);
        const path = join(folder, name);
        // A download that has not grown for an hour is over.
        if (name.endsWith('.part') && statSync(path).mtimeMs < Date.now() - HOUR_MS) rmSync(path);
      }
    } catch (error) {
      throw new Failure(
        `Recordings cannot go to ${folder} (${errorOf(error).message}): name a folder that this user may write.`,
      );
    }
  }

  /** Queues the recording of a voicemail, unless it is saved already or there is none. */
  want(extension: string, message: Message): void {
    const id = itemKey(message);
    const isNew = /^\d+$/.test(id) && !this.#done.has(id) && !this.#due.has(id);
    if (isNew && attachmentUrl(message, 'AudioRecording') !== undefined)
      this.#due.set(id, { extension, message, from: 0 });
  }

  /**
   * Saves what is due, and logs where. Resolves to why some could not be saved: each is tried again after a minute, for a
   * day. Throws a Failure if RingCentral would refuse the others, too.
   */
  async saveDue(session: Session): Promise<string[]> {
    const { format, write, progress } = this.output;
    const failures: string[] = [];
    for (const [id, { extension, message, from }] of Array.from(this.#due)) {
      if (from > performance.now()) continue;
      await this.#turn();
      progress(`Recordings: ${this.#due.size} to save`);
      try {
        const recording = await this.#save(session, extension, message);
        this.#done.add(id);
        await write(laterText(eventOf(message, extension), { recording }, format));
      } catch (error) {
        if (!(error instanceof Failure) || isBlocked(error)) throw error;
        failures.push(error.message);
        if (error instanceof RingCentralError && error.status === 404) this.#done.add(id);
        this.#due.set(id, { extension, message, from: performance.now() + MINUTE_MS });
      }
      if (this.#done.has(id) || !(messageTime(message) > session.now() - DAY_MS)) this.#due.delete(id);
    }
    return failures;
  }

  async #save(session: Session, extension: string, message: Message): Promise<string> {
    const doing = `save the recording of voicemail ${itemKey(message)}`;
    const part = join(this.folder, `.${itemKey(message)}-${randomUUID()}.part`);
    try {
      const file = await open(part, 'wx', 0o600);
      const url = attachmentUrl(message, 'AudioRecording') ?? '';
      const save = (chunk: Uint8Array) => file.appendFile(chunk);
      const type = await session.download(doing, url, save).finally(() => file.close());
      const path = join(this.folder, fileName(message, this.numbers.get(extension), /wav/i.test(type) ? 'wav' : 'mp3'));
      await rename(part, path);
      return path;
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      throw error instanceof Failure ? error : new Failure(`Could not ${doing}: ${errorOf(error).message}`);
    }
  }
}

/** RingCentral's time, the extension number and the message id: nothing that a caller chose. */
function fileName(message: Message, known: string | undefined, ending: string): string {
  const time = messageTime(message);
  const when = Number.isNaN(time) ? [] : [isoTime(new Date(time)).replaceAll(':', '-')];
  const to = itemsOf(message['to']).map(fieldsOf);
  const number = known ?? (to.length === 1 ? textOf(to[0]?.['extensionNumber']) : undefined);
  return `${[...when, ...(number?.match(/^\d{1,10}$/) ?? []), itemKey(message)].join('-')}.${ending}`;
}
