import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineWriter } from '../src/line-writer.js';
import { notification } from './support/notification.js';
import { endPrograms, Receiver, run, SERVER, Transcript } from './support/receiver.js';

const folder = mkdtempSync(join(tmpdir(), 'faults-'));

afterEach(endPrograms);

/** The uuids in lines of events. Throws where a line is not whole. */
function uuids(lines: string[]): string[] {
  return lines.map((line) => (JSON.parse(line) as { uuid: string }).uuid);
}

/** Memory of a process, in MiB, where the system tells. */
function residentMiB(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return 0;
  }
}

/**
 * Posts events over 20 connections that stay open, one after the other on each, until the receiver takes no more.
 * `answered` fills with the uuids that got a 200; resolves to all other ends.
 */
async function load(receiver: Receiver, answered: Set<string>): Promise<(number | string)[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const ends: (number | string)[] = [];
  const post = (event: { uuid: string }) =>
    new Promise<number | string>((resolve) => {
      const headers = { 'content-type': 'application/json' };
      request(`${receiver.url}/webhook`, { method: 'POST', agent, headers }, (answer) =>
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0)),
      )
        .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        .end(JSON.stringify(event));
    });
  const loop = async () => {
    for (;;) {
      const event = notification();
      const end = await post(event);
      if (end !== 200) return ends.push(end);
      answered.add(event.uuid);
    }
  };
  await Promise.all(Array.from({ length: 20 }, loop));
  agent.destroy();
  return ends;
}

/** Resolves once `condition` holds, looked at each time that something comes on stderr. */
async function until(receiver: Receiver, condition: () => boolean): Promise<void> {
  while (!condition()) await once(receiver.child.stderr, 'data');
}

describe('stdout that nobody reads', () => {
  it('costs notifications a 503 and nothing else, and loses and doubles nothing once it is read again', async () => {
    const receiver = await Receiver.start({}, { unread: true });
    const first = notification();
    expect((await receiver.post(first)).status).toBe(200);
    const events = Array.from({ length: 2000 }, () => notification());
    const statuses = new Set<number>();
    /** Sends each of them once, many at a time. */
    const send = async (some: typeof events) => {
      const left = some.values();
      const loop = async () => {
        for (const event of left) statuses.add((await receiver.post({ ...event, padding: 'x'.repeat(10_000) })).status);
      };
      await Promise.all(Array.from({ length: 250 }, loop));
      return residentMiB(receiver.child.pid);
    };
    const memory = await send(events.slice(0, 1000));
    expect((await send(events.slice(1000))) - memory).toBeLessThan(25);
    expect(statuses).toContain(503);
    expect(receiver.stderr.text).toMatch(/could not be logged: stdout has taken nothing for 1500 ms/);
    expect(receiver.stderr.text).toMatch(/could not be logged: too many lines wait/);

    const handshake = await fetch(`${receiver.url}/webhook`, { method: 'POST', headers: { 'validation-token': 't' } });
    expect([handshake.status, handshake.headers.get('validation-token')]).toEqual([200, 't']);
    expect((await fetch(`${receiver.url}/healthz`)).status).toBe(200);

    receiver.child.stdout.resume();
    // RingCentral sends again what was refused.
    const refused = events.values();
    const again = async () => {
      for (const event of refused) while ((await receiver.post(event)).status !== 200);
    };
    await Promise.all(Array.from({ length: 20 }, again));
    await receiver.end('SIGTERM');
    expect(uuids(receiver.stdout.lines).sort()).toEqual([first, ...events].map(({ uuid }) => uuid).sort());
  });

  it('does not keep the program from ending', async () => {
    const receiver = await Receiver.start({}, { unread: true });
    const event = { ...notification(), padding: 'x'.repeat(100_000) };
    let status;
    do status = (await receiver.post({ ...event, uuid: notification().uuid })).status;
    while (status === 200);
    expect(status).toBe(503);
    await receiver.end('SIGTERM');
  });

  it('is written on where a non-blocking pipe took a part of a line', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const lines = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000));
    const writer = new LineWriter(fd);
    const written = Promise.all(lines.map((line) => new Promise<unknown>((resolve) => writer.write(line, resolve))));
    const reader = createReadStream(fifo, { end: 300_002 });
    const transcript = new Transcript(reader);
    expect(await written).toEqual([undefined, undefined, undefined]);
    await once(reader, 'close');
    closeSync(fd);
    expect(transcript.lines).toEqual(lines);
  });
});

