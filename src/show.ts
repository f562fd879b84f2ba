import { textOf } from './unknown.js';

// What controls a terminal, ends a line for some readers, is invisible, or changes the order in which text is read
// (https://trojansource.codes). Not U+200C and U+200D: names and emoji need them.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}](?<![\u200c\u200d])/gu;

/** Text from outside, safe for a terminal and one line of a log. Its escapes are JSON's (`\u001b`): JSON keeps its meaning. */
export function safeText(text: string): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(UNSAFE, (character) => character.split('').map(escape).join(''));
}

/** Text from outside, safe to show, and cut to a length; undefined if it is not text, or empty. */
export function shownText(value: unknown, length = Infinity): string | undefined {
  const text = textOf(value);
  const shown = text && safeText(text.trim());
  return shown && shown.length > length ? `${shown.slice(0, length - 1)}…` : shown;
}

/** "1 voicemail", "2 voicemails". */
export const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Local day and time of day. Without Intl: some builds of Node.js lack the locales for this form. */
export function localTime(when = new Date()) {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [when.getFullYear(), when.getMonth() + 1, when.getDate()].map(two).join('-');
  const time = [when.getHours(), when.getMinutes(), when.getSeconds()].map(two).join(':');
  return { day, time };
}

/** The local time of day, with the day before it if that is not today. */
export function shownTime(when = new Date()): string {
  const { day, time } = localTime(when);
  return day === localTime().day ? time : `${day} ${time}`;
}

/** A URL without user name and password, also if it is malformed. */
export function withoutPassword(url: string): string {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return url.replace(/^([a-z]+:\/\/)?.*@/i, '$1');
  return Object.assign(new URL(url), { username: '', password: '' }).href;
}

/** An ISO 8601 time in whole seconds, as `npm run catch-up` takes it. */
export const isoTime = (when: Date) => when.toISOString().replace(/\.\d+/, '');
