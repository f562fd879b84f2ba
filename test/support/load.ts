import { Agent, request } from 'node:http';
import { notification } from './notification.js';
import type { Receiver } from './programs.js';

/** The uuids in lines of events. Throws if a line is not whole. */
export function uuidsOf(lines: string[]): string[] {
  return lines.map((line) => (JSON.parse(line) as { uuid: string }).uuid);
}

/** Runs `work` for each item, this many at a time. */
export async function atATime<T>(count: number, items: T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const loop = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: count }, loop));
}

/**
 * Posts events over 20 connections that stay open, one after the other on each, until the receiver takes no more.
 * `answered` fills with the uuids that got a 200; resolves to all other ends.
 */
export async function load(receiver: Receiver, answered: Set<string>): Promise<(number | string)[]> {
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
