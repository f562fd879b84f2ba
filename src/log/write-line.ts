import { fstatSync, openSync, closeSync, readSync, writeSync } from 'node:fs';
import { errorOf, Failure } from '../errors.js';

/** How much may wait for a slow reader, in characters: more lines are refused, so memory stays bounded. */
const MAX_WAITING = 4 * 1024 * 1024;
/** What a waiting line costs besides its text, in characters. */
const LINE_OVERHEAD = 500;
const LINE_FEED = 10;

/** Writes a line. Resolves once the operating system has all of it, rejects if it never will. */
export type WriteLine = (line: string) => Promise<void>;

interface Line {
  text: string;
  resolve: () => void;
  reject: (error: Error) => void;
}

type Stream = NodeJS.WriteStream & { fd: number };

/** Writes text. Resolves to how many bytes were written, and why not all. */
type Sink = (text: string) => Promise<{ written: number; error?: Error }>;

/**
 * Writes lines to stdout or stderr, in order. All lines of one turn of the event loop go out in one write.
 *
 * A pipe that nobody reads does not block: lines wait, and are refused once too many do. A terminal and a file block
 * (https://nodejs.org/api/process.html#a-note-on-process-io).
 */
export function lineWriter(stream: Stream): WriteLine {
  const sink = !isReplaced(stream) && isFile(stream) ? fileSink(stream.fd) : streamSink(stream);
  let lines: Line[] = [];
  let waiting = 0;
  const flush = async () => {
    const batch = lines;
    lines = [];
    const { written, error } = await sink(batch.map(({ text }) => text).join(''));
    let end = 0;
    for (const { text, resolve, reject } of batch) {
      waiting -= text.length + LINE_OVERHEAD;
      end += Buffer.byteLength(text);
      // If only its line feed is missing, a line is whole: the next write begins with one.
      if (error && written < end - 1) reject(error);
      else resolve();
    }
  };
  return (line) =>
    new Promise((resolve, reject) => {
      if (waiting > MAX_WAITING) return reject(new Failure('too many lines wait for a reader that has stopped'));
      if (lines.length === 0) setImmediate(() => void flush());
      lines.push({ text: `${line}\n`, resolve, reject });
      waiting += line.length + 1 + LINE_OVERHEAD;
    });
}

/** The writers of stdout and stderr: one for both if they are the same file or pipe, or two would tear each other's lines. */
export function outputWriters(): { writeOut: WriteLine; writeErr: WriteLine } {
  const [out, err] = [fstatSync(1, { bigint: true }), fstatSync(2, { bigint: true })];
  const writeOut = lineWriter(process.stdout);
  // On Windows, pipes and consoles have no inode: they count as different.
  const isSame = out.ino !== 0n && out.ino === err.ino && out.dev === err.dev;
  const isOne = isSame && !isReplaced(process.stdout) && !isReplaced(process.stderr);
  return { writeOut, writeErr: isOne ? writeOut : lineWriter(process.stderr) };
}

/** Whether a process manager replaced the stream's write(): pm2's cluster mode writes to its own log files. */
function isReplaced(stream: Stream): boolean {
  return Object.hasOwn(stream, 'write');
}

/** Also true for a device that is no terminal. */
function isFile({ fd, isTTY }: Stream): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || (stat.isCharacterDevice() && !isTTY);
}

function streamSink(stream: Stream): Sink {
  return (text) =>
    new Promise((resolve) => {
      // All three arguments: with two, pm2's write() does not always call back (pm2 #3871).
      stream.write(text, 'utf8', (error) =>
        resolve(error ? { written: 0, error } : { written: Buffer.byteLength(text) }),
      );
    });
}

/** Without the stream: on a full disk, it reports a part of a line as the whole. */
function fileSink(fd: number): Sink {
  let isMidLine = endsMidLine(fd);
  return async (text) => {
    const bytes = Buffer.from(text);
    const data = isMidLine ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes;
    const extra = data.length - bytes.length;
    let written = 0;
    try {
      while (written < data.length) written += writeSync(fd, data, written);
      return { written: bytes.length };
    } catch (error) {
      return { written: written - extra, error: errorOf(error) };
    } finally {
      if (written > 0) isMidLine = data[written - 1] !== LINE_FEED;
    }
  };
}

/** Whether the file ends in a line that an earlier run left unfinished. */
function endsMidLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  if (size === 0) return false;
  try {
    // A file opened to append cannot be read. Linux opens it anew here; elsewhere this fails.
    const copy = openSync(`/dev/fd/${fd}`, 'r');
    try {
      const last = Buffer.alloc(1);
      return readSync(copy, last, 0, 1, size - 1) === 1 && last[0] !== LINE_FEED;
    } finally {
      closeSync(copy);
    }
  } catch {
    return false;
  }
}
