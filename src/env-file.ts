import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'dotenv';
import { codeOf, Failure } from './errors.js';

export type Environment = Record<string, string | undefined>;

/** The environment, and `.env` for what it does not set. Throws a Failure if `.env` cannot be read as it was meant. */
export function readEnvironment(): Environment {
  return { ...readFile(), ...readVariables() };
}

/** Which of these settings the environment sets to another value than `.env`. Throws a Failure. */
export function overriddenSettings(names: string[]): string[] {
  const [file, variables] = [readFile(), readVariables()];
  return names.filter((name) => file[name] && variables[name] && file[name] !== variables[name]);
}

/** Without quotes and outer spaces, as dotenv reads them: `docker run --env-file` keeps both (docker/cli#3630). */
function readVariables(): Environment {
  const unquoted = Object.entries(process.env).map(([name, value = '']) => {
    return [name, value.trim().replace(/^(['"`])(.*)\1$/s, '$2')] as const;
  });
  // Docker Compose passes on a variable that is not set as an empty one.
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
    throw new Failure(`${path} cannot be read (${code}): make it a file that this user may read.`);
  }
  // Every ASCII character of UTF-16 has a null byte. PowerShell's `>` writes it.
  if (file.includes(0)) throw new Failure(`${path} is in UTF-16: save it in UTF-8.`);
  const values = parse(file);
  failIfCut(path, file.toString(), values);
  return values;
}

const SETTING_NAME = /^((RINGCENTRAL|WEBHOOK)_\w+|PORT|HOST|LOG_FORMAT|KEEP_FILE|(NGROK|CLOUDFLARED)_API_URL)$/;
/** A name, and its value up to a # without a space before it. */
const CUT_VALUE = /^\s*(?:export\s+)?(\w+)(?:\s*=\s*|:\s+)([^#]*)(?<!\s)#/;

/** dotenv reads an unquoted # as the start of a comment, even inside a value. */
function failIfCut(path: string, text: string, values: Environment): void {
  for (const [index, line] of text.split(/\r\n?|\n/).entries()) {
    const [, name = '', start] = CUT_VALUE.exec(line) ?? [];
    // If it was in quotes, dotenv read another value.
    if (SETTING_NAME.test(name) && values[name] === start)
      throw new Failure(
        `${path}, line ${index + 1}: ${name} is only read up to the #. Put the value in quotes, or a space before a comment.`,
      );
  }
}

/** Where `.env` should be, if it is missing; undefined if it is there. */
export function missingEnvFile(): string | undefined {
  return existsSync('.env') ? undefined : resolve('.env');
}

/** Wrong names that editors and downloads give it. */
const MISNAMED = ['.env.txt', 'env', 'env.txt'];
/** The folder above dist/. */
const PROGRAM_FOLDER = join(__dirname, '../..');

/** A sentence that says where to set what is missing. */
export function whereToSet(): string {
  const missing = missingEnvFile();
  if (!missing) return `Fill in ${resolve('.env')}.`;
  const misnamed = MISNAMED.find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  if (misnamed) return `There is no ${missing}: rename ${resolve(misnamed)} to .env.`;
  const isProject = existsSync('.env.example') || process.cwd() === PROGRAM_FOLDER;
  if (!isProject) return `There is no ${missing}: start this in ${PROGRAM_FOLDER}.`;
  return `There is no ${missing}: copy .env.example to it, and fill it in.`;
}
