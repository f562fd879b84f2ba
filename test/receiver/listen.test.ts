import { afterEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startReceiver, type ReceiverOptions } from '../../src/receiver/listen.js';
import { Said } from '../support/app.js';
import { itIfIPv6 } from '../support/available.js';
import { Transcript } from '../support/programs.js';
import { exchange, received, request } from '../support/raw.js';

const receivers: Awaited<ReturnType<typeof startReceiver>>[] = [];
afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.stop())));

/** A receiver on a free port, unless another is given, and the events that it logged. */
async function start(where: Partial<ReceiverOptions> = {}) {
  const events: string[] = [];
  const log = async ({ event }: { event: string }) => (events.push(event), 'logged' as const);
  const defaults = { port: 0, host: undefined, log, verificationToken: undefined, say: () => {} };
  const receiver = await startReceiver({ ...defaults, ...where });
  receivers.push(receiver);
  return { ...receiver, events };
}

/** A request on a connection that stays open. */
function post(headers: string, body = '', connection = 'keep-alive'): string {
  const head = `POST /webhook HTTP/1.1\r\nHost: hook.example.com\r\nConnection: ${connection}\r\n${headers}\r\n`;
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const event = (name: string, connection?: string) =>
  post('Content-Type: application/json', JSON.stringify({ event: name }), connection);

async function expectToListen(host: string | undefined, name: string): Promise<void> {
  const { port, url, stop } = await start({ host });
  expect(url).toBe(`http://${name}:${port}`);
  const { status, headers } = await fetch(`${url}/healthz`);
  expect(status).toBe(200);
  // Longer than the 60 seconds of load balancers.
  expect(headers.get('keep-alive')).toBe('timeout=65');
  await stop();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
}

it.each([
  [undefined, 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
])('listens on the address %s, says where, and no more once it is stopped', expectToListen);

itIfIPv6('puts an address of IPv6 into brackets', () => expectToListen('::1', '[::1]'));

it('cuts off a request that never ends once it is stopped, earlier than otherwise', async () => {
  const { port, stop } = await start();
  const socket = connect(port, '127.0.0.1');
  const answer = received(socket);
  socket.write(post('Expect: 100-continue', 'x').slice(0, -1));
  await once(socket, 'data');
  await stop();
  expect(await answer).toBe('HTTP/1.1 100 Continue\r\n\r\n');
});

it('names the setting that keeps it from listening, and says what to do', async () => {
  const { port } = await start();
  await expect(start({ port })).rejects.toThrow(
    `PORT ${port} is in use: stop what uses it (keep receives by itself: stop \`npm start\`), or set another PORT.`,
  );
  await expect(start({ host: '203.0.113.7' })).rejects.toThrow(
    /^Cannot listen \(.*EADDRNOTAVAIL.* 203\.0\.113\.7\): HOST takes an address of this machine/,
  );
});

it('answers one request after the other on a connection that is kept, so briefly that a proxy can add its own', async () => {
  const { port, events } = await start();
  const socket = connect(port, '127.0.0.1');
  const answers = new Transcript(socket);
  const sent: [string, number][] = [
    [post(`Validation-Token: ${randomUUID()}`), 300],
    [event('/1'), 260],
    [event('/2'), 260],
  ];
  for (const [bytes, most] of sent) {
    answers.text = '';
    socket.write(bytes);
    const [answer] = await answers.match(/^HTTP\/1\.1 200 OK\r\n[^]*Keep-Alive: [^]*\r\n\r\n$/);
    expect(answer.length).toBeLessThanOrEqual(most);
  }
  expect(events).toEqual(['/1', '/2']);
  socket.destroy();
});

it('closes a connection whose next request comes before the last answer, and serves the others', async () => {
  const { port, events } = await start();
  await exchange(port, event('/1') + event('/2') + event('/3', 'close'));
  expect(await exchange(port, post('Expect: x').repeat(2))).not.toMatch(/ 417 /);
  await exchange(port, event('/other', 'close'));
  expect(events).toContain('/other');
  expect(events).not.toContain('/2');
  expect(events).not.toContain('/3');
});

it('names a sender by IPv4 without the prefix of IPv6', async () => {
  const said = new Said();
  const { port } = await start({ say: said.say });
  await exchange(port, request(['GET /other HTTP/1.1']));
  expect(await said.match(/^GET/)).toMatch(/ from 127\.0\.0\.1: /);
});