describe('stdout that is gone', () => {
  it('ends the program with 1 after a 503, saying why', async () => {
    const receiver = await Receiver.start();
    receiver.child.stdout.destroy();
    const ended = receiver.ended();
    expect((await receiver.post(notification())).status).toBe(503);
    expect(await ended).toBe(1);
    expect(receiver.stderr.text).toMatch(/stdout cannot be written any more \(EPIPE/);
  });

  it('is noticed behind `| head -1`', async () => {
    const command = `"${process.execPath}" "${SERVER}"; echo "status $?" >&2`;
    const child = run('sh', ['-c', `{ ${command}; } | head -1`], { PORT: '0' });
    const stderr = new Transcript(child.stderr);
    const stdout = new Transcript(child.stdout);
    const port = (await stderr.match(/localhost:(\d+)/))[1];
    const post = (body: unknown) =>
      fetch(`http://127.0.0.1:${port}/webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const first = notification();
    expect((await post(first)).status).toBe(200);
    // What is written before `head` has ended is still taken.
    let status;
    do ({ status } = await post(notification()));
    while (status === 200);
    expect(status).toBe(503);
    await stderr.match(/status 1/);
    expect(uuids(stdout.lines)).toEqual([first.uuid]);
  });

  it('costs a 503 while the disk is full', async () => {
    const receiver = await Receiver.start({}, { file: '/dev/full' });
    expect((await receiver.post(notification())).status).toBe(503);
    await receiver.stderr.match(/could not be logged: ENOSPC/);
    expect((await fetch(`${receiver.url}/healthz`)).status).toBe(200);
    expect(await receiver.end('SIGTERM')).toBe(0);
  });
});

describe('under load', () => {
  it.each(['file', 'pipe'])('kill -9 loses nothing that was answered 200: stdout a %s', async (kind) => {
    const file = join(folder, `killed-${kind}`);
    const receiver = await Receiver.start({}, kind === 'file' ? { file } : {});
    const answered = new Set<string>();
    const ends = load(receiver, answered);
    await until(receiver, () => answered.size > 1000);
    await receiver.end('SIGKILL');
    await ends;
    const text = kind === 'file' ? readFileSync(file, 'utf8') : receiver.stdout.text;
    // All but what follows the last line feed.
    const logged = uuids(text.split('\n').slice(0, -1));
    expect(new Set(logged).size).toBe(logged.length);
    expect([...answered].filter((uuid) => !logged.includes(uuid))).toEqual([]);
  });

  it('SIGTERM resets no connection, and all that was answered 200 is logged', async () => {
    const receiver = await Receiver.start();
    const answered = new Set<string>();
    const ends = load(receiver, answered);
    await until(receiver, () => answered.size > 1000);
    expect(await receiver.end('SIGTERM')).toBe(0);
    expect(new Set(await ends)).toEqual(new Set(['ECONNREFUSED']));
    expect(uuids(receiver.stdout.lines).sort()).toEqual([...answered].sort());
  });
});

describe('an error that nobody foresaw', () => {
  it('outside a request ends the program with a line and status 1', async () => {
    const preload = join(folder, 'throw.js');
    writeFileSync(preload, "process.once('SIGUSR2', () => setImmediate(() => { throw new TypeError('of a test'); }));");
    const receiver = await Receiver.start({}, { nodeOptions: ['--require', preload] });
    expect(await receiver.end('SIGUSR2')).toBe(1);
    expect(receiver.stderr.lines.at(-1)).toMatch(/^Unforeseen error, ending: TypeError: of a test/);
  });
});
