import './node-version.js';
import { setMaxListeners } from 'node:events';
import { parseArgs, styleText, type ParseArgsConfig } from 'node:util';
import { codeOf, errorOf, Failure, traceLine } from './errors.js';
import { outputWriters, type WriteLine } from './log/write-line.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './pace.js';
import type { LogFormat } from './settings.js';
import { localTime, safeText } from './show.js';

/** How a line on stderr looks on a terminal. A faint one is there to look back at. */
const TONES = { faint: 'dim', warning: 'yellow', error: 'red' } as const;

/** Says something to a person, on stderr: each line of it safe for a terminal. */
export type Say = (message: string, tone?: keyof typeof TONES) => void;

/** What a program has of the world around it. */
export interface Terminal {
  say: Say;
  /** Writes a line of the result to stdout. Rejects with a Failure. */
  write: WriteLine;
  /** Shows how far long work is, on a terminal alone: the next line takes its place. */
  progress: (text: string) => void;
  /** Aborted when the program has to end: on a signal, or if stdout is lost. */
  signal: AbortSignal;
}

/** Where a program's results go, and in which form. */
export type Output = Pick<Terminal, 'write' | 'progress' | 'signal'> & { format: LogFormat };

/** The command line is wrong: the message says how. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

interface Program<O extends Options> {
  /** What starts it: "npm start", "npm run keep". */
  command: string;
  help: string;
  options: O;
  /** 'service' runs until a signal, and has the time before each line; 'script' ends by itself. */
  kind: 'service' | 'script';
}

/** How long the last lines may take, and a service that was told to end, in milliseconds. */
const FLUSH_MS = 500;
const END_MS = 4500;
const CLEAR_LINE = '\r\u001b[2K';

/**
 * Runs a program with what its command line says, and sets the exit status: 2 if the command line is wrong, 1 if
 * something else is, with what to do next, and without a stack trace if it is an expected failure.
 */
export async function runProgram<const O extends Options>(
  { command, help, options, kind }: Program<O>,
  main: (commandLine: Parsed<O>, terminal: Terminal) => Promise<void>,
): Promise<void> {
  const { writeOut, writeErr } = outputWriters();
  let before = '';
  const say: Say = (message, tone) => {
    for (const line of message.split('\n')) {
      const text = `${kind === 'service' ? `${localTime().time}  ` : ''}${safeText(line)}`;
      const styled = tone ? styleText(TONES[tone], text, { stream: process.stderr }) : text;
      // Without stderr there is nobody to say it to.
      void writeErr(`${before}${styled}`).catch(() => {});
    }
  };
  const write: WriteLine = (line) =>
    writeOut(process.stdout.isTTY ? `${before}${line}` : line).catch((error: unknown) => {
      throw new Failure(`stdout cannot be written: ${errorOf(error).message}`);
    });
  const progress = (text: string) => {
    if (!process.stderr.isTTY) return;
    before = CLEAR_LINE;
    // After the lines that wait for the end of this turn.
    setImmediate(() => process.stderr.write(`${CLEAR_LINE}${safeText(text)}`));
  };
  const end = new AbortController();
  // All that is under way listens to it, and more than ten at a time are no leak.
  setMaxListeners(0, end.signal);
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    if (kind === 'script' || end.signal.aborted) return;
    say(`stdout cannot be written any more (${error.message}): stopping, so that no event is lost unseen`, 'error');
    process.exitCode = 1;
    end.abort();
  });
  process.on('uncaughtException', (error) => {
    say(`Unexpected error, stopping: ${traceLine(error)}`, 'error');
    setTimeout(() => process.exit(1), FLUSH_MS / 5);
  });
  if (kind === 'service') endOnSignals(end, say);
  try {
    failIfKeptByNpm(options, command);
    const args = process.argv.slice(2);
    // pnpm hands a lone `--` on.
    if (args[0] === '--') args.shift();
    // parseArgs() would take a value such as `-1d` for an option: each program says better what is wrong with it.
    for (const [i, arg] of args.entries())
      if (options[arg.slice(2)]?.type === 'string' && i + 1 < args.length) args.splice(i, 2, `${arg}=${args[i + 1]}`);
    const commandLine = parseArgs({ args, options, allowPositionals: true });
    const values: Record<string, unknown> = commandLine.values;
    if (values['help']) await write(help);
    else await main(commandLine, { say, write, progress, signal: end.signal });
  } catch (error) {
    const { message } = errorOf(error);
    // What follows the first sentence of parseArgs() is advice for other programs.
    const isParsing = codeOf(error).startsWith('ERR_PARSE_ARGS_');
    const isUsage = isParsing || error instanceof UsageError;
    process.exitCode = isUsage ? 2 : 1;
    if (isUsage) say(`${isParsing ? message.split(/[.?]\s/)[0] : message}\nUsage: ${command} -- --help`, 'error');
    else say(error instanceof Failure ? message : `Unexpected error: ${traceLine(error)}`, 'error');
  }
  if (before) process.stderr.write(CLEAR_LINE);
  // A pipe that nobody reads may never take the last lines.
  setTimeout(() => process.exit(), FLUSH_MS).unref();
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

function endOnSignals(end: AbortController, say: Say): void {
  const stop = (why: string) => {
    say(`Stopping on ${why}`);
    end.abort();
    setTimeout(() => process.exit(), END_MS).unref();
  };
  for (const signal of SIGNALS)
    process.on(signal, () => {
      // A second signal does what it does by default: it ends the program at once.
      for (const each of SIGNALS) process.removeAllListeners(each);
      stop(signal);
    });
  // Node.js undoes nohup's ignoring of SIGHUP. It stays installed: a terminal that closes can hang up twice.
  process.on('SIGHUP', () => {
    if (!end.signal.aborted && (process.stdout.isTTY || process.stderr.isTTY)) stop('SIGHUP: the terminal was closed');
  });
}

/** Options of all programs, and names of settings that are taken for options. */
const KEPT_BY_NPM = 'list delete no-check transcripts recordings since every address port host log-format'.split(' ');

/** npm takes options before a lone `--` for its own, and PowerShell takes the `--` away (npm/cli#3136). */
function failIfKeptByNpm(options: Options, command: string): void {
  // Not a --json that is not an option here: an .npmrc may set it.
  const kept = [...new Set([...Object.keys(options), ...KEPT_BY_NPM])].filter((name) => {
    // `--no-check` comes as an empty `check`.
    const isNegated = name.startsWith('no-') && process.env[`npm_config_${name.slice(3)}`] === '';
    return isNegated || process.env[`npm_config_${name.replaceAll('-', '_')}`];
  });
  if (kept.length === 0) return;
  const names = kept.map((name) => `--${name}`).join(' and ');
  const program = command.endsWith('start') ? 'src/server' : `scripts/${command.split(' ').at(-1)}`;
  throw new UsageError(
    `npm kept ${names} for itself (or an .npmrc sets it), and nothing was done: \`node dist/${program}.js\` takes its options in every shell.`,
  );
}

/** Throws a UsageError if there is something on the command line that is no option. */
export function failOnWords([first]: string[]): void {
  if (first !== undefined) throw new UsageError(`Unexpected ${JSON.stringify(first)}`);
}

const UNIT_MS: Record<string, number> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** A duration from the command line, such as 90m or 24h, in milliseconds; NaN if it is none. */
export function readDuration(given: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? NaN);
}
