import { styleText } from 'node:util';
import type { LogFormat } from '../settings.js';
import { safeText } from '../text.js';
import type { Notification } from './notification.js';
import { summary } from './voicemail.js';

/** What is longer with indentation stays as it came: 8 KB nested 4,000 deep would become 16 MB. */
const MAX_INDENTED = 1024 * 1024;

/**
 * An event as stdout shows it: its JSON in one line, or for a person its summary, then the transcript if there is one,
 * then with `pretty` the payload. Only on a terminal, the summary is bold and the payload faint.
 */
export function eventText(notification: Notification, format: LogFormat, transcript?: string): string {
  if (format === 'json') return oneLine(notification.json);
  const shown = [styleText('bold', summary(notification), { stream: process.stdout })];
  if (transcript !== undefined) shown.push(wrap(transcript));
  if (format === 'pretty') shown.push(styleText('dim', laidOut(notification.json), { stream: process.stdout }));
  return shown.join('\n');
}

/** JSON as it came, in one line. */
function oneLine(json: string): string {
  return safeText(json.replace(/[\t\n\r]+/g, ' '));
}

/** JSON laid out with two spaces a level; in one line if it would get too long. */
function laidOut(json: string): string {
  let depth = 0;
  let length = json.length;
  // Strings are stepped over: brackets in them say nothing.
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (token.length === 1) length += 1 + 2 * depth;
  }
  if (length > MAX_INDENTED) return oneLine(json);
  return JSON.stringify(JSON.parse(json), null, 2).split('\n').map(safeText).join('\n');
}

/** Text in lines that fit under a summary. */
function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}
