import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { testApp } from '../support/app.js';
import { closeAll, serve } from '../support/in-process.js';
import { notification } from '../support/notification.js';
import { exchange, request } from '../support/raw.js';

afterEach(closeAll);

const EVENT = '{"event":"/x"}';
const JSON_TYPE = 'Content-Type: application/json';
const LONG = 'é'.repeat(3000);

/** Sends bytes to an app as they are, and resolves to all that comes back. */
const sendRaw = async (app: RequestListener, bytes: Buffer) => exchange(Number(new URL(await serve(app)).port), bytes);

it('a body may be compressed, and start with a byte order mark', async () => {
  const { postBytes, events } = testApp();
  const event = JSON.stringify(notification());
  const answer = await postBytes(gzipSync(`\ufeff${event}`), { 'Content-Encoding': 'gzip' });
  expect(answer.status).toBe(200);
  expect(events).toEqual([event]);
});

it('a body may have up to 100 KiB', async () => {
  const fill = (bytes: number) => `{"event":"/x","a":"${'x'.repeat(bytes - '{"event":"/x","a":""}'.length)}"}`;
  const { post } = testApp();
  expect((await post(fill(102_400))).status).toBe(200);
  const tooLarge = await post(fill(102_401));
  expect(tooLarge).toMatchObject({ status: 413, body: { error: expect.stringMatching(/100 KiB/) } });
});

it('a body that is too large by its Content-Length is refused before it is sent', async () => {
  const { app, said } = testApp();
  const head = 'POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 102401\r\nConnection: close\r\n\r\n';
  expect(await sendRaw(app, Buffer.from(head))).toMatch(/^HTTP\/1\.1 413 .*\r\n\r\n\{"error":".*100 KiB.*"\}$/s);
  await said.match(/^POST \/webhook 413 /);
});

it.each([
  ['a gzip bomb', gzipSync(Buffer.alloc(50_000_000, 'x')), 'gzip', 413],
  ['a deflate bomb', deflateSync(Buffer.alloc(50_000_000, 'x')), 'deflate', 413],
  ['what is not gzip', Buffer.from(EVENT), 'gzip', 400],
  ['a compression that is not known', Buffer.from(EVENT), 'lzma', 415],
])('a body is refused if it is %s', async (_, body, encoding, status) => {
  const { postBytes, events } = testApp();
  const answer = await postBytes(body, { 'Content-Encoding': encoding });
  expect(answer).toMatchObject({ status, body: { error: expect.any(String) } });
  expect(events).toEqual([]);
});

it.each<[number, RegExp, string, Record<string, string>]>([
  [400, /not JSON/, '{"event":', {}],
  [400, /Neither a handshake .* nor a notification/, '{}', {}],
  [400, /Neither/, '', {}],
  [415, /application\/json.* not text\/plain/, EVENT, { 'Content-Type': 'text/plain' }],
  [415, /gzip/, EVENT, { 'Content-Encoding': 'lzma' }],
])('a refusal is JSON that says why: %i %s', async (status, error, body, headers) => {
  const { post, events } = testApp();
  const answer = await post(body, headers);
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(answer.body).toEqual({ error: expect.stringMatching(error) });
  expect(events).toEqual([]);
});

it.each(['get', 'head', 'put', 'patch', 'delete'] as const)('a refusal is 405 at %s /webhook', async (method) => {
  const answer = await testApp().send()[method]('/webhook');
  expect(answer).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  if (method !== 'head') expect(answer.body.error).toMatch(/POST/);
});

it.each(['/', '/webhooks', '/%zz', '//'])('a refusal is 404 with a pointer to /webhook at %s', async (path) => {
  const answer = await testApp().send().post(path).send(notification());
  expect(answer.status).toBe(404);
  expect(answer.body.error).toMatch(/POST \/webhook/);
});

it.each([
  'http://[bad/webhook',
  'http://xn--a/webhook',
  'http://x:99999/webhook',
  '//[bad/webhook',
  '//x@[bad/#',
  '*',
  'http://x/webhook?a=b',
])('a refusal is JSON, with a line in the access log, if the request target is %s', async (target) => {
  const { app, said } = testApp();
  const answer = await sendRaw(app, request([`POST ${target} HTTP/1.1`]));
  expect(answer).toMatch(/^HTTP\/1\.1 40[04] [^]*\r\n\r\n\{"error":".*"\}$/);
  expect(await said.match(/^POST /)).toContain(`POST ${target} 40`);
  expect(said.lines).toHaveLength(1);
});

it('a refusal does not depend on the host in the request target', async () => {
  const { app, events } = testApp();
  const head = ['POST http://hook.example.com/webhook HTTP/1.1', 'Content-Type: application/json'];
  expect(await sendRaw(app, request(head, EVENT))).toMatch(/^HTTP\/1\.1 200 /);
  expect(events).toEqual([EVENT]);
});

it('a refusal is 500 without details for an unexpected error, and the next request is served', async () => {
  let isFaulty = true;
  const { post, said } = testApp({
    log: async () => {
      if (isFaulty) throw new TypeError('secret detail');
      return 'logged';
    },
  });
  const answer = await post(EVENT);
  expect(answer).toMatchObject({ status: 500, text: expect.not.stringMatching(/secret|at /) });
  expect(await said.match(/^Unexpected error/)).toMatch(/TypeError: secret detail \| at /);
  isFaulty = false;
  expect((await post(EVENT)).status).toBe(200);
});

