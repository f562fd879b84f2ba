import { basename } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { lineWriter, type WriteLine } from '../src/receiver/write-line.js';
import { Session } from '../src/ringcentral/session.js';
import type { RingCentralSettings } from '../src/settings.js';
import { Failure, plural, safeText, traceLine, usageProblem, withoutPassword } from '../src/text.js';

/** The command line is wrong: the message says how. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

export interface Terminal {
  /** Writes a line of the result to stdout. */
  print: WriteLine;
  /** Tells a person something, on stderr: no control character of a message gets through. */
  say: (message: string) => void;
}

/**
 * Runs a script with what its command line says, and sets the exit status: 2 with the usage if the command line is wrong,
 * 1 if something else is, with what to do next, and without a stack trace if it was foreseen. `prefix` stands before
 * each line on stderr.
 */
export async function runScript<const O extends Options>(
  usage: string,
  options: O,
  script: (commandLine: Parsed<O>, terminal: Terminal) => Promise<void>,
  prefix: () => string = () => '',
): Promise<void> {
  const say = (message: string) => {
    for (const line of message.split('\n')) process.stderr.write(`${prefix()}${safeText(line)}\n`);
  };
  // Each write tells how it went; without stderr there is nobody to tell.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const write = lineWriter(process.stdout);
  const print = (line: string) =>
    write(line).catch((error: Error) => {
      throw new Failure(`stdout cannot be written: ${error.message}`);
    });
  try {
    failIfKeptByNpm(options);
    const commandLine = parseArgs({ options, allowPositionals: true });
    const values: Record<string, unknown> = commandLine.values;
    if (values['help']) await print(usage);
    else await script(commandLine, { print, say });
  } catch (error) {
    const problem = error instanceof UsageError ? error.message : usageProblem(error);
    process.exitCode = problem === undefined ? 1 : 2;
    if (problem !== undefined) say(`${problem}\n\n${usage}`);
    else say(error instanceof Failure ? error.message : `Unforeseen error: ${traceLine(error)}`);
  }
}

/** Logs in, does the work, and gives the session back at the end. Throws a Failure. */
export async function withSession(
  settings: RingCentralSettings,
  { say }: Terminal,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const session = await Session.logIn(settings, { say });
  await work(session).finally(() => session.logOut());
}

/** The options of all programs that npm does not know. */
const KEPT_BY_NPM = ['list', 'delete', 'no-check', 'transcripts', 'since', 'every', 'address'];

/** npm takes options before a lone `--` for its own, and PowerShell takes the `--` away (npm/cli#3136). */
function failIfKeptByNpm(options: Options): void {
  const rest = process.argv.slice(2);
  const words: string[] = [];
  // Also those of the other programs. Not a --json that is not an option here: an .npmrc may set it.
  for (const name of new Set([...Object.keys(options), ...KEPT_BY_NPM])) {
    const value = process.env[`npm_config_${name.replaceAll('-', '_')}`];
    // `--no-check` comes as an empty `check`.
    const isNegated = name.startsWith('no-') && process.env[`npm_config_${name.slice(3)}`] === '';
    if (value || isNegated) words.push(`--${name}`);
    if (value && options[name]?.type === 'string') words.push(value === 'true' ? (rest.shift() ?? '…') : value);
  }
  if (words.length === 0) return;
  const names = words.filter((word) => word.startsWith('--')).join(' and ');
  const command = [
    'node',
    `dist/scripts/${basename(process.argv[1] ?? '')}`,
    ...[...words, ...rest].map(withoutPassword),
  ].join(' ');
  throw new UsageError(
    `npm kept ${names} for itself, or an .npmrc sets it: nothing was done. This works in every shell:\n${command}`,
  );
}

/** Throws a UsageError if there is something on the command line that is no option. */
export function failIfSurplus([first]: string[]): void {
  if (first !== undefined) throw new UsageError(`Unexpected ${JSON.stringify(first)}`);
}

/** When a subscription expires: "2046-11-20 (in 20 years)", or "unknown". */
export function shownExpiry({ expirationTime = '' }: { expirationTime?: string | undefined }): string {
  const days = (Date.parse(expirationTime) - Date.now()) / 86_400_000;
  if (Number.isNaN(days)) return 'unknown';
  if (days < 0) return `${expirationTime.slice(0, 10)} (expired)`;
  const years = days / 365.25;
  return `${expirationTime.slice(0, 10)} (in ${years < 2 ? plural(Math.round(days), 'day') : `${Math.round(years)} years`})`;
}

/** An ISO 8601 time in whole seconds, as `npm run catch-up` takes it. */
export function isoTime(when: Date): string {
  return when.toISOString().replace(/\.\d+/, '');
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration from the command line, such as 90m or 24h, in milliseconds; NaN if it is none. */
export function readDuration(given: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? NaN);
}
