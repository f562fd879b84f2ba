import { styleText } from 'node:util';
import type { LogFormat } from '../settings.js';
import { localTime, safeText } from '../show.js';
import type { WebhookEvent } from './event-log.js';
import { shownOrigin, summary } from './voicemail.js';

/** JSON that would get longer is not indented: 8 KB nested 4,000 deep would become 16 MB. */
const MAX_INDENTED = 1024 * 1024;

/** An event as stdout shows it: its JSON in one line, or its summary and text, below the payload if `pretty`. */
export function eventText(event: WebhookEvent, format: LogFormat): string {
  if (format === 'json') return oneLine(event.json);
  const shown = [styleText('bold', summary(event), { stream: process.stdout })];
  if (event.text !== undefined) shown.push(wrap(event.text));
  if (format === 'pretty') shown.unshift(styleText('dim', indented(event.json), { stream: process.stdout }));
  return shown.join('\n');
}

function oneLine(json: string): string {
  return safeText(json.replace(/[\t\n\r]+/g, ' '));
}

function indented(json: string): string {
  let depth = 0;
  let length = json.length;
  // Brackets in strings do not count.
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (token.length === 1) length += 1 + 2 * depth;
  }
  if (length > MAX_INDENTED) return oneLine(json);
  return JSON.stringify(JSON.parse(json), null, 2).split('\n').map(safeText).join('\n');
}

type Later = { transcript: string } | { recording: string };

/** A transcript or a recording that came after its voicemail was logged, as stdout shows it. */
export function laterText(event: WebhookEvent, more: Later, format: LogFormat): string {
  if (format === 'json') return oneLine(JSON.stringify({ event: event.event, ...more, body: event.body }));
  if ('recording' in more) return `    ${safeText(more.recording)}`;
  return `${localTime().time}  Transcript of ${shownOrigin(event)}:\n${wrap(more.transcript)}`;
}

function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}