it.each<[string, string[], string]>([
  ['the path', [`GET /webhook/${'x'.repeat(6000)} HTTP/1.1`], ''],
  ['the headers of a preflight', ['OPTIONS /webhook HTTP/1.1', `Access-Control-Request-Headers: ${LONG}`], ''],
  ['the content type', ['POST /webhook HTTP/1.1', `Content-Type: ${LONG}`], '{}'],
  ['the encoding', ['POST /webhook HTTP/1.1', JSON_TYPE, `Content-Encoding: ${LONG}`], '{}'],
  ['what is not JSON', ['POST /webhook HTTP/1.1', JSON_TYPE], `{"${LONG}`],
  ['what a terminal would obey', ['POST /webhook HTTP/1.1', JSON_TYPE], `\u202e${LONG}`],
  ['the token', ['POST /webhook HTTP/1.1', JSON_TYPE, `Validation-Token: ${LONG}`], EVENT],
])('a refusal stays far under 1024 bytes, however long is what it repeats: %s', async (_, head, body) => {
  const answer = await sendRaw(testApp().app, request([...head, `Origin: https://${LONG}`], body));
  expect(answer.length).toBeLessThan(824);
});

it('headers are those of helmet and cors that matter to an API', async () => {
  for (const answer of [await testApp().send().get('/healthz'), await testApp().send().get('/other')]) {
    expect(answer.headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.stringContaining('max-age='),
      'access-control-allow-origin': '*',
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expect(answer.headers).not.toHaveProperty('etag');
  }
});

it('headers to RingCentral are only those that it needs, and nosniff', async () => {
  const answer = await testApp().post(notification(), { 'Validation-Token': 't' });
  expect(Object.keys(answer.headers).sort()).toEqual([
    'access-control-allow-origin',
    'connection',
    'content-length',
    'content-type',
    'date',
    'validation-token',
    'x-content-type-options',
  ]);
});

it('headers let any page ask, without repeating what it asks for', async () => {
  const asked = { Origin: 'https://example.com', 'Access-Control-Request-Headers': 'X-Anything' };
  const { status, headers } = await testApp().send().options('/webhook').set(asked);
  expect(status).toBe(204);
  expect(headers).toMatchObject({ 'access-control-allow-methods': 'POST' });
  expect(headers['access-control-allow-headers']).toBe('Content-Type,Validation-Token,Verification-Token');
});

it('hands a Validation-Token back as it came, of whatever characters', async () => {
  const allowed = [...Array(256).keys()].filter((byte) => byte === 9 || (byte >= 32 && byte !== 127));
  const token = Buffer.from(allowed).toString('latin1').trim();
  const answer = await sendRaw(testApp().app, request(['POST /webhook HTTP/1.1', `Validation-Token: ${token}`]));
  expect(answer).toContain(`\r\nValidation-Token: ${token}\r\n`);
});

it('says on /healthz that it runs', async () => {
  expect((await testApp().send().get('/healthz')).body).toEqual({ status: 'ok' });
});

it('the access log has one faint line for each request, without the health checks', async () => {
  const { send, post, said } = testApp();
  await send().get('/healthz');
  await post(notification(), { 'User-Agent': 'RingCentral-Webhook/8.3' });
  await said.match(/^POST/);
  expect(said.lines).toEqual([expect.stringMatching(/^POST \/webhook 200 "RingCentral-Webhook\/8\.3" \d+\.\d ms$/)]);
  expect(said.tones).toEqual(['faint']);
});

it('the access log says of a refused request from where it came and why', async () => {
  const { send, post, said } = testApp();
  await send().get('/other').set('X-Forwarded-For', '');
  expect(await said.match(/^GET/)).toMatch(/^GET \/other 404 "-" [\d.]+ ms from (127\.0\.0\.1|::1): Nothing is served/);
  await post('{}', { 'X-Forwarded-For': '203.0.113.7, 10.0.0.1' });
  expect(await said.match(/^POST/)).toMatch(/^POST \/webhook 400 .* ms from 203\.0\.113\.7, 10\.0\.0\.1: Neither a/);
});

it('the access log has a line for a request that its sender gives up', async () => {
  const { app, said } = testApp();
  const socket = connect(Number(new URL(await serve(app)).port), '127.0.0.1');
  socket.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await said.match(/^POST \/webhook /);
});

it.each(['x', '"', '\u009b'])(
  'the access log never has a line over 1,000 characters, and always the status: %j',
  async (character) => {
    const { app, said } = testApp();
    const long = character.repeat(3000);
    const path = character === '\u009b' ? 'x' : long;
    const headers = ['User-Agent', 'X-Forwarded-For', 'Content-Type'].map((name) => `${name}: ${long}`);
    await sendRaw(app, request([`PROPPATCH /${path} HTTP/1.1`, ...headers]));
    const line = await said.match(/^PROPPATCH/);
    expect(line).toMatch(/ 404 "/);
    expect(line).toMatch(/: Nothing is served at this path/);
    // The time still comes before it.
    expect(line.length).toBeLessThanOrEqual(1000 - '14:03:22  '.length);
  },
);

it('the access log has nothing in it that a terminal would obey', async () => {
  const { app, said } = testApp();
  const hostile = '\u009b31m\u0085.';
  await sendRaw(app, request([`POST /x HTTP/1.1`, `User-Agent: ${hostile}`, `X-Forwarded-For: ${hostile}`]));
  expect(await said.match(/^POST/)).toMatch(
    /^POST \/x 404 "\\+u009b31m\\+u0085\." [\d.]+ ms from \\u009b31m\\u0085\.: Nothing/,
  );
});
