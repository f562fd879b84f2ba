import { afterEach, expect, it, jest } from '@jest/globals';
import timers from 'node:timers/promises';
import { perMinute } from '../src/pace.js';

afterEach(() => void jest.restoreAllMocks());

it('lets at most so many pass in any minute, and the rest as soon as they may', async () => {
  let now = 1000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  jest.spyOn(timers, 'setTimeout').mockImplementation((ms = 0) => Promise.resolve(void (now += ms) as never));
  const turn = perMinute(3);
  const times: number[] = [];
  const pass = () => turn().then(() => times.push(now));
  await pass();
  now += 20_000;
  await Promise.all([pass(), pass(), pass(), pass()]);
  now += 200_000;
  await Promise.all([pass(), pass(), pass(), pass()]);
  expect(times.map((time) => (time - 1000) / 1000)).toEqual([0, 20, 20, 60, 80, 280, 280, 280, 340]);
});

it('rejects what waits once the signal is aborted', async () => {
  const end = new AbortController();
  const turn = perMinute(1, end.signal);
  await turn();
  const waiting = turn();
  end.abort();
  await expect(waiting).rejects.toThrow('aborted');
});
