import { styleText } from 'node:util';
import type { LogFormat } from '../settings.js';
import { localTime, safeText } from '../show.js';
import type { WebhookEvent } from './event-log.js';
import { shownOrigin, summary } from './voicemail.js';

/** What is longer with indentation stays as it came: 8 KB nested 4,000 deep would become 16 MB. */
const MAX_INDENTED = 1024 * 1024;

/**
 * An event as stdout shows it: its JSON in one line, or for a person with `pretty` the payload, and then the summary with
 * the text of the voicemail, if there is one, under it. Only on a terminal, the summary is bold and the payload faint.
 */
export function eventText(event: WebhookEvent, format: LogFormat): string {
  if (format === 'json') return oneLine(event.json);
  const shown = [styleText('bold', summary(event), { stream: process.stdout })];
  if (event.text !== undefined) shown.push(wrap(event.text));
  if (format === 'pretty') shown.unshift(styleText('dim', laidOut(event.json), { stream: process.stdout }));
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

/**
 * What came of a voicemail after it was logged, as stdout shows it: a transcript for a person in lines under one that says
 * whose, a recording as its path; or else one line of JSON with the voicemail as it is then.
 */
export function laterText(
  event: WebhookEvent,
  more: { transcript: string } | { recording: string },
  format: LogFormat,
): string {
  if (format === 'json') return oneLine(JSON.stringify({ event: event.event, ...more, body: event.body }));
  if ('recording' in more) return `    ${safeText(more.recording)}`;
  return `${localTime().time}  Transcript of ${shownOrigin(event)}:\n${wrap(more.transcript)}`;
}

/** Text in lines that fit under a summary. */
function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}
