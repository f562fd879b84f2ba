import { text } from './fields.js';

// C0, DEL and C1 move a terminal's cursor or colour it; U+2028 and U+2029 end a line for some readers; the rest reorder
// what is read (https://trojansource.codes): implicit and explicit bidirectional marks, embeddings, overrides, isolates.
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes text from outside safe for a terminal and for one line of a log.
 *
 * What is unsafe comes out as a JSON escape (`\u001b`), so JSON stays the same JSON: only inside a string could it stand.
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Text from outside as it may be shown: undefined where it is not text, or empty. */
export function shown(value: unknown): string | undefined {
  const found = text(value);
  return found && safeText(found.trim());
}

/** An error that nobody foresaw, with its stack, in one line. */
export function traceLine(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).replace(/\s*\n\s*/g, ' | ') : String(error);
}
