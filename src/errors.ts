import { types } from 'node:util';

/** An expected failure. The message is for a person: what happened, the likely cause, what to do next. */
export class Failure extends Error {}

/** What was thrown, as an error, with the `code` that errors of Node.js have, such as "ENOENT". */
export function errorOf(thrown: unknown): NodeJS.ErrnoException {
  return types.isNativeError(thrown) ? thrown : new Error(String(thrown));
}

/** An unexpected error, with its stack, in one line. */
export function traceLine(thrown: unknown): string {
  const { stack, message } = errorOf(thrown);
  return (stack ?? message).replace(/\s*\n\s*/g, ' | ');
}

/** The message of a Failure. Throws anything else. */
export function messageOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  throw error;
}
