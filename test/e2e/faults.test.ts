import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { itIfDevFull, itIfNotWindows } from '../support/available.js';
import { atATime, load, uuidsOf } from '../support/load.js';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

/** Resolves once `condition` holds, looked at each time that something comes on stderr. */
async function until(receiver: Receiver, condition: () => boolean): Promise<void> {
  while (!condition()) await once(receiver.child.stderr, 'data');
}

itIfNotWindows(
  'stdout that nobody reads costs notifications a 503 and nothing else, and loses and doubles nothing once it is read again',
  async () => {
    const receiver = await Receiver.start({}, { unread: true, nodeOptions: FAST_CLOCK });
    const first = notification();
    expect((await receiver.post(first)).status).toBe(200);
    const events = Array.from({ length: 1000 }, () => notification());
    const statuses = new Set<number>();
    const padding = 'x'.repeat(10_000);
    await atATime(100, events, async (event) => statuses.add((await receiver.post({ ...event, padding })).status));
    expect(statuses).toContain(503);
    expect(receiver.stderr.text).toMatch(/could not be logged: stdout did not take it within 1500 ms/);
    expect(receiver.stderr.text).toMatch(/could not be logged: stdout cannot be written: too many lines wait/);

    const handshake = await fetch(`${receiver.url}/webhook`, {
      method: 'POST',
      headers: { 'validation-token': 't' },
    });
    expect(handshake.status).toBe(200);
    expect(handshake.headers.get('validation-token')).toBe('t');
    expect((await fetch(`${receiver.url}/healthz`)).status).toBe(200);

    receiver.child.stdout.resume();
    // RingCentral sends again what was refused.
    await atATime(20, events, async (event) => {
      while ((await receiver.post(event)).status !== 200);
    });
    await receiver.end('SIGTERM');
    expect(uuidsOf(receiver.stdout.lines).sort()).toEqual([first, ...events].map(({ uuid }) => uuid).sort());
  },
);

it('stdout that is gone ends the program with 1 after a 503, saying why', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  receiver.child.stdout.destroy();
  const ended = receiver.ended();
  expect((await receiver.post(notification())).status).toBe(503);
  expect(await ended).toBe(1);
  expect(receiver.stderr.text).toMatch(/stdout cannot be written any more \(.*(EPIPE|EOF)/);
});

itIfNotWindows('stdout that is gone is noticed behind `| head -1`', async () => {
  const shell = '{ "$@"; echo "status $?" >&2; } | head -1';
  const receiver = await Receiver.start({}, { shell, nodeOptions: FAST_CLOCK });
  const first = notification();
  expect((await receiver.post(first)).status).toBe(200);
  // What is written before `head` has ended is still taken.
  let status;
  do ({ status } = await receiver.post(notification()));
  while (status === 200);
  expect(status).toBe(503);
  await receiver.stderr.match(/status 1/);
  expect(uuidsOf(receiver.stdout.lines)).toEqual([first.uuid]);
});

itIfDevFull('a full disk costs a 503 while it is full', async () => {
  const receiver = await Receiver.start({}, { shell: 'exec "$@" > /dev/full', nodeOptions: FAST_CLOCK });
  expect((await receiver.post(notification())).status).toBe(503);
  await receiver.stderr.match(/could not be logged: stdout cannot be written: ENOSPC.* `npm run catch-up`/);
  expect((await fetch(`${receiver.url}/healthz`)).status).toBe(200);
  expect(await receiver.end('SIGTERM')).toBe(0);
});

it('stderr that is gone costs its lines and nothing else', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  receiver.child.stderr.destroy();
  const events = Array.from({ length: 20 }, () => notification());
  for (const event of events) expect((await receiver.post(event)).status).toBe(200);
  await receiver.end('SIGTERM');
  expect(uuidsOf(receiver.stdout.lines)).toEqual(events.map(({ uuid }) => uuid));
});

itIfNotWindows.each(['file', 'pipe'])(
  'under load kill -9 loses nothing that was answered 200: stdout is a %s',
  async (kind) => {
    const file = join(temporaryFolder(), 'events');
    const receiver = await Receiver.start({}, kind === 'file' ? { shell: `exec "$@" >> "${file}"` } : {});
    const answered = new Set<string>();
    const ends = load(receiver, answered);
    await until(receiver, () => answered.size > 1000);
    await receiver.end('SIGKILL');
    await ends;
    const text = kind === 'file' ? readFileSync(file, 'utf8') : receiver.stdout.text;
    // All but what follows the last line feed.
    const logged = uuidsOf(text.split('\n').slice(0, -1));
    expect(new Set(logged).size).toBe(logged.length);
    expect([...answered].filter((uuid) => !logged.includes(uuid))).toEqual([]);
  },
);

itIfNotWindows('under load SIGTERM resets no connection, and all that was answered 200 is logged', async () => {
  const receiver = await Receiver.start();
  const answered = new Set<string>();
  const ends = load(receiver, answered);
  await until(receiver, () => answered.size > 1000);
  expect(await receiver.end('SIGTERM')).toBe(0);
  expect(new Set(await ends)).toEqual(new Set(['ECONNREFUSED']));
  expect(uuidsOf(receiver.stdout.lines).sort()).toEqual([...answered].sort());
});

it('an unexpected error, outside a request, ends the program with a line and status 1', async () => {
  const preload = join(temporaryFolder(), 'throw.js');
  writeFileSync(preload, "process.stdin.once('data', () => { throw new TypeError('of a test'); });");
  const receiver = await Receiver.start({}, { nodeOptions: ['--require', preload] });
  receiver.child.stdin.write('now');
  expect(await receiver.ended()).toBe(1);
  expect(receiver.stderr.lines.at(-1)).toMatch(
    /^\d\d:\d\d:\d\d {2}Unexpected error, stopping: TypeError: of a test \| at /,
  );
});
