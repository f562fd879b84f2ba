import { cutText, safeText, shownText, shownTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { WebhookEvent } from './event-log.js';

/** The longest name, number or place, in characters. */
const MAX_LENGTH = 100;

/**
 * An event in one line: local time, who called whom, how long, and its status. Fields that are not as documented are left
 * out. The text in the others is escaped: callers choose it.
 */
export function summary({ event, timestamp, body }: WebhookEvent): string {
  const message = fieldsOf(body);
  const time = shownArrival(message['creationTime'], timestamp);
  if (/\/subscription\/~\?/.test(event))
    return `${time}  Subscription reminder: it ends soon. Run \`npm run register\`.`;
  const isVoicemail = /^voicemail$/i.test(textOf(message['type']) ?? '') || event.endsWith('/voicemail');
  if (!isVoicemail) return `${time}  ${safeText(event)}`;
  const route = [`Voicemail from ${caller(message['from'])}`, itemsOf(message['to']).map(party).join('; ')];
  const priority = shownText(message['priority'])?.toLowerCase();
  const facts = [
    duration(message['attachments']),
    shownText(message['readStatus'])?.toLowerCase(),
    priority && priority !== 'normal' ? `${priority} priority` : undefined,
    transcription(shownText(message['vmTranscriptionStatus'])),
  ];
  return [time, route.filter(Boolean).join('  →  '), ...facts].filter((fact) => fact !== undefined).join('  ');
}

/** When a voicemail came, and from whom, in short: "14:03:22, Grace Hopper". */
export function shownOrigin({ body, timestamp }: WebhookEvent): string {
  const { creationTime, from } = fieldsOf(body);
  const { name, phoneNumber } = fieldsOf(from);
  const who = shownText(name) ?? shownText(phoneNumber) ?? 'a withheld number';
  return `${shownArrival(creationTime, timestamp)}, ${cutText(who, MAX_LENGTH)}`;
}

function caller(from: unknown): string {
  return typeof from === 'object' && from !== null ? party(from, 'a withheld number') : 'an unknown caller';
}

function party(who: unknown, withoutNumber: unknown): string {
  const { name, phoneNumber, extensionNumber, location } = fieldsOf(who);
  const extension = shownText(extensionNumber);
  const number = shownText(phoneNumber) ?? (extension ? `ext. ${extension}` : shownText(withoutNumber));
  const parts = [shownText(name), number, shownText(location)].filter((part) => part !== undefined);
  return parts.map((part) => cutText(part, MAX_LENGTH)).join(', ');
}

/** How long the recording is: "0:17", "1:35", "1:02:03". */
function duration(attachments: unknown): string | undefined {
  const recording = itemsOf(attachments)
    .map(fieldsOf)
    .find(({ type }) => type === 'AudioRecording');
  const seconds = recording?.['vmDuration'];
  if (typeof seconds !== 'number' || !(seconds >= 0)) return undefined;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** "transcription in progress" for InProgress; undefined if there will be none. */
function transcription(status = 'Unknown'): string | undefined {
  if (status === 'NotAvailable' || status === 'Unknown') return undefined;
  // As RingCentral's own client shows it.
  const shown = status === 'CompletedPartially' ? 'InProgress' : status;
  return `transcription ${shown.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()}`;
}

function shownArrival(creationTime: unknown, timestamp: unknown): string {
  const given = Date.parse(textOf(creationTime) ?? textOf(timestamp) ?? '');
  return shownTime(Number.isNaN(given) ? new Date() : new Date(given));
}
