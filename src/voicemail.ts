import type { Notification } from './event-log.js';
import { fields, list, text } from './fields.js';
import { safeText, shown } from './safe-text.js';

/**
 * An event in one line for a person: local time, who called whom, how long, and how it stands.
 *
 * Every field of a voicemail can be missing, and all text in it is the caller's choice: what is not as documented is
 * passed over, and the rest made safe for a terminal.
 */
export function summary({ event, timestamp, body }: Notification): string {
  const message = fields(body);
  const time = localTime(text(message['creationTime']) ?? text(timestamp));
  if (message['type'] !== 'VoiceMail' && !event.endsWith('/voicemail')) return `${time}  ${safeText(event)}`;
  const recipients = list(message['to']).map((to) => party(fields(to)));
  const route = [`Voicemail from ${party(fields(message['from']), 'a withheld number')}`, recipients.join('; ')];
  const priority = shown(message['priority']);
  const transcription = shown(message['vmTranscriptionStatus']);
  const facts = [
    duration(message['attachments']),
    shown(message['readStatus'])?.toLowerCase(),
    priority === 'Normal' ? undefined : priority && `${priority.toLowerCase()} priority`,
    transcription === 'NotAvailable' ? undefined : transcription && `transcription ${transcription}`,
  ];
  return [time, route.filter(Boolean).join('  →  '), ...facts].filter((fact) => fact !== undefined).join('  ');
}

function party(who: Record<string, unknown>, withoutNumber?: string): string {
  const extension = shown(who['extensionNumber']);
  const number = shown(who['phoneNumber']) ?? (extension && `ext. ${extension}`) ?? withoutNumber;
  return [shown(who['name']), number, shown(who['location'])].filter((part) => part !== undefined).join(', ');
}

function duration(attachments: unknown): string | undefined {
  const recording = list(attachments)
    .map(fields)
    .find((attachment) => attachment['type'] === 'AudioRecording');
  const seconds = recording?.['vmDuration'];
  return typeof seconds === 'number' ? `${seconds} s` : undefined;
}

/** The time, with the date before it where that is not today. */
function localTime(timestamp: string | undefined): string {
  const now = new Date();
  const given = new Date(timestamp ?? now);
  const when = Number.isNaN(given.getTime()) ? now : given;
  const [day, time] = [when.toLocaleDateString('sv'), when.toLocaleTimeString('sv')];
  return day === now.toLocaleDateString('sv') ? time : `${day} ${time}`;
}
