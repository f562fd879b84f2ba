import { afterEach, expect } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
// Windows ends a program at once on any signal.
import { itIfNotWindows as it, itIfScript } from '../support/available.js';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver, runOnTerminal, Transcript } from '../support/programs.js';

afterEach(endPrograms);

/** A request that is on its way, without the body of this length. */
async function unfinished(port: number, length = 10) {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  const head = `POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n`;
  socket.write(`${head}Expect: 100-continue\r\n\r\n`);
  await once(socket, 'data');
  return socket;
}

it.each([
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
] as const)('waits for requests on %s, and ends at once on a second signal: %s', async (first, second) => {
  const receiver = await Receiver.start();
  const slow = await unfinished(receiver.port);
  receiver.child.kill(first);
  await receiver.stderr.match(new RegExp(`Stopping on ${first}\n$`));
  expect(await receiver.end(second)).toBe(second);
  slow.destroy();
});

it('closes idle connections, takes no new ones, and lets a request under way finish', async () => {
  const receiver = await Receiver.start();
  const idle = connect(receiver.port, '127.0.0.1');
  idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(idle, 'data');
  const body = JSON.stringify(notification());
  const slow = await unfinished(receiver.port, body.length);
  const answer = new Transcript(slow);
  const ended = receiver.end('SIGTERM');
  await once(idle, 'close');
  await expect(fetch(receiver.url)).rejects.toThrow();
  slow.write(body);
  await answer.match(/HTTP\/1\.1 200 OK/);
  expect(await ended).toBe(0);
  expect(receiver.stdout.text).toBe(`${body}\n`);
});

it.each(['stdout', 'stdout and stderr'])(
  'SIGTERM ends it in order although nobody reads %s: the first process of a container cannot kill itself',
  async (streams) => {
    const shell = `exec "$@" ${streams === 'stdout' ? '' : '2>&1'}`;
    const receiver = await Receiver.start({}, { shell, nodeOptions: FAST_CLOCK });
    receiver.child.stdout.pause();
    const padding = 'x'.repeat(100_000);
    let status;
    do ({ status } = await receiver.post({ ...notification(), padding }));
    while (status === 200);
    expect(status).toBe(503);
    expect(await receiver.end('SIGTERM')).toBe(0);
  },
);

it('a hang-up changes nothing if neither stream is a terminal: nohup leaves it running', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  receiver.child.kill('SIGHUP');
  receiver.child.kill('SIGHUP');
  expect((await receiver.post(notification())).status).toBe(200);
  expect(await receiver.end('SIGTERM')).toBe(0);
  expect(receiver.stderr.text).not.toMatch(/SIGHUP/);
});

itIfScript('a hang-up stops it in order if it is on a terminal, and it says so', async () => {
  const { child, screen } = runOnTerminal('src/server', { PORT: '0', TERM: 'dumb' });
  const pid = Number((await screen.match(/pid (\d+)/))[1]);
  await screen.match(/Next:/);
  const closed = once(child, 'close');
  process.kill(pid, 'SIGHUP');
  process.kill(pid, 'SIGHUP');
  const [status] = await closed;
  expect(status).toBe(0);
  expect(screen.text).toMatch(/\d\d:\d\d:\d\d {2}Stopping on SIGHUP: the terminal was closed\r\n$/);
});
