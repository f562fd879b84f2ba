import { eventLog, NotLogged } from '../../src/receiver/event-log.js';
import type { Notification } from '../../src/receiver/notification.js';

/** An event whose line is `json`. */
function event(json: string, uuid?: string): Notification {
  return { json, uuid, event: '/x', body: undefined };
}

/** A log, its lines, and `write`, which a test may replace. */
function testLog(timeoutMs?: number) {
  const lines: string[] = [];
  const log = { lines, write: async (line: string): Promise<void> => void lines.push(line) };
  const add = eventLog(
    (line) => log.write(line),
    ({ json }) => json,
    timeoutMs,
  );
  return Object.assign(log, { add });
}

/** A stdout that takes a line only once it is released, and how many lines it was given. */
function heldStdout() {
  let release = () => {};
  const taken = new Promise<void>((resolve) => (release = resolve));
  const stdout = { lines: 0, release, write: () => (stdout.lines++, taken) };
  return stdout;
}

it('logs an event that comes twice at the same time once, and both wait until it is written', async () => {
  const log = testLog();
  const stdout = heldStdout();
  log.write = stdout.write;
  const answered: boolean[] = [];
  const twins = [1, 2].map(async () => answered.push(await log.add(event('{}', 'twin'))));
  await new Promise(setImmediate);
  expect(answered).toEqual([]);
  stdout.release();
  await Promise.all(twins);
  expect(answered).toEqual([true, false]);
  expect(stdout.lines).toBe(1);
});

it('remembers the last 10,000 uuids, and no more', async () => {
  const log = testLog();
  for (const isNew of [true, false])
    for (let i = 0; i < 10_000; i++) expect(await log.add(event(`${i}`, `uuid-${i}`))).toBe(isNew);
  expect(await log.add(event('one more', 'uuid-10000'))).toBe(true);
  expect(await log.add(event('forgotten', 'uuid-0'))).toBe(true);
  expect(await log.add(event('remembered', 'uuid-2'))).toBe(false);
  expect(log.lines).toHaveLength(10_002);
});

it('logs each event without a uuid', async () => {
  const log = testLog();
  expect([await log.add(event('{"a":1}')), await log.add(event('{"a":1}'))]).toEqual([true, true]);
  expect(log.lines).toEqual(['{"a":1}', '{"a":1}']);
});

it('does not count as seen what could not be written, and says why it could not', async () => {
  const log = testLog();
  const { write } = log;
  log.write = () => Promise.reject(new Error('ENOSPC: no space left on device'));
  await expect(log.add(event('{}', 'lost'))).rejects.toThrow(/^ENOSPC/);
  await expect(log.add(event('{}', 'lost'))).rejects.toBeInstanceOf(NotLogged);
  log.write = write;
  expect(await log.add(event('{}', 'lost'))).toBe(true);
  expect(log.lines).toEqual(['{}']);
});

it('gives up an event that is not written in time, and counts it as logged if it is written later', async () => {
  const log = testLog(20);
  const stdout = heldStdout();
  log.write = stdout.write;
  for (let i = 0; i < 2; i++) {
    const added = log.add(event('{}', 'late'));
    await expect(added).rejects.toThrow('stdout has taken nothing for 20 ms');
    await expect(added).rejects.toBeInstanceOf(NotLogged);
  }
  stdout.release();
  expect(await log.add(event('{}', 'late'))).toBe(false);
  expect(stdout.lines).toBe(1);
});
