import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import request from 'supertest';
import { createApp } from '../src/app.js';
import { EventLog, type Notification } from '../src/event-log.js';
import { LineWriter } from '../src/line-writer.js';
import { notification } from './support/notification.js';

const file = join(mkdtempSync(join(tmpdir(), 'app-')), 'events');
const fd = openSync(file, 'a');
afterAll(() => closeSync(fd));

let said: string[] = [];
beforeEach(() => (said = []));

function app(options: { verificationToken?: string; corsOrigin?: string } = {}) {
  return request(
    createApp({
      eventLog: new EventLog(new LineWriter(fd), 'json'),
      verificationToken: options.verificationToken,
      corsOrigin: options.corsOrigin ?? '*',
      say: (line) => said.push(line),
    }),
  );
}
const post = (body: string | object = '', options = {}) =>
  app(options).post('/webhook').set('Content-Type', 'application/json; charset=UTF-8').send(body);
const logged = () => readFileSync(file, 'utf8').split('\n').filter(Boolean);
const isLogged = (uuid: string) => logged().filter((line) => line.includes(uuid)).length;

describe('handshake', () => {
  it('echoes the Validation-Token with the content type that RingCentral asks for and an empty body', async () => {
    const before = logged().length;
    const answer = await app().post('/webhook').set('Validation-Token', '0f3c-token');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'validation-token': '0f3c-token',
      'content-type': 'application/json',
      'content-length': '0',
    });
    expect(answer.text).toBe('');
    expect(logged()).toHaveLength(before);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json'])(
    'does not care for the content type of its empty body: %s',
    async (type) => {
      const answer = await app().post('/webhook').set({ 'Validation-Token': 't', 'Content-Type': type });
      expect([answer.status, answer.headers['validation-token']]).toEqual([200, 't']);
    },
  );

  it.each(['{}', 'null', '[]', '{"event":7}'])('takes a body without an event for one: %s', async (body) => {
    const answer = await post(body).set('Validation-Token', 't');
    expect([answer.status, answer.headers['validation-token']]).toEqual([200, 't']);
  });

  it('needs no verification token', async () => {
    const answer = await app({ verificationToken: 'secret' }).post('/webhook').set('Validation-Token', 't');
    expect(answer.status).toBe(200);
  });

  it('that asks for a verification token gets it compared: so the registration tells whether they agree', async () => {
    const ask = (token: string) =>
      app({ verificationToken: 'secret' })
        .post('/webhook')
        .set({ 'Validation-Token': 't', 'Verification-Token': token });
    expect([(await ask('secret')).status, (await ask('another')).status]).toEqual([200, 401]);
  });

  it('logs an event that comes with it and echoes the header as well', async () => {
    const event = notification();
    const answer = await post(event).set('Validation-Token', 'both');
    expect([answer.status, answer.headers['validation-token']]).toEqual([200, 'both']);
    expect(isLogged(event.uuid)).toBe(1);
  });

  it('refuses a token too long for the answer, and does not log the event beside it', async () => {
    const event = notification();
    const answer = await post(event).set('Validation-Token', 'x'.repeat(1000));
    expect(answer.status).toBe(400);
    expect(answer.headers).not.toHaveProperty('validation-token');
    expect(answer.body.error).toMatch(/Validation-Token is too long/);
    expect(isLogged(event.uuid)).toBe(0);
  });
});

describe('notification', () => {
  it('is logged as it came, on one line, and answered with an empty 200', async () => {
    const event = notification();
    const answer = await post(event);
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, '', 'application/json']);
    expect(logged().at(-1)).toBe(JSON.stringify(event));
  });

  it('keeps every digit, key and escape of the payload', async () => {
    const body =
      '{"event":"/x","n":12345678901234567890.123,"2":0,"1":0,"a":1,"a":2,"__proto__":{"b":3},"s":"\\ud800\\/\\u00e9"}';
    expect((await post(body)).status).toBe(200);
    expect(logged().at(-1)).toBe(body);
  });

  it('comes out on one line where it came on several', async () => {
    expect((await post('{\r\n\t"event" : "/several",\n"s": "\u2028\u009b"}\n')).status).toBe(200);
    expect(logged().at(-1)).toBe('{ "event" : "/several", "s": "\\u2028\\u009b"} ');
  });

  it('may be of any event type', async () => {
    expect((await post({ event: '/restapi/v1.0/account/~/presence' })).status).toBe(200);
    expect(logged().at(-1)).toBe('{"event":"/restapi/v1.0/account/~/presence"}');
  });

  it('may be compressed, and start with a byte order mark', async () => {
    const event = notification();
    const answer = await app()
      .post('/webhook')
      .set({ 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
      .serialize((body: unknown) => body as string)
      .send(gzipSync(`\ufeff${JSON.stringify(event)}`) as unknown as string);
    expect(answer.status).toBe(200);
    expect(isLogged(event.uuid)).toBe(1);
  });
});

describe('origin', () => {
  it('accepts the verification token', async () => {
    const event = notification();
    const answer = await post(event, { verificationToken: 'secret' }).set('Verification-Token', 'secret');
    expect(answer.status).toBe(200);
    expect(isLogged(event.uuid)).toBe(1);
  });

  it.each([undefined, '', 'wrong!', 'secrets', 'SECRET', 'sécret'])('refuses %j in its place', async (token) => {
    const event = notification();
    const answer = await post(event, { verificationToken: 'secret' }).set(
      token === undefined ? {} : { 'Verification-Token': token },
    );
    expect(answer.status).toBe(401);
    expect(answer.body.error).toMatch(/Verification-Token/);
    expect(isLogged(event.uuid)).toBe(0);
    expect(said.join()).toMatch(/npm run register/);
    expect(said.join() + answer.text).not.toMatch(/secret/);
  });
});

