import { afterEach, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { startReceiver } from '../../src/receiver/listen.js';
import { itIfIPv6 } from '../support/available.js';
import { Transcript } from '../support/programs.js';
import { exchange } from '../support/raw.js';

const receivers: Awaited<ReturnType<typeof startReceiver>>[] = [];
afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.stop())));

/** A receiver on a free port, and the events that it logged. */
async function start(host?: string) {
  const events: string[] = [];
  const log = async ({ event }: { event: string }) => (events.push(event), 'logged' as const);
  const receiver = await startReceiver({ port: 0, host, log, verificationToken: undefined, say: () => {} });
  receivers.push(receiver);
  return { ...receiver, events };
}

/** A notification, on a connection that stays open. */
function event(name: string, connection = 'keep-alive'): string {
  const body = JSON.stringify({ event: name });
  const head = `POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

async function expectToListen(host: string | undefined, name: string): Promise<void> {
  const { port, url, stop } = await start(host);
  expect(url).toBe(`http://${name}:${port}`);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await stop();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
}

it.each([
  [undefined, 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
])('listens on the address %s, says where, and no more once it is stopped', expectToListen);

itIfIPv6('puts an address of IPv6 into brackets', () => expectToListen('::1', '[::1]'));

it('serves one request after the other on a connection that is kept', async () => {
  const { port, events } = await start();
  const socket = connect(port, '127.0.0.1');
  const answers = new Transcript(socket);
  for (const name of ['/1', '/2', '/3']) {
    answers.text = '';
    socket.write(event(name));
    await answers.match(/^HTTP\/1\.1 200 /);
  }
  expect(events).toEqual(['/1', '/2', '/3']);
  socket.destroy();
});

it('closes a connection whose next request comes before the last answer, and serves the others', async () => {
  const { port, events } = await start();
  await exchange(port, event('/1') + event('/2') + event('/3', 'close'));
  await exchange(port, event('/other', 'close'));
  expect(events).toContain('/other');
  expect(events).not.toContain('/2');
  expect(events).not.toContain('/3');
});
