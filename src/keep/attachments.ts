import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { voicemailExtension } from '../contract.js';
import { errorOf, Failure, messageOf } from '../errors.js';
import type { WebhookEvent } from '../log/event-log.js';
import { laterText } from '../log/event-text.js';
import { DAY_MS, HOUR_MS, perMinute } from '../pace.js';
import type { Output } from '../program.js';
import { isBlocked, isNotFound } from '../ringcentral/errors.js';
import { itemKey } from '../ringcentral/list.js';
import { attachmentUrl, eventOf, messageTime, type Message } from '../ringcentral/message-store.js';
import { readTranscript, readVoicemail, transcription } from '../ringcentral/message-store.js';
import type { Session } from '../ringcentral/session.js';
import { isoTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { Ledger } from './ledger.js';

/** Both share a rate group of 40 requests a minute with changes of subscriptions (reference, "Usage plan group"). */
const PER_MINUTE = { transcripts: 20, recordings: 15 };

/** Resolves to true if it is done, or if nothing will come. Throws a Failure. */
type Attempt = (session: Session) => Promise<boolean>;

/** Each run() tries all, `count` a minute, until they are done, gone or tried for `maxMs`: then it calls onEnd(). */
function attemptQueue(count: number, maxMs: number, signal: AbortSignal, onEnd: (id: string) => void) {
  const queue = new Map<string, { attempt: Attempt; endAt: number }>();
  const turn = perMinute(count, signal);
  const add = (id: string, attempt: Attempt): void => {
    if (!queue.has(id)) queue.set(id, { attempt, endAt: performance.now() + maxMs });
  };
  /** Resolves to why some failed. Throws a Failure if RingCentral would refuse the others, too. */
  const run = async (session: Session): Promise<string[]> => {
    const failures: string[] = [];
    for (const [id, entry] of Array.from(queue)) {
      await turn();
      // To the end: one that is refused must not hold up the others.
      queue.delete(id);
      queue.set(id, entry);
      const isDone = await entry.attempt(session).catch((error: unknown) => {
        if (isBlocked(error)) throw error;
        failures.push(messageOf(error));
        return isNotFound(error);
      });
      if (!isDone && performance.now() < entry.endAt) continue;
      queue.delete(id);
      onEnd(id);
    }
    return failures;
  };
  return { add, run, size: () => queue.size };
}

/** The extension that has a logged voicemail, if its transcript is still to come. */
export function awaitedFrom({ event, body, text }: WebhookEvent): string | undefined {
  const message = fieldsOf(body);
  const isThere = text !== undefined && message['vmTranscriptionStatus'] === 'Completed';
  return isThere || transcription(message) === 'none' ? undefined : voicemailExtension(event);
}

/** Returns a function that logs what has come of the transcripts that the ledger awaits, for an hour at most. */
export function transcriptCheck(ledger: Ledger, output: Output) {
  const { add, run } = attemptQueue(PER_MINUTE.transcripts, HOUR_MS, output.signal, (id) => ledger.remember(id));
  return (session: Session): Promise<string[]> => {
    for (const [id, extension] of ledger.logged)
      if (extension) add(id, () => logTranscript(session, extension, id, output));
    return run(session);
  };
}

async function logTranscript(session: Session, extension: string, id: string, { write, format }: Output) {
  const message = await readVoicemail(session, extension, id);
  const state = message ? transcription(message) : 'none';
  if (!message || state !== 'done') return state === 'none';
  const transcript = await readTranscript(session, message);
  if (transcript !== undefined) await write(laterText(eventOf(message, extension), { transcript }, format));
  return true;
}

export type Recordings = ReturnType<typeof recordingFolder>;

/** Saves recordings in a folder, and logs where: each is tried for a day. Throws a Failure if that is unusable. */
export function recordingFolder(folder: string, { write, format, signal, progress }: Output) {
  /** Message ids of recordings that are saved (they end the names of files), or given up. */
  const ended = new Set<string>();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    for (const name of readdirSync(folder)) {
      ended.add(/(?:^|-)(\d+)\.(?:mp3|wav)$/.exec(name)?.[1] ?? '');
      // A download that has not grown for an hour is over.
      const path = join(folder, name);
      if (name.endsWith('.part') && statSync(path).mtimeMs < Date.now() - HOUR_MS) rmSync(path);
    }
  } catch (error) {
    const why = errorOf(error).message;
    throw new Failure(`Recordings cannot go to ${folder} (${why}): name a folder that this user may write.`);
  }
  const { add, run, size } = attemptQueue(PER_MINUTE.recordings, DAY_MS, signal, (id) => ended.add(id));
  /** Queues the recording of a voicemail, unless it is saved already or there is none. */
  const want = (extension: string, message: Message): void => {
    const id = itemKey(message);
    const url = attachmentUrl(message, 'AudioRecording');
    if (url === undefined || !/^\d+$/.test(id) || ended.has(id)) return;
    add(id, async (session) => {
      progress(`Recordings: ${size()} to save`);
      const recording = await save(session, url, folder, message);
      await write(laterText(eventOf(message, extension), { recording }, format));
      return true;
    });
  };
  return { want, saveDue: run };
}

/** Resolves to the path of the file, which gets its name when it is whole. */
async function save(session: Session, url: string, folder: string, message: Message): Promise<string> {
  const id = itemKey(message);
  const doing = `save the recording of voicemail ${id}`;
  // Another program may save the same one.
  const part = join(folder, `.${id}-${randomUUID()}.part`);
  try {
    const file = await open(part, 'wx', 0o600);
    const type = await session.download(doing, url, (chunk) => file.appendFile(chunk)).finally(() => file.close());
    const path = join(folder, `${fileName(message)}.${/wav/i.test(type) ? 'wav' : 'mp3'}`);
    await rename(part, path);
    return path;
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error instanceof Failure ? error : new Failure(`Could not ${doing}: ${errorOf(error).message}`);
  }
}

/** RingCentral's time, the extension number and the message id: nothing that a caller chose. */
function fileName(message: Message): string {
  const time = messageTime(message);
  const when = Number.isNaN(time) ? '' : isoTime(new Date(time)).replaceAll(':', '-');
  const to = itemsOf(message['to']);
  const number = to.length === 1 ? textOf(fieldsOf(to[0])['extensionNumber']) : undefined;
  return [when, number ?? '', itemKey(message)].filter((part) => /^[\w-]+$/.test(part)).join('-');
}
