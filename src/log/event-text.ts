import { styleText } from 'node:util';
import type { LogFormat } from '../settings.js';
import { safeText, shownText, shownTime } from '../show.js';
import { fieldsOf, itemsOf, textOf } from '../unknown.js';
import type { WebhookEvent } from './event-log.js';

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
  const [caller] = party(fieldsOf(event.body)['from'], 'a withheld number');
  return `${shownTime()}  Transcript of ${shownArrival(event)}, ${caller}:\n${wrap(more.transcript)}`;
}

const oneLine = (json: string) => safeText(json.replace(/[\t\n\r]+/g, ' '));

function indented(json: string): string {
  const payload: unknown = JSON.parse(json);
  // 100 KB nested 4,000 deep would become 280 MB. RingCentral's JSON has five levels.
  if (isDeeper(payload, 10)) return oneLine(json);
  return JSON.stringify(payload, null, 2).split('\n').map(safeText).join('\n');
}

const isDeeper = (value: unknown, levels: number): boolean =>
  levels === 0 || Object.values(fieldsOf(value)).some((each) => isDeeper(each, levels - 1));

function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  // Whole words up to 76 characters; a longer word is cut.
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}

/** An event in one line: local time, who called whom, how long, and its status. What is not as documented is left out. */
export function summary(event: WebhookEvent): string {
  const { from, to, attachments, readStatus, priority, vmTranscriptionStatus } = fieldsOf(event.body);
  const time = shownArrival(event);
  if (event.event.includes('/subscription/~?')) return `${time}  Subscription ends soon: run \`npm run register\`.`;
  if (!event.event.endsWith('/voicemail')) return `${time}  ${safeText(event.event)}`;
  const isCallerGiven = typeof from === 'object' && from !== null;
  const caller = party(from, isCallerGiven ? 'a withheld number' : 'an unknown caller').join(', ');
  const recipients = itemsOf(to).map((each) => party(each).join(', '));
  const urgency = words(priority) ?? 'normal';
  const transcription = words(vmTranscriptionStatus) ?? 'unknown';
  const facts = [
    [`Voicemail from ${caller}`, recipients.join('; ')].filter(Boolean).join('  →  '),
    duration(attachments),
    words(readStatus),
    urgency === 'normal' ? '' : `${urgency} priority`,
    ['not available', 'unknown'].includes(transcription) ? '' : `transcription ${transcription}`,
  ];
  return [time, ...facts].filter(Boolean).join('  ');
}

function shownArrival({ body }: WebhookEvent): string {
  const given = Date.parse(textOf(fieldsOf(body)['creationTime']) ?? '');
  return shownTime(Number.isNaN(given) ? undefined : new Date(given));
}

/** Name, number and place of a caller or a recipient, as far as they are known. */
function party(who: unknown, withoutNumber = ''): string[] {
  const shown = (field: string) => shownText(fieldsOf(who)[field], MAX_LENGTH);
  const extension = shown('extensionNumber');
  const number = shown('phoneNumber') ?? (extension ? `ext. ${extension}` : withoutNumber);
  return [shown('name') ?? '', number, shown('location') ?? ''].filter(Boolean);
}

const WORD_ENDS = /(?<=[a-z])(?=[A-Z])/g;
/** "in progress" for InProgress. */
const words = (value: unknown) => shownText(value, MAX_LENGTH)?.replace(WORD_ENDS, ' ').toLowerCase();

/** How long the recording is: "0:17", "1:35", "1:02:03". */
function duration(attachments: unknown): string | undefined {
  const all = itemsOf(attachments).map(fieldsOf);
  const seconds = all.find(({ type }) => type === 'AudioRecording')?.['vmDuration'];
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds < 86_400)) return undefined;
  const time = new Date(1000 * seconds).toISOString().slice(11, 19);
  return time.replace(/^(00:)?0?/, '');
}
