import { Failure } from '../src/failure.js';
import { safeText, traceLine } from '../src/safe-text.js';
import { readEnvironment, secrets } from '../src/settings.js';

/** The command line is wrong: the message says how. */
export class UsageError extends Error {}

export interface Terminal {
  /** Reads the settings. Throws a Failure. */
  readSettings: () => Record<string, string | undefined>;
  /** Writes the result to stdout, as it is. */
  print: (text: string) => void;
  /** Tells a person something, on stderr: no secret and no control character of a message gets through. */
  say: (message: string) => void;
}

/**
 * Runs a script and sets the exit status: 2 with the usage where the command line is wrong, 1 where something else went
 * wrong, each with what to do next and without a stack trace where it was foreseen.
 */
export async function run(
  usage: string,
  options: string[],
  script: (terminal: Terminal) => Promise<void>,
): Promise<void> {
  let hidden: string[] = [];
  const hide = (text: string) => hidden.reduce((shown, secret) => shown.replaceAll(secret, '[secret]'), text);
  const say = (message: string) => {
    for (const line of hide(message).split('\n')) process.stderr.write(`${safeText(line)}\n`);
  };
  const readSettings = () => {
    const env = readEnvironment();
    hidden = secrets(env);
    return env;
  };
  process.stdout.on('error', (error) => {
    process.exitCode = 1;
    say(`stdout cannot be written: ${error.message}`);
  });
  try {
    const kept = options.find((name) => process.env[`npm_config_${name}`] !== undefined);
    if (kept) throw new UsageError(`npm kept --${kept} for itself: options go after a lone --`);
    await script({ readSettings, print: (text) => process.stdout.write(hide(text)), say });
  } catch (error) {
    process.exitCode = isUsageError(error) ? 2 : 1;
    if (isUsageError(error)) say(`${error.message}\n\n${usage}`);
    else say(error instanceof Failure ? error.message : `Unforeseen error: ${traceLine(error)}`);
  }
}

/** What parseArgs() throws is one as well. */
function isUsageError(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS_');
}
