import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import fs, { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { lineWriter, type WriteLine } from '../../src/log/write-line.js';
import { itIfDevFull, itIfLinux } from '../support/available.js';
import { temporaryFolder } from '../support/temporary.js';

const opened: number[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const fd of opened.splice(0)) closeSync(fd);
});

function open(path: string, flags: string | number = 'a'): number {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
}

/** A writer to a file with this content, as a shell's `>>` opens it, and what is in the file. */
function fileWriter(content?: string) {
  const file = join(temporaryFolder(), 'events');
  if (content !== undefined) writeFileSync(file, content);
  return { write: writerTo(open(file)), text: () => readFileSync(file, 'utf8') };
}

function writerTo(fd: number): WriteLine {
  return lineWriter({ fd } as NodeJS.WriteStream & { fd: number });
}

/** A writer to a pipe that nobody reads, and what comes through once somebody does. */
function pipeWriter() {
  const fifo = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const pipe = Object.assign(new Socket({ fd, readable: false, writable: true }), { fd });
  const read = (length: number) =>
    new Promise<string>((resolve) => {
      let text = '';
      const reader = new Socket({ fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK), readable: true });
      reader.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length >= length) reader.destroy();
      });
      reader.on('close', () => resolve(text));
    });
  return { pipe, write: lineWriter(pipe as unknown as NodeJS.WriteStream & { fd: number }), read };
}

/** Lets each write to a file take this many bytes and no more, one after the other; 0 fails. */
function limitWrites(...limits: number[]): void {
  const { writeSync } = fs;
  jest.spyOn(fs, 'writeSync').mockImplementation((fd, data, offset) => {
    const limit = limits.shift() ?? Infinity;
    if (limit === 0) throw new Error('ENOSPC: no space left on device');
    const bytes = data as unknown as Buffer;
    const start = Number(offset ?? 0);
    return writeSync(fd, bytes, start, Math.min(limit, bytes.length - start));
  });
}

function expectFull(error: Error): void {
  expect(error.message).toMatch(/^ENOSPC/);
}

describe('to a file', () => {
  it('writes lines in order, and all of one turn of the event loop at once', async () => {
    const { write, text } = fileWriter();
    const writeSync = jest.spyOn(fs, 'writeSync');
    await Promise.all(['one', 'zwei: ü', 'three'].map(write));
    expect(writeSync).toHaveBeenCalledTimes(1);
    await write('four');
    expect(text()).toBe('one\nzwei: ü\nthree\nfour\n');
  });

  it('has written a line when it says so', async () => {
    const { write, text } = fileWriter();
    const written = write('one');
    expect(text()).toBe('');
    await written;
    expect(text()).toBe('one\n');
  });

  it.each([
    ['whole', '{"a":1}\n', '{"a":1}\nnext\n'],
    ['empty', '', 'next\n'],
    ['new', undefined, 'next\n'],
    ['a line feed only', '\n', '\nnext\n'],
  ])('begins without a line feed if the file is %s', async (_, before, after) => {
    const { write, text } = fileWriter(before);
    await write('next');
    expect(text()).toBe(after);
  });

  itIfLinux('begins with a line feed if the last line of the file is unfinished, once', async () => {
    const { write, text } = fileWriter('{"a":1}\n{"torn');
    await write('next');
    await write('last');
    expect(text()).toBe('{"a":1}\n{"torn\nnext\nlast\n');
  });

  // What the system takes at a time (nothing if the disk is full), the lines of each turn of the event loop, and the file.
  it.each([
    ['the system takes only a part', 'on|e\ntwo', 'one two three', 'one\ntwo\nthree\n'],
    ['the disk is full in the middle of one', 'one\ntw|', 'one two three|four|five', 'one\ntw\nfour\nfive\n'],
    ['the disk is full before one', '', 'one|two', 'two\n'],
    ['only a line feed did not fit', 'one\ntwo|', 'one two|three', 'one\ntwo\nthree\n'],
    ['the disk stays full for a while', 'on|||\n|', 'one|two|three|four', 'on\nfour\n'],
    ['the disk is full again in the next one', 'on||\ntw|', 'one|two|three', 'on\ntw\nthree\n'],
    ['a character of several bytes is torn', 'ü\nü.|', 'ü üü', 'ü\nü\ufffd'],
  ])('says that a line is written if the file has it whole, and begins the next on its own, if %s', async (...row) => {
    const [, takes, turns, content] = row;
    const { write, text } = fileWriter();
    limitWrites(...takes.split('|').map((taken) => Buffer.byteLength(taken)));
    const written: string[] = [];
    for (const turn of turns.split('|'))
      await Promise.all(turn.split(' ').map((line) => write(line).then(() => written.push(line), expectFull)));
    expect(text()).toBe(content);
    expect(written).toEqual(turns.split(/[ |]/).filter((line) => content.split('\n').includes(line)));
  });

  itIfDevFull('fails on a device that is full', async () => {
    const write = writerTo(open('/dev/full', 'w'));
    await expect(write('one')).rejects.toThrow('ENOSPC');
  });
});

it('goes through a write() that was put in its place, as by pm2, with three arguments, and not to the file', async () => {
  const file = join(temporaryFolder(), 'daemon');
  let out = '';
  // With two, pm2's does not always call back.
  const replaced = (text: string, _encoding: string, callback: () => void) => ((out += text), callback());
  const stream = Object.assign(new Socket(), { fd: open(file), write: replaced });
  const write = lineWriter(stream as unknown as NodeJS.WriteStream & { fd: number });
  await Promise.all(['one', 'two'].map(write));
  expect(out).toBe('one\ntwo\n');
  expect(readFileSync(file, 'utf8')).toBe('');
});

describe('to a pipe that nobody reads', () => {
  itIfLinux.each([
    [100_000, 50],
    [10, 15_000],
  ])('takes lines of %i characters at once, at most %i, and writes them in order if read', async (length, most) => {
    const { pipe, write, read } = pipeWriter();
    const taken: string[] = [];
    const written: Promise<void>[] = [];
    let refusal = '';
    while (refusal === '') {
      const line = `${taken.length} ${'x'.repeat(length)}`;
      const end = write(line);
      end.catch((error: Error) => (refusal = error.message));
      await new Promise(setImmediate);
      if (refusal === '') written[taken.push(line)] = end;
    }
    expect(refusal).toMatch(/too many lines wait/);
    const all = taken.map((line) => `${line}\n`).join('');
    expect(taken.length).toBeLessThan(most);
    expect(taken.length).toBeGreaterThan(most / 2);
    expect(await read(all.length)).toBe(all);
    await Promise.all(written);
    pipe.destroy();
  });

  itIfLinux('fails once the pipe is closed', async () => {
    const { pipe, write } = pipeWriter();
    pipe.on('error', () => {}).destroy();
    await expect(write('one')).rejects.toThrow();
  });
});
