import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { codeOf, errorOf } from '../errors.js';

/**
 * A file of one JSON object a line. Lines are appended at the end of the turn in which they come: kill -9 costs no more
 * than that. If the file cannot be read or written, `problem` says so; what is missing in it is written once that works.
 */
export class LedgerFile {
  problem: string | undefined;
  #state: 'open' | 'failed' | 'unreadable' = 'open';
  #fd: number | undefined;
  #pending: string[] = [];
  #lines = 0;
  /** How long the file is if nobody else writes it. */
  #size = 0;

  /** `all` are the lines that still matter: they replace a file that has more than `maxLines`, or is gone. */
  constructor(
    private readonly path: string,
    private readonly maxLines: number,
    private readonly all: () => object[],
  ) {}

  /** Reads the lines that an earlier run wrote. */
  read(take: (line: unknown) => void): void {
    try {
      if (statSync(this.path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('it is no file');
      const lines = readFileSync(this.path, 'utf8').split('\n');
      this.#lines = lines.length;
      // The last one is empty, or torn.
      if (lines.pop() !== '') this.#pending.push('');
      for (const line of lines) take(parsed(line));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#fail('read', error);
    }
  }

  append(line: object): void {
    if (this.#state !== 'open') return;
    if (this.#pending.length === 0) process.nextTick(() => this.flush());
    this.#pending.push(JSON.stringify(line));
  }

  /** Writes what is not in the file yet, and tries again if that failed before. */
  flush(): void {
    if (this.#state === 'unreadable') return;
    try {
      const there = statSync(this.path, { throwIfNoEntry: false })?.ino;
      const isOther = this.#fd !== undefined && fstatSync(this.#fd).ino !== there;
      if (this.#state === 'failed' || this.#lines > this.maxLines || (isOther && !there)) this.#rewrite();
      else if (isOther) this.#close();
      const fd = (this.#fd ??= openSync(this.path, 'a', 0o600));
      const { size } = fstatSync(fd);
      if ((isOther && there) || (this.#size > 0 && size !== this.#size))
        this.problem = `Another \`npm run keep\` writes ${this.path}, too: give each its own KEEP_FILE.`;
      const bytes = Buffer.from(this.#pending.map((line) => `${line}\n`).join(''));
      if (writeSync(fd, bytes) < bytes.length) throw new Error('no space left on device');
      this.#lines += this.#pending.length;
      this.#pending = [];
      this.#size = size + bytes.length;
    } catch (error) {
      this.#fail('written', error);
    }
  }

  #fail(what: 'read' | 'written', error: unknown): void {
    this.problem = `${this.path} cannot be ${what} (${errorOf(error).message}): after a restart, voicemails may come twice.`;
    this.#state = what === 'read' ? 'unreadable' : 'failed';
    this.#pending = [];
    this.#close();
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #rewrite(): void {
    const next = `${this.path}.new`;
    const lines = this.all();
    try {
      writeFileSync(next, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
      this.#close();
      renameSync(next, this.path);
    } finally {
      rmSync(next, { force: true });
    }
    this.#lines = lines.length;
    this.#size = 0;
    this.#pending = [];
    this.#state = 'open';
    this.problem = undefined;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
