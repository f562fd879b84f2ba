import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { Failure } from '../errors.js';

const LINE_FEED = 10;

/** Writes a line. Resolves once the operating system has all of it, rejects if it never will. */
export type WriteLine = (line: string) => Promise<void>;

type Stream = NodeJS.WriteStream & { fd: number };

/** Writes lines to stdout or stderr, in order, those of one turn of the event loop at once. */
export function lineWriter(stream: Stream): WriteLine {
  const target = targetOf(stream);
  // A device that is no terminal is written as a file is.
  const isFile = target?.isFile() || (target?.isCharacterDevice() && !stream.isTTY);
  return isFile ? fileWriter(stream.fd) : streamWriter(stream);
}

/** The writers of stdout and stderr: one for both if they are the same file or pipe, or two would tear each other's lines. */
export function outputWriters(): { writeOut: WriteLine; writeErr: WriteLine } {
  const [out, err] = [targetOf(process.stdout), targetOf(process.stderr)];
  // On Windows, pipes and consoles have no inode (0): they count as different.
  const isSame = out?.ino && out.ino === err?.ino && out.dev === err.dev;
  const writeOut = lineWriter(process.stdout);
  return { writeOut, writeErr: isSame ? writeOut : lineWriter(process.stderr) };
}

/** What a stream writes to; undefined if its write() was replaced: pm2's cluster mode writes to its own log files. */
const targetOf = (stream: Stream) =>
  Object.hasOwn(stream, 'write') ? undefined : fstatSync(stream.fd, { bigint: true });

/** To a terminal, which blocks, or a pipe, which does not (https://nodejs.org/api/process.html#a-note-on-process-io). */
function streamWriter(stream: Stream): WriteLine {
  let waiting = 0;
  return (line) =>
    new Promise((resolve, reject) => {
      // In characters: memory stays bounded, however slow the reader is. A line costs more than its text.
      if (waiting > 4 * 1024 * 1024) throw new Failure('too many lines wait for a reader that has stopped');
      const cost = line.length + 500;
      waiting += cost;
      if (!stream.writableCorked) {
        stream.cork();
        setImmediate(() => stream.uncork());
      }
      // All three arguments: with two, pm2's write() does not always call back (pm2 #3871).
      stream.write(`${line}\n`, 'utf8', (error) => {
        waiting -= cost;
        if (error) reject(error);
        else resolve();
      });
    });
}

/** Without the stream: on a full disk, it reports a part of a line as the whole. */
function fileWriter(fd: number): WriteLine {
  let isMidLine = endsMidLine(fd);
  let batch = '';
  let result: ReturnType<typeof flush> | undefined;
  const flush = async () => {
    await new Promise(setImmediate);
    const text = batch;
    const lineFeed = isMidLine ? '\n' : '';
    const data = Buffer.from(lineFeed + text);
    batch = '';
    result = undefined;
    let written = 0;
    let error: unknown;
    try {
      while (written < data.length) written += writeSync(fd, data, written);
    } catch (thrown) {
      error = thrown;
    }
    if (written > 0) isMidLine = data[written - 1] !== LINE_FEED;
    return { text, written: written - lineFeed.length, error };
  };
  return async (line) => {
    batch += `${line}\n`;
    const end = batch.length;
    const { text, written, error } = await (result ??= flush());
    // If only its line feed is missing, a line is whole: the next write begins with one.
    if (error !== undefined && written < Buffer.byteLength(text.slice(0, end)) - 1) throw error;
  };
}

/** Whether the file ends in a line that an earlier run left unfinished. */
function endsMidLine(fd: number): boolean {
  const last = Buffer.of(LINE_FEED);
  try {
    // A file opened to append cannot be read. Linux opens it anew here; elsewhere this fails.
    const copy = openSync(`/dev/fd/${fd}`, 'r');
    readSync(copy, last, 0, 1, fstatSync(fd).size - 1);
    closeSync(copy);
  } catch {
    return false;
  }
  return last[0] !== LINE_FEED;
}