describe('once', () => {
  it('logs an event that comes again one time only, and says so', async () => {
    const event = notification();
    const server = app();
    const again = () => server.post('/webhook').send(event);
    expect((await again()).status).toBe(200);
    expect((await again()).status).toBe(200);
    expect(isLogged(event.uuid)).toBe(1);
    expect(said).toContainEqual(expect.stringContaining(event.uuid));
  });
});

it('takes neither an empty uuid nor a huge one for an identity', async () => {
  const server = app();
  for (const uuid of ['', 'x'.repeat(201)])
    for (const event of ['/first', '/second']) {
      expect((await server.post('/webhook').send({ uuid, event })).status).toBe(200);
      expect(JSON.parse(logged().at(-1) ?? '')).toEqual({ uuid, event });
    }
});

describe('refusals', () => {
  it.each<[number, RegExp, string, Record<string, string>]>([
    [400, /not JSON/, '{"event":', {}],
    [400, /not JSON/, 'event', {}],
    [400, /Neither a handshake .* nor a notification/, '{}', {}],
    [400, /Neither/, '', {}],
    [400, /Neither/, '[{"event":"/x"}]', {}],
    [400, /Neither/, '{"event":null}', {}],
    [400, /Neither/, '{"__proto__":{"event":"/x"}}', {}],
    [413, /100 KiB/, `{"event":"/x","a":"${'x'.repeat(102_400)}"}`, {}],
    [415, /application\/json.* not text\/plain/, '{"event":"/x"}', { 'Content-Type': 'text/plain' }],
    [415, /application\/json/, '{"event":"/x"}', { 'Content-Type': 'application/jsonp' }],
    [415, /UTF-8/, '{"event":"/x"}', { 'Content-Type': 'application/json; charset=utf-16' }],
    [415, /UTF-8/, '{"event":"/x"}', { 'Content-Type': 'application/json;charset="iso-8859-1"' }],
    [415, /gzip/, '{"event":"/x"}', { 'Content-Encoding': 'lzma' }],
    [400, /./, '{"event":"/x"}', { 'Content-Encoding': 'gzip' }],
  ])('answers %i %s', async (status, error, body, headers) => {
    const before = logged().length;
    const answer = await post(body).set(headers);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.body).toEqual({ error: expect.stringMatching(error) });
    expect(logged()).toHaveLength(before);
  });

  it.each([
    ['bytes that are not UTF-8', Buffer.from('7b226576656e74223a22ff227d', 'hex'), 400],
    ['UTF-16', Buffer.from('{"event":"/x"}', 'utf16le'), 400],
    ['a gzip bomb', gzipSync(Buffer.alloc(50_000_000, 'x')), 413],
    ['a deflate bomb', deflateSync(Buffer.alloc(50_000_000, 'x')), 413],
  ])('refuses %s', async (name, body, status) => {
    const encoding = /gzip|deflate/.exec(name)?.[0];
    const answer = await app()
      .post('/webhook')
      .set({ 'Content-Type': 'application/json', ...(encoding && { 'Content-Encoding': encoding }) })
      .serialize((sent: unknown) => sent as string)
      .send(body as unknown as string);
    expect(answer.status).toBe(status);
  });

  it.each(['get', 'head', 'put', 'patch', 'delete'] as const)('answers 405 to %s /webhook', async (method) => {
    const answer = await app()[method]('/webhook');
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
    if (method !== 'head') expect(answer.body.error).toMatch(/POST/);
  });

  it.each(['/', '/webhooks', '/%zz', '//'])('answers 404 with a pointer to /webhook at %s', async (path) => {
    const answer = await app().post(path).send(notification());
    expect(answer.status).toBe(404);
    expect(answer.body.error).toMatch(/POST \/webhook/);
  });
});

describe('headers', () => {
  it('are those of helmet and cors that an API needs', async () => {
    const answer = await app().get('/healthz');
    expect(answer.headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.stringContaining('max-age='),
      'access-control-allow-origin': '*',
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expect(answer.headers).not.toHaveProperty('etag');
  });

  it('name the one origin that is set, and answer a preflight without repeating what it asks for', async () => {
    const answer = await app({ corsOrigin: 'https://example.com' })
      .options('/webhook')
      .set({ Origin: 'https://example.com', 'Access-Control-Request-Headers': 'x'.repeat(4000) });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://example.com',
      'access-control-allow-methods': 'POST',
    });
    expect(JSON.stringify(answer.headers).length).toBeLessThan(1024);
  });
});

describe('health', () => {
  it('is ok, and stays out of the access log', async () => {
    const answer = await app().get('/healthz');
    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
    await app().get('/other');
    await app().options('/webhook');
    expect(said).toEqual([
      expect.stringMatching(/^GET \/other 404 "-" [\d.]+ ms/),
      expect.stringMatching(/^OPTIONS \/webhook 204 /),
    ]);
  });
});

describe('an error that nobody foresaw', () => {
  it('is a 500 without details for that request, and the next one is served', async () => {
    class Faulty extends EventLog {
      override log(event: Notification): Promise<boolean> {
        if (event.event === '/faulty') throw new TypeError('secret detail');
        return super.log(event);
      }
    }
    const eventLog = new Faulty(new LineWriter(fd), 'json');
    const server = request(
      createApp({ eventLog, verificationToken: undefined, corsOrigin: '*', say: (line) => said.push(line) }),
    );
    const answer = await server.post('/webhook').send({ event: '/faulty' });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toMatch(/secret|at /);
    expect(said.join()).toMatch(/TypeError: secret detail/);
    expect((await server.post('/webhook').send(notification())).status).toBe(200);
  });
});
