import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'dotenv';
import { codeOf, Failure } from './errors.js';

export type Environment = Record<string, string | undefined>;

/** The environment, and what `.env` in the current folder adds. Throws a Failure if that cannot be read as it is meant. */
export function readEnvironment(): Environment {
  return { ...readFile(), ...readVariables() };
}

/** Those of these settings that the environment sets to another value than `.env`. Throws a Failure. */
export function overriddenSettings(names: string[]): string[] {
  const [file, variables] = [readFile(), readVariables()];
  return names.filter((name) => file[name] && variables[name] && file[name] !== variables[name]);
}

/** The environment as dotenv would read it: `docker run --env-file` keeps quotes and spaces (docker/cli#3630). */
function readVariables(): Environment {
  const unquoted = Object.entries(process.env).map(([name, value = '']) => {
    return [name, value.trim().replace(/^(['"`])(.*)\1$/s, '$2')] as const;
  });
  // Compose sets what its own environment has not to an empty text.
  return Object.fromEntries(unquoted.filter(([, value]) => value));
}

function readFile(): Environment {
  const path = resolve('.env');
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return {};
    if (code === 'EISDIR') throw new Failure(`${path} is a folder: rename it, and copy .env.example to .env.`);
    throw new Failure(`${path} cannot be read (${code}): make it a file that the user who runs this may read.`);
  }
  // Every ASCII character of UTF-16 has a null byte. PowerShell's `>` writes it.
  if (file.includes(0)) throw new Failure(`${path} is in UTF-16: save it in UTF-8.`);
  const values = parse(file);
  failIfCut(path, file.toString(), values);
  return values;
}

const OURS = /^((RINGCENTRAL|WEBHOOK)_\w+|PORT|HOST|LOG_FORMAT|KEEP_FILE|(NGROK|CLOUDFLARED)_API_URL)$/;
/** A setting, and its value up to the first #, if no space is before that. */
const CUT = /^\s*(?:export\s+)?(\w+)(?:\s*=\s*|:\s+)([^#]*)(?<!\s)#/;

/** dotenv takes an unquoted # for the start of a comment, also inside a value. */
function failIfCut(path: string, text: string, values: Environment): void {
  for (const [index, line] of text.split(/\r\n?|\n/).entries()) {
    const [, name = '', start] = CUT.exec(line) ?? [];
    // If it was in quotes, dotenv read another value.
    if (OURS.test(name) && values[name] === start)
      throw new Failure(
        `${path}, line ${index + 1}: ${name} is only read up to the #. Put the value in quotes, or a space before a comment.`,
      );
  }
}

/** The path where `.env` was looked for and is not; undefined if it is there. */
export function missingEnvFile(): string | undefined {
  return existsSync('.env') ? undefined : resolve('.env');
}

/** What editors and downloads make of the name. */
const MISNAMED = ['.env.txt', 'env', 'env.txt'];
/** The folder above dist/. */
const PROGRAM_FOLDER = join(__dirname, '../..');

/** Where to set what is not set, in a sentence that names the folder that was looked in. */
export function whereToSet(): string {
  const missing = missingEnvFile();
  if (!missing) return `Go to ${resolve('.env')}, and fill it in.`;
  const misnamed = MISNAMED.find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  if (misnamed) return `There is no ${missing}: rename ${resolve(misnamed)} to .env.`;
  const isProject = existsSync('.env.example') || process.cwd() === PROGRAM_FOLDER;
  if (!isProject) return `There is no ${missing}: start it in ${PROGRAM_FOLDER}.`;
  return `There is no ${missing}: copy .env.example to it, and fill it in.`;
}
