import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../errors.js';
import type { WebhookEvent } from '../log/event-log.js';
import { laterText } from '../log/event-text.js';
import type { WriteLine } from '../log/write-line.js';
import { perMinute } from '../pace.js';
import { readTranscript, transcription } from '../ringcentral/attachments.js';
import { isRefused, retryAfterMs } from '../ringcentral/errors.js';
import { voicemailExtension } from '../ringcentral/event-filters.js';
import { eventOf, readVoicemail } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import type { LogFormat } from '../settings.js';
import { fieldsOf } from '../unknown.js';
import type { Ledger } from './ledger.js';
import type { Problems } from './problems.js';

/** How long a transcript is awaited in one run, in milliseconds. */
const HOUR_MS = 3_600_000;
/** How often each is asked for, in milliseconds. */
const PAUSE_MS = 15_000;
/** How many are asked for in a minute, and so how many are awaited: what can be asked for in that hour. */
const PER_MINUTE = 20;
const MAX_AWAITED = 60 * PER_MINUTE;

export interface TranscriptOptions {
  ledger: Ledger;
  format: LogFormat;
  write: WriteLine;
  signal: AbortSignal;
}

/** The transcripts that are still to come, of voicemails that were logged. */
export class Transcripts {
  /** Message id → the extension in whose mailbox it is, and since when it is awaited. */
  readonly #awaited = new Map<string, { extension: string; since: number }>();
  readonly #turn: () => Promise<void>;

  constructor(private readonly options: TranscriptOptions) {
    this.#turn = perMinute(PER_MINUTE, options.signal);
    for (const [id, extension] of options.ledger.logged) if (extension) this.#await(id, extension);
  }

  /** Awaits the transcript of a voicemail that was logged, if one is to come: then, the extension in whose mailbox it is. */
  follow({ event, body, text }: WebhookEvent, id: string): string | undefined {
    const extension = voicemailExtension(event);
    const message = fieldsOf(body);
    if (extension === undefined || transcription(message) === 'none') return undefined;
    if (text !== undefined && message['vmTranscriptionStatus'] === 'Completed') return undefined;
    this.#await(id, extension);
    return extension;
  }

  /** Logs them as they come, until the signal is aborted. */
  async run(session: Session, everyMs: number, problems: Problems): Promise<void> {
    for (let failure: Failure | undefined; ;) {
      const pauseMs = Math.max(Math.min(everyMs, PAUSE_MS), retryAfterMs(failure));
      await sleep(pauseMs, undefined, { signal: this.options.signal });
      failure = await problems.attempt('the transcripts', async () => {
        const refused = await this.check(session);
        if (refused.length > 0) throw new Failure(refused.join('\n'));
      });
    }
  }

  /** Asks for each once, and logs what is there. Resolves to why some cannot be had. Throws a Failure. */
  async check(session: Session): Promise<string[]> {
    const refused: string[] = [];
    for (const [id, { extension, since }] of Array.from(this.#awaited)) {
      await this.#turn();
      let isOver = false;
      try {
        isOver = await this.#isOver(session, id, extension);
      } catch (error) {
        if (!isRefused(error)) throw error;
        refused.push(error.message);
        isOver = true;
      } finally {
        // Behind the others: one that cannot be read costs only itself.
        this.#awaited.delete(id);
        if (isOver || performance.now() - since > HOUR_MS) this.options.ledger.transcribed(id);
        else this.#awaited.set(id, { extension, since });
      }
    }
    return refused;
  }

  /** Logs a transcript that is there. Resolves to whether nothing more is to come. */
  async #isOver(session: Session, id: string, extension: string): Promise<boolean> {
    const { format, write } = this.options;
    const message = await readVoicemail(session, extension, id);
    const state = message ? transcription(message) : 'none';
    if (!message || state !== 'done') return state === 'none';
    const transcript = await readTranscript(session, message);
    if (transcript !== undefined) await write(laterText(eventOf(message, extension), { transcript }, format));
    return true;
  }

  #await(id: string, extension: string): void {
    if (this.#awaited.size < MAX_AWAITED) this.#awaited.set(id, { extension, since: performance.now() });
  }
}
