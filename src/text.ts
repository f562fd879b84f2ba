/** Something foreseen went wrong. The message is for a person: what happened, the likely cause, what to do next. */
export class Failure extends Error {}

// C0, DEL and C1 move a terminal's cursor or colour it; U+2028 and U+2029 end a line for some readers; the rest change
// the order in which text is read (https://trojansource.codes).
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes text from outside safe for a terminal and for one line of a log.
 *
 * Unsafe characters become JSON escapes (`\u001b`). They can only stand inside a JSON string, so JSON stays the same JSON.
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Text from outside, safe to show; undefined if it is not text, or empty. */
export function shownText(value: unknown): string | undefined {
  const found = textOf(value);
  return found && safeText(found.trim());
}

/** Cuts text to a length, and shows that it did. */
export function cutText(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** The fields of something from outside; none if it is not an object. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The items of something from outside; none if it is not a list. */
export function itemsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text of something from outside; undefined if it is not text, or empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** The same of what may be a number, too, such as an id. */
export function textOrNumberOf(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : textOf(value);
}

/** The `code` of an error of Node.js, such as "ENOENT"; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** An error that nobody foresaw, with its stack, in one line. */
export function traceLine(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).replace(/\s*\n\s*/g, ' | ') : String(error);
}

/** "1 voicemail", "2 voicemails". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Local day and time of day. By hand: the locales that write it so are missing in some builds of Node.js. */
export function localTime(when = new Date()): { day: string; time: string } {
  const two = (part: number) => String(part).padStart(2, '0');
  return {
    day: `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`,
    time: `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`,
  };
}

/** The local time of day, with the day before it if that is not today. */
export function shownTime(when: Date): string {
  const { day, time } = localTime(when);
  return day === localTime().day ? time : `${day} ${time}`;
}

/** A URL without user name and password, also if it is malformed. */
export function withoutPassword(url: string): string {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return url.replace(/^([a-z]+:\/\/)?.*@/i, '$1');
  return Object.assign(new URL(url), { username: '', password: '' }).href;
}

/** What parseArgs() has against a command line, in a sentence; undefined for any other error. */
export function usageProblem(error: unknown): string | undefined {
  if (!(error instanceof Error) || !codeOf(error).startsWith('ERR_PARSE_ARGS_')) return undefined;
  return error.message.split(/[.?]\s/)[0];
}
