import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { errorOf } from '../errors.js';
import { parseJson } from '../unknown.js';

/**
 * Opens a file of one JSON object a line, and hands the lines of earlier runs to `take`. `all` returns what still matters:
 * it replaces a file that is gone, torn, or has more than `maxLines`. `append` writes at the end of the turn, so kill -9 loses
 * no more; `problem` tries again what failed, and returns what is wrong.
 */
export function openLines(path: string, maxLines: number, take: (line: unknown) => void, all: () => object[]) {
  let problem: string | undefined;
  let pending: string[] = [];
  /** Infinity if the file has to be replaced. */
  let count = Infinity;
  /** In bytes: another size means that another program writes it. */
  let size = 0;
  const fail = (what: 'read' | 'written', error: unknown) => {
    problem = `${path} cannot be ${what} (${errorOf(error).message}): after a restart, voicemails may come twice. Let this user read and write it, or set KEEP_FILE to another file.`;
    count = Infinity;
    pending = [];
  };
  const replace = () => {
    const lines = all().map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(`${path}.new`, lines.join(''), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    [problem, pending, count, size] = [undefined, [], lines.length, Buffer.byteLength(lines.join(''))];
  };
  const flush = () => {
    try {
      const found = statSync(path, { throwIfNoEntry: false })?.size;
      if (found === undefined || count > maxLines) return replace();
      if (found !== size) problem = `Another \`npm run keep\` writes ${path}, too: give each its own KEEP_FILE.`;
      const text = pending.join('');
      appendFileSync(path, text);
      [pending, count, size] = [[], count + pending.length, found + Buffer.byteLength(text)];
    } catch (error) {
      fail('written', error);
    }
  };
  try {
    if (!statSync(path).isFile()) throw new Error('it is not a file');
    const content = readFileSync(path);
    const lines = content.toString().split('\n');
    if (lines.at(-1) === '') [count, size] = [lines.length, content.length];
    for (const line of lines) take(parseJson(line));
  } catch (error) {
    if (errorOf(error).code !== 'ENOENT') {
      fail('read', error);
      // It may be a device, or somebody's file: it stays as it is.
      return { append: () => {}, problem: () => problem };
    }
  }
  flush();
  return {
    append: (line: object) => {
      if (pending.length === 0) process.nextTick(flush);
      pending.push(`${JSON.stringify(line)}\n`);
    },
    problem: () => {
      flush();
      return problem;
    },
  };
}
