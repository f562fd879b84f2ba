import type { Notification } from './notification.js';
import type { WriteLine } from './write-line.js';

/** How long an event may take to be written, in milliseconds, before its notification is refused: RingCentral waits 3000. */
const WRITE_TIMEOUT_MS = 1500;
/** How many uuids are remembered. */
const REMEMBERED = 10_000;

/** An event that is not in the log, or not known to be. The message says why. */
export class NotLogged extends Error {}

/**
 * Logs an event, unless its uuid is among the last 10,000.
 *
 * Resolves once the operating system has it: to false if it came before. Rejects with NotLogged if it could not be
 * written, or not in time; then it may still be written later, and counts as logged from there on.
 */
export type LogEvent = (notification: Notification) => Promise<boolean>;

/** Logs each event once, as `show` writes it. */
export function eventLog(
  write: WriteLine,
  show: (notification: Notification) => string,
  timeoutMs = WRITE_TIMEOUT_MS,
): LogEvent {
  const lines = new Map<string, Promise<void>>();
  // One iterator for good: a new one for each event would step over all that was deleted so far.
  const oldest = lines.keys();
  const remember = (uuid: string, line: Promise<void>) => {
    lines.set(uuid, line);
    line.catch(() => lines.get(uuid) === line && lines.delete(uuid));
    if (lines.size > REMEMBERED) lines.delete(oldest.next().value ?? '');
  };
  return async (notification) => {
    const { uuid } = notification;
    const earlier = uuid === undefined ? undefined : lines.get(uuid);
    const line = earlier ?? write(show(notification));
    if (uuid !== undefined && !earlier) remember(uuid, line);
    await inTime(line, timeoutMs);
    return earlier === undefined;
  };
}

function inTime(line: Promise<void>, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(new NotLogged(`stdout has taken nothing for ${timeoutMs} ms`)), timeoutMs);
    line.then(resolve, (error: Error) => reject(new NotLogged(error.message))).finally(() => clearTimeout(timeout));
  });
}
