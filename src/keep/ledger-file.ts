import { appendFileSync, closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { errorOf } from '../errors.js';
import { parseJson } from '../unknown.js';

/**
 * Opens a file of one JSON object a line: `take` gets those of earlier runs, `all` returns what still matters, which replaces
 * a file that is gone, torn, or has more than `maxLines`. Lines are appended at the end of the turn: kill -9 loses no more.
 */
export function openLines(path: string, maxLines: number, take: (line: unknown) => void, all: () => object[]) {
  let problem: string | undefined;
  let pending: string[] = [];
  let fd: number | undefined;
  /** What the file has: Infinity lines if it is to be replaced. Other bytes mean that another program writes it. */
  let known = { lines: Infinity, bytes: 0 };
  const brokenBy = (error: unknown, what: 'read' | 'written') =>
    `${path} cannot be ${what} (${errorOf(error).message}): after a restart, voicemails may come twice. Let this user read and write it, or set KEEP_FILE to another file.`;
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const replace = () => {
    const lines = all().map((line) => `${JSON.stringify(line)}\n`);
    writeFileSync(`${path}.new`, lines.join(''), { mode: 0o600 });
    close();
    renameSync(`${path}.new`, path);
    known = { lines: lines.length, bytes: Buffer.byteLength(lines.join('')) };
    problem = undefined;
    pending = [];
  };
  /** 'check' also sees what became of the file, which would cost more than to append. */
  const flush = (task: 'append' | 'check') => {
    try {
      const bytes = task === 'check' ? statSync(path, { throwIfNoEntry: false })?.size : known.bytes;
      if (bytes === undefined || known.lines > maxLines) return replace();
      if (bytes !== known.bytes) {
        problem = `Another \`npm run keep\` writes ${path}, too: give each its own KEEP_FILE.`;
        // Perhaps it put a new file in the place of this one.
        close();
      }
      fd ??= openSync(path, 'a');
      const text = pending.join('');
      appendFileSync(fd, text);
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
  flush('check');
  return {
    append: (line: object) => {
      if (pending.length === 0) process.nextTick(flush, 'append');
      pending.push(`${JSON.stringify(line)}\n`);
    },
    problem: () => {
      flush('check');
      return problem;
    },
  };
}
