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
  /** What the file has: Infinity lines if it is to be replaced. Other bytes mean that another program writes it. */
  let known = { lines: Infinity, bytes: 0 };
  const brokenBy = (error: unknown, what: 'read' | 'written') =>
    `${path} cannot be ${what} (${errorOf(error).message}): after a restart, voicemails may come twice. Let this user read and write it, or set KEEP_FILE to another file.`;
  const replace = () => {
    const lines = all().map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(`${path}.new`, lines.join(''), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    known = { lines: lines.length, bytes: Buffer.byteLength(lines.join('')) };
    problem = undefined;
    pending = [];
  };
  const flush = () => {
    try {
      const bytes = statSync(path, { throwIfNoEntry: false })?.size;
      if (bytes === undefined || known.lines > maxLines) return replace();
      if (bytes !== known.bytes) problem = `Another \`npm run keep\` writes ${path}, too: give each its own KEEP_FILE.`;
      const text = pending.join('');
      appendFileSync(path, text);
      known = { lines: known.lines + pending.length, bytes: bytes + Buffer.byteLength(text) };
      pending = [];
    } catch (error) {
      problem = brokenBy(error, 'written');
      known.lines = Infinity;
      pending = [];
    }
  };
  try {
    if (!statSync(path).isFile()) throw new Error('it is not a file');
    const content = readFileSync(path);
    const lines = content.toString().split('\n');
    if (lines.at(-1) === '') known = { lines: lines.length, bytes: content.length };
    for (const line of lines) take(parseJson(line));
  } catch (error) {
    // It may be a device, or somebody's file: it stays as it is.
    if (errorOf(error).code !== 'ENOENT') return { append: () => {}, problem: () => brokenBy(error, 'read') };
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
