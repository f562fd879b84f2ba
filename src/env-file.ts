import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'dotenv';
import { errorOf, Failure } from './errors.js';

export type Environment = Record<string, string | undefined>;

/** The environment, and `.env` for what it does not set. Throws a Failure if `.env` cannot be read as it was meant. */
export function readEnvironment(): Environment {
  const env: Environment = readFile();
  for (const [name, value = ''] of Object.entries(process.env)) {
    // As dotenv does: `docker run --env-file` keeps quotes and outer spaces (docker/cli#3630).
    const unquoted = value.trim().replace(/^(['"`])(.*)\1$/s, '$2');
    // Docker Compose passes on a variable that is not set as an empty one.
    if (unquoted) env[name] = unquoted;
  }
  return env;
}

/** Which of the settings for the login have another value in `env` than in `.env`. Throws a Failure. */
export function overriddenSettings(env: Environment): string[] {
  const file = readFile();
  return Object.keys(file).filter((name) => name.startsWith('RINGCENTRAL_') && file[name] && file[name] !== env[name]);
}

/** A setting of ours, and its value up to a # without a space before it. */
const CUT_VALUE = /^\s*(?:export\s+)?((?:RINGCENTRAL|WEBHOOK|KEEP)_\w+)(?:\s*=\s*|:\s+)([^#]*)(?<!\s)#/;

function readFile(): Environment {
  const path = resolve('.env');
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    const { code } = errorOf(error);
    if (code === 'ENOENT') return {};
    throw new Failure(`${path} cannot be read (${code}): make it a file that this user may read.`);
  }
  // Every ASCII character of UTF-16 has a null byte. PowerShell's `>` writes it.
  if (file.includes(0)) throw new Failure(`${path} is in UTF-16: save it in UTF-8.`);
  const values = parse(file);
  const lines = file.toString().split(/\r\n?|\n/);
  for (const [index, line] of lines.entries()) {
    const [, name, start] = CUT_VALUE.exec(line) ?? [];
    // dotenv took the # for a comment. In quotes, it would not have.
    if (name && values[name] === start)
      throw new Failure(`${path}, line ${index + 1}: ${name} is only read up to the #. Put its value in quotes.`);
  }
  return values;
}

/** A sentence that says where to set what is missing. */
export function whereToSet(): string {
  const path = resolve('.env');
  if (existsSync(path)) return `Fill in ${path}.`;
  // Editors and downloads change the name. A folder env/ is Python's.
  const misnamed = ['.env.txt', 'env', 'env.txt'].find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  if (misnamed) return `There is no ${path}: rename ${resolve(misnamed)} to .env.`;
  const root = join(__dirname, '../..');
  const isProject = existsSync('.env.example') || process.cwd() === root;
  return `There is no ${path}: ${isProject ? 'copy .env.example to it, and fill it in' : `start this in ${root}`}.`;
}
