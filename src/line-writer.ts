import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const writeTo = promisify(write);

/** What may wait, in characters. Beyond it lines are refused, so a reader that stopped costs a bounded amount of memory. */
const MAX_WAITING = 4 * 1024 * 1024;
/** What a waiting line costs besides its text, in characters. */
const LINE_OVERHEAD = 500;
/** When to try again where a file took a part of a line only, in milliseconds. */
const RETRY_MS = 50;
/** Errors of a reader, or of a terminal, that never comes back. */
const GONE = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

interface Line {
  bytes: Buffer;
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
  readonly #fd: number;
  readonly #onGone: (error: Error) => void;
  #waiting: Line[] = [];
  #waitingSize = 0;
  #busy = false;

  constructor(fd: number, onGone: (error: Error) => void = () => {}) {
    this.#fd = fd;
    this.#onGone = onGone;
  }

  /** True while lines are on their way. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Writes `text` and a line feed.
   *
   * `done` is called once: without an error when the operating system has the whole line; with one, the operating
   * system's or one saying that too many lines wait, when it never will.
   */
  write(text: string, done: Line['done'] = () => {}): void {
    if (this.#waitingSize > MAX_WAITING) {
      done(new Error('too many lines wait for a reader that has stopped'));
      return;
    }
    this.#waiting.push({ bytes: Buffer.from(`${text}\n`), done });
    this.#waitingSize += text.length + LINE_OVERHEAD;
    if (!this.#busy) {
      this.#busy = true;
      // All lines of this turn of the event loop in one write.
      setImmediate(() => void this.#drain());
    }
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingSize = 0;
      const unfinished = await this.#writeOut(lines);
      if (unfinished.length > 0) {
        this.#waiting.unshift(...unfinished);
        await sleep(RETRY_MS);
      }
    }
    this.#busy = false;
  }

  /** Writes lines and tells each how it went, but for those it returns: they must be tried again, before all others. */
  async #writeOut(lines: Line[]): Promise<Line[]> {
    const bytes = Buffer.concat(lines.map((line) => line.bytes));
    let written = 0;
    let failure: NodeJS.ErrnoException | undefined;
    while (written < bytes.length && !failure) {
      try {
        written += (await writeTo(this.#fd, bytes, written)).bytesWritten;
      } catch (error) {
        failure = error as NodeJS.ErrnoException;
      }
    }
    const gone = GONE.has(failure?.code ?? '');
    const unfinished: Line[] = [];
    for (const { bytes: line, done } of lines) {
      // A line of which a part is out (the disk filled up) must be finished, or the next one would be glued to it.
      // EAGAIN: another process made this file non-blocking, and it is full.
      if (written >= line.length) done();
      else if (!gone && (written > 0 || failure?.code === 'EAGAIN'))
        unfinished.push({ bytes: line.subarray(Math.max(written, 0)), done });
      else done(failure);
      written -= line.length;
    }
    if (failure && gone) this.#onGone(failure);
    return unfinished;
  }
}
