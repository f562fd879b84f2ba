import { types } from 'node:util';

/** An expected failure. The message is for a person: what happened, the likely cause, what to do next. */
export class Failure extends Error {}

/** What was thrown, as an error. */
export function errorOf(thrown: unknown): Error {
  return types.isNativeError(thrown) ? thrown : new Error(String(thrown));
}

/** The `code` of an error of Node.js, such as "ENOENT"; empty if it has none. */
export function codeOf(error: unknown): string {
  return types.isNativeError(error) && 'code' in error ? String(error.code) : '';
}

/** An unexpected error, with its stack, in one line. */
export function traceLine(thrown: unknown): string {
  const { stack, message } = errorOf(thrown);
  return (stack ?? message).replace(/\s*\n\s*/g, ' | ');
}
