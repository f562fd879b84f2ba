import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorOf, Failure } from '../errors.js';
import { laterText } from '../log/event-text.js';
import { perMinute } from '../pace.js';
import type { Terminal } from '../program.js';
import { attachmentUrl } from '../ringcentral/attachments.js';
import { isBlocked, retryAfterMs, RingCentralError } from '../ringcentral/errors.js';
import { itemKey } from '../ringcentral/list.js';
import { eventOf, messageTime, type Message } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import type { LogFormat } from '../settings.js';
import { isoTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { Problems } from './problems.js';

/** Changing subscriptions and reading transcripts are in the same rate group, of 40 requests a minute. */
const PER_MINUTE = 15;
const SECOND_MS = 1000;
/** After a failure. */
const PAUSE_MS = 10_000;
/** A download that has not grown for so long is over, in milliseconds. */
const STALE_MS = 3_600_000;

type Output = Pick<Terminal, 'write' | 'progress' | 'signal'> & { format: LogFormat };

/** The recordings of voicemails, each a file in a folder, known by the message id at the end of its name. */
export class Recordings {
  readonly #there = new Set<string>();
  /** Those that cannot be had any more: they are not asked for again in this run. */
  readonly #gone = new Set<string>();
  /** Those to be saved, by message id. */
  readonly #due = new Map<string, { extension: string; message: Message }>();
  /** Extension id → number, as far as they are known. */
  readonly numbers = new Map<string, string>();

  readonly #turn: () => Promise<void>;

  /** Makes the folder if it is missing. Throws a Failure if it cannot be used. */
  constructor(
    private readonly folder: string,
    signal: AbortSignal,
  ) {
    this.#turn = perMinute(PER_MINUTE, signal);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.W_OK);
      for (const name of readdirSync(folder)) {
        const id = /(?:^|-)(\d+)\.(?:mp3|wav)$/.exec(name)?.[1];
        if (id !== undefined) this.#there.add(id);
        const path = join(folder, name);
        if (name.endsWith('.part') && statSync(path).mtimeMs < Date.now() - STALE_MS) rmSync(path);
      }
    } catch (error) {
      throw new Failure(`The folder ${folder} cannot be used: ${errorOf(error).message}.`);
    }
  }

  /** Takes note of a voicemail whose recording is to be saved, unless it is there, or has none. */
  want(extension: string, message: Message): void {
    const id = itemKey(message);
    const isWanted = /^\d+$/.test(id) && !this.#there.has(id) && !this.#gone.has(id);
    if (isWanted && attachmentUrl(message, 'AudioRecording') !== undefined) this.#due.set(id, { extension, message });
  }

  /** Saves them as they come, until the signal is aborted. */
  async run(session: Session, problems: Problems, output: Output): Promise<void> {
    const { signal } = output;
    for (;;) {
      await sleep(SECOND_MS, undefined, { signal });
      if (this.#due.size === 0) continue;
      const failure = await problems.attempt('the recordings', async () => {
        const failures = await this.saveDue(session, output);
        if (failures.length > 0) throw new Failure(failures.join('\n'));
      });
      if (failure) await sleep(Math.max(PAUSE_MS, retryAfterMs(failure)), undefined, { signal });
    }
  }

  /**
   * Saves what is due, and logs where. Resolves to why some could not be saved: each costs only itself. Throws a Failure if
   * RingCentral will refuse all others for now: they stay due.
   */
  async saveDue(session: Session, { format, write, progress }: Output): Promise<string[]> {
    const failures: string[] = [];
    for (const [id, { extension, message }] of this.#due) {
      await this.#turn();
      progress(`Recordings: ${this.#due.size} to save`);
      try {
        const recording = await this.#save(session, extension, message);
        await write(laterText(eventOf(message, extension), { recording }, format));
      } catch (error) {
        if (!(error instanceof Failure) || isBlocked(error)) throw error;
        if (error instanceof RingCentralError && error.status === 404) this.#gone.add(id);
        failures.push(error.message);
      }
      this.#due.delete(id);
    }
    return failures;
  }

  async #save(session: Session, extension: string, message: Message): Promise<string> {
    const id = itemKey(message);
    const doing = `save the recording of voicemail ${id}`;
    const part = join(this.folder, `.${id}-${randomUUID()}.part`);
    try {
      const file = await open(part, 'wx', 0o600);
      const save = (chunk: Uint8Array) => file.appendFile(chunk);
      const url = attachmentUrl(message, 'AudioRecording') ?? '';
      const type = await session.download(doing, url, save).finally(() => file.close());
      const path = join(this.folder, nameOf(message, this.numbers.get(extension), /wav/i.test(type) ? 'wav' : 'mp3'));
      await rename(part, path);
      this.#there.add(id);
      return path;
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      if (error instanceof Failure) throw error;
      throw new Failure(`Could not ${doing}: ${errorOf(error).message}`);
    }
  }
}

/** RingCentral's time, the extension number and the message id: nothing that a caller chose. */
function nameOf(message: Message, known: string | undefined, ending: string): string {
  const time = messageTime(message);
  const when = Number.isNaN(time) ? undefined : isoTime(new Date(time)).replaceAll(':', '-');
  const to = itemsOf(message['to']).map(fieldsOf);
  const number = known ?? (to.length === 1 ? textOf(to[0]?.['extensionNumber']) : undefined);
  const parts = [when, /^\d{1,10}$/.test(number ?? '') ? number : undefined, itemKey(message)];
  return `${parts.filter((part) => part !== undefined).join('-')}.${ending}`;
}
