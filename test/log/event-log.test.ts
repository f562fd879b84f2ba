import { expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Failure } from '../../src/errors.js';
import { eventLog, voicemailId, type WebhookEvent } from '../../src/log/event-log.js';

/** An event whose line is `json`. */
function event(json: string, uuid?: string): WebhookEvent {
  return { json, uuid, event: '/x', body: undefined };
}

/** A log, its lines, and `write`, which a test may replace. */
function testLog(...known: [keyOf?: typeof voicemailId, known?: string[]]) {
  const lines: string[] = [];
  const log = { lines, write: async (line: string): Promise<void> => void lines.push(line) };
  return Object.assign(
    log,
    eventLog(({ json }) => log.write(json), ...known),
  );
}

/** A stdout that takes a line only once it is released, and how many lines it was given. */
function heldStdout() {
  let release = () => {};
  const taken = new Promise<void>((resolve) => (release = resolve));
  const write = () => {
    stdout.lines++;
    return taken;
  };
  const stdout = { lines: 0, release, write };
  return stdout;
}

it('logs an event that comes twice at the same time once, and both wait until it is written', async () => {
  const log = testLog();
  const stdout = heldStdout();
  log.write = stdout.write;
  const answered: string[] = [];
  const twins = [1, 2].map(async () => answered.push(await log.log(event('{}', 'twin'))));
  await new Promise(setImmediate);
  expect(log.has('twin')).toBe(true);
  expect(answered).toEqual([]);
  stdout.release();
  await Promise.all(twins);
  expect(answered).toEqual(['logged', 'repeated']);
  expect(stdout.lines).toBe(1);
});

it('remembers the last 20,000 uuids, and no more', async () => {
  const log = testLog();
  for (const outcome of ['logged', 'repeated'])
    for (let i = 0; i < 20_000; i++) expect(await log.log(event(`${i}`, `uuid-${i}`))).toBe(outcome);
  expect(await log.log(event('one more', 'uuid-20000'))).toBe('logged');
  expect(await log.log(event('forgotten', 'uuid-0'))).toBe('logged');
  expect(await log.log(event('remembered', 'uuid-2'))).toBe('repeated');
  expect(log.lines).toHaveLength(20_002);
});

it('logs each event without a uuid', async () => {
  const log = testLog();
  for (let i = 0; i < 2; i++) expect(await log.log(event('{"a":1}'))).toBe('logged');
  expect(log.lines).toEqual(['{"a":1}', '{"a":1}']);
});

it('knows an event by the key that it is given, and the events of an earlier run', async () => {
  const log = testLog(voicemailId, ['7']);
  const voicemail = (id: unknown) => ({ ...event('{}', randomUUID()), event: '/voicemail', body: { id } });
  expect(await log.log(voicemail(7))).toBe('repeated');
  expect(await log.log(voicemail('8'))).toBe('logged');
  expect(await log.log(voicemail(8))).toBe('repeated');
  expect(await log.log({ ...voicemail(8), event: '/message-store' })).toBe('logged');
});

it('does not count as logged what could not be written, and says why', async () => {
  const log = testLog();
  const { write } = log;
  log.write = () => Promise.reject(new Failure('ENOSPC: no space left on device'));
  await expect(log.log(event('{}', 'lost'))).rejects.toThrow(new Failure('ENOSPC: no space left on device'));
  expect(log.has('lost')).toBe(false);
  log.write = write;
  expect(await log.log(event('{}', 'lost'))).toBe('logged');
  expect(log.lines).toEqual(['{}']);
});

it('gives up an event that is not written in time, and counts it as logged if it is written later', async () => {
  const log = testLog();
  const stdout = heldStdout();
  log.write = stdout.write;
  for (let i = 0; i < 2; i++) {
    const added = log.log(event('{}', 'late'));
    await expect(added).rejects.toThrow('stdout did not take it within 1500 ms');
    await expect(added).rejects.toBeInstanceOf(Failure);
  }
  stdout.release();
  expect(await log.log(event('{}', 'late'))).toBe('repeated');
  expect(stdout.lines).toBe(1);
});
