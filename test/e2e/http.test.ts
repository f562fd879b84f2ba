import { afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver, said, Transcript } from '../support/programs.js';
import { exchange, request } from '../support/raw.js';

afterEach(endPrograms);

describe('behind a proxy, which adds its own headers', () => {
  it('an answer takes 300 bytes for a handshake, and 260 for a notification, on a connection that is kept', async () => {
    const receiver = await Receiver.start({ WEBHOOK_VERIFICATION_TOKEN: 't' }, { nodeOptions: FAST_CLOCK });
    const socket = connect(receiver.port, '127.0.0.1');
    const answer = new Transcript(socket);
    const send = async (headers: string, body = '') => {
      answer.text = '';
      const head = `POST /webhook HTTP/1.1\r\nHost: hook.example.com\r\nConnection: keep-alive\r\n${headers}`;
      socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return (await answer.match(/^HTTP\/1\.1 200 OK\r\n[^]*Keep-Alive: [^]*\r\n\r\n$/))[0];
    };
    const token = randomUUID();
    const handshake = await send(`Validation-Token: ${token}\r\n`);
    expect(handshake).toContain(`\r\nValidation-Token: ${token}\r\n`);
    expect(handshake.length).toBeLessThanOrEqual(300);
    const headers = 'Content-Type: application/json; charset=UTF-8\r\nVerification-Token: t\r\n';
    expect((await send(headers, JSON.stringify(notification()))).length).toBeLessThanOrEqual(260);
    socket.destroy();
    await receiver.end('SIGTERM');
    expect(receiver.stdout.lines).toHaveLength(1);
  });

  it('a refusal names the sender that X-Forwarded-For names', async () => {
    const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
    await receiver.post('{}', { 'x-forwarded-for': '203.0.113.7' });
    await receiver.stderr.match(/POST \/webhook 400 "node" [\d.]+ ms from 203\.0\.113\.7: Neither a handshake/);
  });
});

it('what Express or Node.js would answer by itself is answered in JSON, and only the access log speaks of it', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  expect(await exchange(receiver.port, request(['POST http://[bad/webhook HTTP/1.1']))).toMatch(
    /^HTTP\/1\.1 404 [^]*\r\nContent-Type: application\/json[^]*\r\n\r\n\{"error":".*"\}$/,
  );
  const expecting = request(['POST /webhook HTTP/1.1', 'Validation-Token: t', 'Expect: the unexpected']);
  expect(await exchange(receiver.port, expecting)).toMatch(/^HTTP\/1\.1 200 /);
  await receiver.end('SIGTERM');
  expect(said(receiver.stderr.lines).slice(-3)).toEqual([
    expect.stringMatching(/^POST http:\/\/\[bad\/webhook 404 /),
    expect.stringMatching(/^POST \/webhook 200 /),
    'Stopping on SIGTERM',
  ]);
});
