import { engines } from '../package.json';
import { setMaxListeners } from 'node:events';
import { parseArgs, styleText, type ParseArgsConfig } from 'node:util';
import { errorOf, Failure, traceLine } from './errors.js';
import { outputWriters, type WriteLine } from './log/write-line.js';
import type { LogFormat } from './settings.js';
import { localTime, safeText } from './show.js';

// Programs load this file before any package: an older Node.js would only fail later, at work.
const needed = engines.node.replace('>=', '');
if (process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0) {
  console.error(`Node.js ${needed} or later is needed, and this is ${process.versions.node}: see https://nodejs.org`);
  process.exit(1);
}

const TONES = { faint: 'dim', warning: 'yellow', error: 'red' } as const;
/** Says something to a person: prints it to stderr, with unsafe text escaped. `faint` is only there to look back at. */
export type Say = (message: string, tone?: keyof typeof TONES) => void;
export type Terminal = ReturnType<typeof openTerminal>;
/** Where results are written, and how they look. */
export type Output = Pick<Terminal, 'write' | 'progress' | 'signal'> & { format: LogFormat };

/** The command line is wrong: the message says how. */
export class UsageError extends Failure {}

/** A service runs until a signal, and says each line with the time; a script ends by itself. */
type Kind = 'service' | 'script';
type Options = NonNullable<ParseArgsConfig['options']>;
type Program<O> = { command: string; help: string; options: O; kind: Kind; allowPositionals?: boolean };

/** Runs a program's `main`. Sets the exit status: 2 if the command line is wrong, 1 after any other error. */
export async function runProgram<const O extends Options>(
  { command, help, options, kind, allowPositionals = kind === 'service' }: Program<O>,
  main: (commandLine: ReturnType<typeof readCommandLine<O>>, terminal: Terminal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  // Every request under way listens to it: more than ten are no leak.
  setMaxListeners(0, end.signal);
  const terminal = openTerminal(kind, end.signal);
  const { say, write } = terminal;
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    if (kind === 'script' || end.signal.aborted) return;
    say(`stdout cannot be written any more (${error.message}): stopping, or events would be lost`, 'error');
    process.exitCode = 1;
    end.abort();
  });
  process.on('uncaughtException', (error) => {
    say(`Unexpected error, stopping: ${traceLine(error)}`, 'error');
    setTimeout(() => process.exit(1), 100);
  });
  if (kind === 'service') endOnSignals(end, say);
  try {
    const usage = `Usage: ${command}${Object.keys(options).length > 0 ? ' [-- OPTIONS]' : ''}`;
    if (process.argv.includes('--help')) return await write(`${usage}\n\n${help}`);
    const commandLine = readCommandLine(options, allowPositionals);
    const words = commandLine.positionals.join(' ');
    // Process managers, such as pm2-runtime, leave words of their own there.
    if (words && kind === 'service') say(`Ignored, not an option: ${words}`, 'warning');
    await main(commandLine, terminal);
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1;
    say(error instanceof Failure ? error.message : `Unexpected error: ${traceLine(error)}`, 'error');
    if (error instanceof UsageError) say(`Usage: ${command} -- --help`, 'error');
  } finally {
    // A pipe that nobody reads may never take the last lines.
    setTimeout(() => process.exit(), 500).unref();
  }
}

function openTerminal(kind: Kind, signal: AbortSignal) {
  const { writeOut, writeErr } = outputWriters();
  /** What erases the line that shows progress; empty as long as there was none. */
  let clear = '';
  process.on('exit', () => clear && process.stderr.write(clear));
  const say: Say = (message, tone) => {
    const time = kind === 'service' ? `${localTime().time}  ` : '';
    for (const line of message.split('\n')) {
      const text = `${time}${safeText(line)}`;
      const styled = tone ? styleText(TONES[tone], text, { stream: process.stderr }) : text;
      // If stderr is closed, there is nobody to say it to.
      writeErr(`${clear}${styled}`).catch(() => {});
    }
  };
  /** Writes a line to stdout. Rejects with a Failure. */
  const write: WriteLine = (line) =>
    writeOut(`${clear}${line}`).catch((error: unknown) => {
      throw new Failure(`stdout cannot be written: ${errorOf(error).message}`);
    });
  /** Shows how far long work is, on a terminal only. The next line replaces it. */
  const progress = (text: string) => {
    if (!process.stderr.isTTY || !process.stdout.isTTY) return;
    clear = '\r\u001b[2K';
    // After the lines that wait for the end of this turn.
    setImmediate(() => process.stderr.write(`${clear}${safeText(text)}`));
  };
  return { say, write, progress, signal };
}

function endOnSignals(end: AbortController, say: Say): void {
  const stop = (signal: string) => {
    const isHangUp = signal === 'SIGHUP';
    // Node.js undoes `nohup`, so a hang-up is ignored here. A terminal that closes can send it twice.
    if (isHangUp && (end.signal.aborted || !(process.stdout.isTTY || process.stderr.isTTY))) return;
    say(`Stopping on ${signal}${isHangUp ? ': the terminal was closed' : ''}`);
    end.abort();
    // Another signal then ends the program at once, as it does by default.
    process.off('SIGTERM', stop).off('SIGINT', stop);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', stop);
}

function readCommandLine<O extends Options>(options: O, allowPositionals: boolean) {
  // npm keeps options that are not behind a lone `--`, which PowerShell removes (npm/cli#3136): `--no-check` as `check`.
  const names = [...Object.keys(options), 'port', 'host', 'log-format'];
  const kept = names.filter((name) => `npm_config_${name.replace(/^no-/, '').replaceAll('-', '_')}` in process.env);
  const isOption = kept.every((name) => name in options);
  const cure = isOption ? `use \`node "${process.argv[1]}"\` with the same options` : 'set it in .env';
  if (kept.length > 0)
    throw new UsageError(`npm kept --${kept.join(' and --')} for itself (or an .npmrc sets it): ${cure}.`);
  // pnpm passes a lone `--` on.
  const args = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  // parseArgs() would take a value such as `-1d` for an option. The programs say better what is wrong with it.
  for (const [i, arg] of args.entries())
    if (options[arg.slice(2)]?.type === 'string' && i + 1 < args.length) args.splice(i, 2, `${arg}=${args[i + 1]}`);
  try {
    return parseArgs({ args, options, allowPositionals });
  } catch (error) {
    // After its first sentence, parseArgs() gives advice that does not fit here.
    throw new UsageError(errorOf(error).message.split(/[.?]\s/)[0]);
  }
}
