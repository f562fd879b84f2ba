import { fstatSync, write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const writeInThread = async (fd: number, bytes: Buffer, offset: number) =>
  (await promisify(write)(fd, bytes, offset)).bytesWritten;

/** What may wait, in characters. Beyond it lines are refused, so a reader that stopped costs a bounded amount of memory. */
const MAX_WAITING = 4 * 1024 * 1024;
/** What a waiting line costs besides its text, in characters. */
const LINE_OVERHEAD = 500;
/** When to try again where a file took a part of a line only, in milliseconds. */
const RETRY_MS = 50;
/** Errors of a reader, or of a terminal, that never comes back. */
const GONE = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

interface Line {
  text: string;
  /** How many bytes of it are out already. */
  written: number;
  /** Called once: without an error when the operating system has the whole line, with one when it never will. */
  done: (error?: Error) => void;
}

/**
 * Writes lines to a file descriptor, in order, without ever blocking the process.
 *
 * `process.stdout` is synchronous on terminals and pipes (https://nodejs.org/api/process.html#a-note-on-process-io): a
 * reader that stops reading stops the whole program. Here one write at a time runs on Node's thread pool, and all that
 * comes in meanwhile goes out with the next one. `onGone` is told when nothing can be written any more.
 */
export class LineWriter {
  readonly #write: typeof writeSync | typeof writeInThread;
  #waiting: Line[] = [];
  #waitingSize = 0;
  #busy = false;
  #writing = false;
  #failure: Error | undefined;

  constructor(
    private readonly fd: number,
    private readonly onGone: (error: Error) => void = () => {},
  ) {
    this.#write = fstatSync(fd).isFile() ? writeSync : writeInThread;
  }

  /** True while a write is under way in the thread pool: a process that exits waits for it, and so perhaps for ever. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Why the last write failed; undefined where it did not. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** True while lines are on their way. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Writes `text` and a line feed.
   *
   * `done` is called once, later: without an error when the operating system has the whole line; with one, the operating
   * system's or one saying that too many lines wait, when it never will.
   */
  write(text: string, done: Line['done'] = () => {}): void {
    if (this.#waitingSize > MAX_WAITING)
      return queueMicrotask(() => done(new Error('too many lines wait for a reader that has stopped')));
    this.#waiting.push({ text: `${text}\n`, written: 0, done });
    this.#waitingSize += text.length + LINE_OVERHEAD;
    if (this.#busy) return;
    this.#busy = true;
    // All lines of this turn of the event loop in one write.
    setImmediate(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingSize = 0;
      const bytes = Buffer.from(lines.map(({ text }) => text).join(''));
      let written = lines[0]?.written ?? 0;
      try {
        this.#writing = true;
        while (written < bytes.length) written += await this.#write(this.fd, bytes, written);
        this.#failure = undefined;
      } catch (error) {
        this.#writing = false;
        await this.#recover(lines, written, error as NodeJS.ErrnoException);
        continue;
      }
      this.#writing = false;
      for (const { done } of lines) done();
    }
    this.#busy = false;
  }

  /** Tells each line how it went, where `written` bytes of them are out, but for those that must be tried again. */
  async #recover(lines: Line[], written: number, error: NodeJS.ErrnoException): Promise<void> {
    this.#failure = error;
    const gone = GONE.has(error.code ?? '');
    const again: Line[] = [];
    for (const { text, done } of lines) {
      const size = Buffer.byteLength(text);
      // A line of which a part is out (the disk filled up) must be finished, or the next one would be glued to it.
      // EAGAIN: another process made this file non-blocking, and it is full.
      if (written >= size) done();
      else if (!gone && (written > 0 || error.code === 'EAGAIN'))
        again.push({ text, written: Math.max(written, 0), done });
      else done(error);
      written -= size;
    }
    if (gone) return this.onGone(error);
    if (again.length > 0) {
      this.#waiting.unshift(...again);
      this.#waitingSize += again.reduce((size, { text }) => size + text.length + LINE_OVERHEAD, 0);
      await sleep(RETRY_MS);
    }
  }
}
