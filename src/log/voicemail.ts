import { safeText, shownText, shownTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { WebhookEvent } from './event-log.js';

/**
 * An event in one line for a person: local time, who called whom, how long, and how it stands.
 *
 * Every field of a voicemail can be missing, and callers choose the text in it: what is not as documented is left out,
 * and the rest made safe for a terminal.
 */
export function summary({ event, timestamp, body }: WebhookEvent): string {
  const message = fieldsOf(body);
  const time = shownTime(arrival(textOf(message['creationTime']) ?? textOf(timestamp)));
  if (/\/subscription\/~\?/.test(event))
    return `${time}  Subscription reminder: RingCentral will end it soon. Run \`npm run register\`.`;
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
  return `${shownTime(arrival(textOf(creationTime) ?? textOf(timestamp)))}, ${who}`;
}

function caller(from: unknown): string {
  return typeof from === 'object' && from !== null ? party(from, 'a withheld number') : 'an unknown caller';
}

function party(who: unknown, withoutNumber: unknown): string {
  const { name, phoneNumber, extensionNumber, location } = fieldsOf(who);
  const extension = shownText(extensionNumber);
  const number = shownText(phoneNumber) ?? (extension ? `ext. ${extension}` : shownText(withoutNumber));
  return [shownText(name), number, shownText(location)].filter((part) => part !== undefined).join(', ');
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

/** "transcription in progress" for InProgress; nothing if there will be none. */
function transcription(status: string | undefined): string | undefined {
  if (!status || status === 'NotAvailable' || status === 'Unknown') return undefined;
  // As RingCentral's own client shows it.
  if (status === 'CompletedPartially') return 'transcription in progress';
  return `transcription ${status.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()}`;
}

/** When it came; now if it does not say. */
function arrival(timestamp: string | undefined): Date {
  const given = new Date(timestamp ?? NaN);
  return Number.isNaN(given.getTime()) ? new Date() : given;
}
