import { textOf } from './unknown.js';

// C0, DEL and C1 control a terminal; U+2028 and U+2029 end a line for some readers; the rest are invisible, or change the
// order in which text is read (https://trojansource.codes). Not U+200C and U+200D: names and emoji need them.
const UNSAFE =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40(?=[\udc00-\udc7f])|(?<=\udb40)[\udc00-\udc7f]/g;

/** Text from outside, safe for a terminal and one line of a log. Its escapes are JSON's (`\u001b`): JSON keeps its meaning. */
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

/** "1 voicemail", "2 voicemails", "2 mailboxes". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('x') ? 'es' : 's'}`;
}

/** Local day and time of day. Without Intl: some builds of Node.js lack the locales for this form. */
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

/** An ISO 8601 time in whole seconds, as `npm run catch-up` takes it. */
export function isoTime(when: Date): string {
  return when.toISOString().replace(/\.\d+/, '');
}
