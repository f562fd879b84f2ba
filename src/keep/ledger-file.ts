import { appendFileSync, closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { codeOf, errorOf } from '../errors.js';

/**
 * A file of one JSON object a line. Lines are appended at the end of each turn of the event loop: kill -9 loses no more.
 * If the file cannot be read or written, `problem` says so. What could not be written is written once that works.
 */
export class LedgerFile {
  problem: string | undefined;
  #state: 'usable' | 'unwritten' | 'unreadable' = 'usable';
  #fd: number | undefined;
  #pending: string[] = [];
  #lines = 0;
  /** In bytes: another size means that another program writes it. */
  #size = 0;

  /** `all` returns the lines that still matter: they replace a file that has more than `maxLines`, or is gone. */
  constructor(
    private readonly path: string,
    private readonly maxLines: number,
    private readonly all: () => object[],
  ) {}

  /** Reads the lines that an earlier run wrote. */
  read(take: (line: unknown) => void): void {
    try {
      if (!statSync(this.path).isFile()) throw new Error('it is not a file');
      const content = readFileSync(this.path);
      const lines = content.toString().split('\n');
      [this.#size, this.#lines] = [content.length, lines.length];
      // The last one is empty, or was cut off.
      if (lines.pop() !== '') this.#pending.push('');
      for (const line of lines) take(parsed(line));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#fail('read', error);
    }
  }

  append(line: object): void {
    if (this.#state === 'unreadable') return;
    if (this.#pending.length === 0) process.nextTick(() => (this.#state === 'unwritten' ? this.check() : this.flush()));
    this.#pending.push(JSON.stringify(line));
  }

  /** Sees whether the file is still there, and only ours, and tries again what failed before. */
  check(): void {
    if (this.#state === 'unreadable') return;
    const size = statSync(this.path, { throwIfNoEntry: false })?.size;
    if (size === undefined || this.#state === 'unwritten') this.#lines = Infinity;
    else if (size !== this.#size) {
      this.problem = `Another \`npm run keep\` writes ${this.path}, too: give each its own KEEP_FILE.`;
      this.#size = size;
      // Perhaps it put a new file in the place of this one.
      this.#close();
    }
    this.flush();
  }

  /** Writes what is not in the file yet. */
  flush(): void {
    try {
      if (this.#lines > this.maxLines) return this.#rewrite();
      const text = this.#pending.map((line) => `${line}\n`).join('');
      this.#fd ??= openSync(this.path, 'a', 0o600);
      appendFileSync(this.#fd, text);
      this.#size += Buffer.byteLength(text);
      this.#lines += this.#pending.length;
      this.#pending = [];
    } catch (error) {
      this.#fail('written', error);
    }
  }

  #rewrite(): void {
    const lines = this.all().map((line) => `${JSON.stringify(line)}\n`);
    const text = lines.join('');
    writeFileSync(`${this.path}.new`, text, { mode: 0o600 });
    this.#close();
    renameSync(`${this.path}.new`, this.path);
    [this.#size, this.#lines, this.#pending] = [Buffer.byteLength(text), lines.length, []];
    [this.#state, this.problem] = ['usable', undefined];
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #fail(what: 'read' | 'written', error: unknown): void {
    this.problem = `${this.path} cannot be ${what} (${errorOf(error).message}): after a restart, voicemails may come twice. Let this user read and write it, or set KEEP_FILE to another file.`;
    this.#state = what === 'read' ? 'unreadable' : 'unwritten';
    this.#pending = [];
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
