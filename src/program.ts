import './node-version.js';
import { setMaxListeners } from 'node:events';
import { parseArgs, styleText, type ParseArgsConfig } from 'node:util';
import { codeOf, errorOf, Failure, traceLine } from './errors.js';
import { outputWriters, type WriteLine } from './log/write-line.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './pace.js';
import type { LogFormat } from './settings.js';
import { localTime, safeText } from './show.js';

/** How lines look on a terminal: faint ones are only there to look back at. */
const TONES = { faint: 'dim', warning: 'yellow', error: 'red' } as const;

/** Says something to a person: prints it to stderr, with unsafe text escaped. */
export type Say = (message: string, tone?: keyof typeof TONES) => void;

/** What a program says and writes with, and when it has to end. */
export interface Terminal {
  say: Say;
  /** Writes a line to stdout. Rejects with a Failure. */
  write: WriteLine;
  /** Shows how far long work is, on a terminal only. The next line replaces it. */
  progress: (text: string) => void;
  /** Aborted when the program has to end: on a signal, or if stdout is closed. */
  signal: AbortSignal;
}

/** Where results are written, and how they look. */
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
  /** 'service' runs until a signal, and says each line with the time; 'script' ends by itself. */
  kind: 'service' | 'script';
}

/** How long the last lines may take, in milliseconds. */
const FLUSH_MS = 500;
/** How long a service may take to stop, in milliseconds. */
const END_MS = 4500;
const CLEAR_LINE = '\r\u001b[2K';

/** Runs a program with its command line. Sets the exit status: 2 if the command line is wrong, 1 after any other error. */
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
      // If stderr is closed, there is nobody to say it to.
      void writeErr(`${before}${styled}`).catch(() => {});
    }
  };
  const write: WriteLine = (line) =>
    writeOut(process.stdout.isTTY ? `${before}${line}` : line).catch((error: unknown) => {
      throw new Failure(`stdout cannot be written: ${errorOf(error).message}`);
    });
  const progress = (text: string) => {
    if (!process.stderr.isTTY || !process.stdout.isTTY) return;
    before = CLEAR_LINE;
    // After the lines that wait for the end of this turn.
    setImmediate(() => process.stderr.write(`${CLEAR_LINE}${safeText(text)}`));
  };
  const end = new AbortController();
  // Every request under way listens to it: more than ten are no leak.
  setMaxListeners(0, end.signal);
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    if (kind === 'script' || end.signal.aborted) return;
    say(`stdout cannot be written any more (${error.message}): stopping, or events would be lost`, 'error');
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
    // pnpm passes a lone `--` on.
    if (args[0] === '--') args.shift();
    // parseArgs() would take a value such as `-1d` for an option. The programs say better what is wrong with it.
    for (const [i, arg] of args.entries())
      if (options[arg.slice(2)]?.type === 'string' && i + 1 < args.length) args.splice(i, 2, `${arg}=${args[i + 1]}`);
    const commandLine = parseArgs({ args, options, allowPositionals: true });
    const values: Record<string, unknown> = commandLine.values;
    if (values['help']) await write(help);
    else await main(commandLine, { say, write, progress, signal: end.signal });
  } catch (error) {
    const { message } = errorOf(error);
    // After its first sentence, parseArgs() gives advice that does not fit here.
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
      // A second signal then ends the program at once, as it does by default.
      for (const each of SIGNALS) process.removeAllListeners(each);
      stop(signal);
    });
  // Node.js undoes `nohup`, so SIGHUP is ignored here. Not once(): a terminal that closes can send it twice.
  process.on('SIGHUP', () => {
    if (!end.signal.aborted && (process.stdout.isTTY || process.stderr.isTTY)) stop('SIGHUP: the terminal was closed');
  });
}

/** Options of all programs, and settings that people take for options. */
const KEPT_BY_NPM = 'list delete no-check transcripts recordings since every address port host log-format'.split(' ');

/** npm keeps options that are not behind a lone `--`, which PowerShell removes (npm/cli#3136). */
function failIfKeptByNpm(options: Options, command: string): void {
  // --json only if it is an option here: an .npmrc may set it.
  const kept = [...new Set([...Object.keys(options), ...KEPT_BY_NPM])].filter((name) => {
    // `--no-check` comes as an empty `check`.
    const isNegated = name.startsWith('no-') && process.env[`npm_config_${name.slice(3)}`] === '';
    return isNegated || process.env[`npm_config_${name.replaceAll('-', '_')}`];
  });
  if (kept.length === 0) return;
  const names = kept.map((name) => `--${name}`).join(' and ');
  const program = command.endsWith('start') ? 'src/server' : `scripts/${command.split(' ').at(-1)}`;
  throw new UsageError(
    `npm kept ${names} for itself (or an .npmrc sets it), so nothing was done. Use \`node dist/${program}.js\` with the same options.`,
  );
}

/** Throws a UsageError if there is an argument that is not an option. */
export function failOnArguments([first]: string[]): void {
  if (first !== undefined) throw new UsageError(`Unexpected argument ${JSON.stringify(first)}`);
}

const UNIT_MS: Record<string, number> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** A duration from the command line, such as 90m or 24h, in milliseconds; NaN if it is none. */
export function readDuration(given: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? NaN);
}
