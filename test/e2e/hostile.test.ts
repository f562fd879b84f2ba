import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver, Transcript } from '../support/programs.js';
import { exchange, received, request } from '../support/raw.js';

const TOKEN = 'verification-token-of-a-test';
const JSON_TYPE = 'Content-Type: application/json';
let receiver: Receiver;

function start(nodeOptions: string[]): Promise<Receiver> {
  return Receiver.start({ WEBHOOK_VERIFICATION_TOKEN: TOKEN, LOG_FORMAT: 'pretty' }, { nodeOptions });
}

beforeAll(async () => {
  receiver = await start(FAST_CLOCK);
});
afterAll(endPrograms);

/** A POST to /webhook with the right verification token, byte for byte. */
function post(body: string | Buffer, ...headers: string[]): Buffer {
  return request(['POST /webhook HTTP/1.1', `Verification-Token: ${TOKEN}`, JSON_TYPE, ...headers], body);
}

/** The statuses of all answers in what came back. */
function statuses(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

/** That the next request is served as if nothing had been. */
async function expectUnharmed(): Promise<void> {
  const event = notification();
  expect((await receiver.post(event, { 'verification-token': TOKEN })).status).toBe(200);
  await receiver.stdout.match(new RegExp(`\n  "uuid": "${event.uuid}"`));
}

const nested = '['.repeat(51_000) + ']'.repeat(51_000);

it.each<[string, Buffer, number]>([
  ['100 KiB of nested arrays', post(`{"event":"/x","a":${nested}}`), 200],
  ['100 KiB of nested arrays in place of a notification', post(nested), 400],
  ['nested arrays that never close', post('['.repeat(102_400)), 400],

  ['__proto__ keys', post('{"event":"/x","__proto__":{"event":1,"toString":1},"constructor":{"prototype":1}}'), 200],
  ['lone surrogates', post('{"event":"/x","body":{"type":"VoiceMail","from":{"name":"\\ud800"}}}'), 200],
  ['numbers beyond double precision', post('{"event":"/x","n":1e999,"m":-123456789012345678901}'), 200],
  ['a validation token of 16 KiB', post('', `Validation-Token: ${'t'.repeat(16_384)}`), 431],
  ['huge headers', post('{"event":"/x"}', `X: ${'x'.repeat(100_000)}`), 431],
  ['two verification tokens', post('{"event":"/x"}', `Verification-Token: ${TOKEN}`), 401],
  ['two content types', post('{"event":"/x"}', 'Content-Type: text/plain'), 200],
  ['two lengths', post('{"event":"/x"}', 'Content-Length: 3'), 400],
  ['a length and chunks', post('0\r\n\r\n', 'Transfer-Encoding: chunked'), 400],
  ['a negative length', request(['POST /webhook HTTP/1.1', 'Content-Length: -1']), 400],
  ['a null byte in a header', post('{"event":"/x"}', 'X: a\0b'), 400],
  ['no HTTP at all', Buffer.from('\x16\x03\x01\x02\0\x01\r\n\r\n'), 400],
  ['a request line without end', Buffer.from(`POST /${'x'.repeat(100_000)}`), 431],
])('survives %s', async (_, bytes, status) => {
  const answer = await exchange(receiver.port, bytes);
  // Windows drops what came over a connection that is reset: more was sent than was read.
  if (process.platform !== 'win32' || answer !== '') expect(statuses(answer)).toEqual([status]);
  expect(answer.length).toBeLessThan(1024);
  await expectUnharmed();
});

it.each([
  ['', '['],
  ['with brackets in its strings', '["]",'],
])('does not run out of a small memory by 100 KiB that would be 300 MB if they were indented %s', async (_, level) => {
  const small = await start([...FAST_CLOCK, '--max-old-space-size=100']);
  const deepAndWide = `${level.repeat(4000)}1${',1'.repeat(35_000)}${']'.repeat(4000)}`;
  expect(statuses(await exchange(small.port, post(`{"event":"/x","a":${deepAndWide}}`)))).toEqual([200]);
  expect(small.child.exitCode).toBeNull();
});

it('does not trust what follows too small a Content-Length: it is a request of its own', async () => {
  const smuggled = `POST /webhook HTTP/1.1\r\nHost: x\r\n${JSON_TYPE}\r\nContent-Length: 21\r\nConnection: close\r\n\r\n{"event":"/smuggled"}`;
  const outer = `POST /webhook HTTP/1.1\r\nHost: x\r\n${JSON_TYPE}\r\nVerification-Token: ${TOKEN}\r\nContent-Length: 2\r\n\r\n{}`;
  const socket = connect(receiver.port, '127.0.0.1');
  const answers = new Transcript(socket);
  socket.write(outer);
  await answers.match(/ 400 /);
  socket.write(smuggled);
  await answers.match(/ 401 /);
  expect(receiver.stdout.text).not.toMatch(/smuggled/);
});

it('cuts off clients that send headers or a body by the drop, or nothing, and serves the others meanwhile', async () => {
  const slow = [
    ['POST /webhook HTTP/1.1\r\nHost: x\r\n', 'X'],
    ['POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n', ' '],
    ['', ''],
  ] as const;
  const cut = slow.map(async ([start, drop]) => {
    const socket = connect(receiver.port, '127.0.0.1');
    socket.write(start);
    const drops = setInterval(() => socket.write(drop), 50);
    const answer = await received(socket);
    clearInterval(drops);
    return statuses(answer)[0];
  });
  await expectUnharmed();
  expect(await Promise.all(cut)).toEqual([408, 408, 408]);
  await expectUnharmed();
});
