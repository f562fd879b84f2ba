import { styleText } from 'node:util';
import type { LogFormat } from '../settings.js';
import { localTime, safeText, shownText, shownTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { WebhookEvent } from './event-log.js';

/** JSON with more levels is not indented: 100 KB nested 4,000 deep would become 280 MB. RingCentral's has five. */
const MAX_LEVELS = 10;
/** The longest name, number or place, in characters. */
const MAX_LENGTH = 100;

/** An event as stdout shows it: its JSON in one line, or its summary and text, below the payload if `pretty`. */
export function eventText(event: WebhookEvent, format: LogFormat): string {
  if (format === 'json') return oneLine(event.json);
  const shown = [styleText('bold', summary(event), { stream: process.stdout })];
  if (event.text !== undefined) shown.push(wrap(event.text));
  if (format === 'pretty') shown.unshift(styleText('dim', indented(event.json), { stream: process.stdout }));
  return shown.join('\n');
}

type Later = { transcript: string } | { recording: string };

/** A transcript or a recording that came after its voicemail was logged, as stdout shows it. */
export function laterText(event: WebhookEvent, more: Later, format: LogFormat): string {
  if (format === 'json') return oneLine(JSON.stringify({ event: event.event, ...more, body: event.body }));
  if ('recording' in more) return `    ${safeText(more.recording)}`;
  const { name, phoneNumber } = fieldsOf(fieldsOf(event.body)['from']);
  const who = shownText(name, MAX_LENGTH) ?? shownText(phoneNumber, MAX_LENGTH) ?? 'a withheld number';
  return `${localTime().time}  Transcript of ${shownArrival(event)}, ${who}:\n${wrap(more.transcript)}`;
}

const oneLine = (json: string) => safeText(json.replace(/[\t\n\r]+/g, ' '));

function indented(json: string): string {
  const payload: unknown = JSON.parse(json);
  if (isDeeper(payload, MAX_LEVELS)) return oneLine(json);
  return JSON.stringify(payload, null, 2).split('\n').map(safeText).join('\n');
}

const isDeeper = (value: unknown, levels: number): boolean =>
  levels === 0 || Object.values(fieldsOf(value)).some((each) => isDeeper(each, levels - 1));

function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}

/** An event in one line: local time, who called whom, how long, and its status. What is not as documented is left out. */
export function summary(event: WebhookEvent): string {
  const { type, from, to, attachments, readStatus, priority, vmTranscriptionStatus } = fieldsOf(event.body);
  const time = shownArrival(event);
  if (event.event.includes('/subscription/~?'))
    return `${time}  Subscription reminder: it ends soon. Run \`npm run register\`.`;
  const isVoicemail = event.event.endsWith('/voicemail') || /^voicemail$/i.test(textOf(type) ?? '');
  if (!isVoicemail) return `${time}  ${safeText(event.event)}`;
  const caller = party(from, typeof from === 'object' && from ? 'a withheld number' : 'an unknown caller');
  const recipients = itemsOf(to).map((each) => party(each, ''));
  const urgency = shownText(priority)?.toLowerCase() ?? 'normal';
  const facts = [
    [`Voicemail from ${caller}`, recipients.join('; ')].filter(Boolean).join('  →  '),
    duration(attachments),
    shownText(readStatus)?.toLowerCase(),
    urgency === 'normal' ? '' : `${urgency} priority`,
    transcription(shownText(vmTranscriptionStatus)),
  ];
  return [time, ...facts].filter(Boolean).join('  ');
}

function shownArrival({ body, timestamp }: WebhookEvent): string {
  const given = Date.parse(textOf(fieldsOf(body)['creationTime']) ?? textOf(timestamp) ?? '');
  return shownTime(Number.isNaN(given) ? new Date() : new Date(given));
}

function party(who: unknown, withoutNumber: string): string {
  const shown = (field: string) => shownText(fieldsOf(who)[field], MAX_LENGTH);
  const extension = shown('extensionNumber');
  const number = shown('phoneNumber') ?? (extension ? `ext. ${extension}` : withoutNumber);
  return [shown('name'), number, shown('location')].filter(Boolean).join(', ');
}

/** How long the recording is: "0:17", "1:35", "1:02:03". */
function duration(attachments: unknown): string | undefined {
  const all = itemsOf(attachments).map(fieldsOf);
  const seconds = all.find(({ type }) => type === 'AudioRecording')?.['vmDuration'];
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds < 86_400)) return undefined;
  return new Date(1000 * seconds)
    .toISOString()
    .slice(11, 19)
    .replace(/^(00:)?0?/, '');
}

/** "transcription in progress" for InProgress; undefined if there will be none. */
function transcription(status = 'Unknown'): string | undefined {
  // RingCentral's own client shows CompletedPartially as in progress.
  const shown = status
    .replace('CompletedPartially', 'InProgress')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase();
  return shown === 'not available' || shown === 'unknown' ? undefined : `transcription ${shown}`;
}
