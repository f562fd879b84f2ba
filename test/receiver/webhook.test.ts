import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Failure } from '../../src/errors.js';
import type { LogEvent } from '../../src/log/event-log.js';
import { readNotification } from '../../src/receiver/webhook.js';
import { testApp } from '../support/app.js';
import { notification } from '../support/notification.js';

const TOKEN = '0123456789abcdef0123456789abcdef';

describe('handshake', () => {
  it('echoes the Validation-Token, with the content type that RingCentral asks for and an empty body', async () => {
    const { send, events } = testApp();
    const answer = await send().post('/webhook').set('Validation-Token', '0f3c-token');
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(answer.headers).toMatchObject({
      'validation-token': '0f3c-token',
      'content-type': 'application/json',
      'content-length': '0',
    });
    expect(events).toEqual([]);
  });

  it.each([
    ...['text/plain', 'application/x-www-form-urlencoded', 'application/json'].map((type) => [type, '']),
    ...['{}', 'null', '[]', '{"event":7}'].map((body) => ['application/json', body]),
  ])('may be of any type if its body is empty, and have a body without an event: %s %s', async (type, body) => {
    const answer = await testApp().post(body, { 'Validation-Token': 't', 'Content-Type': type ?? '' });
    expect(answer).toMatchObject({ status: 200, headers: { 'validation-token': 't' } });
  });

  it('needs no verification token', async () => {
    const answer = await testApp({ token: TOKEN }).send().post('/webhook').set('Validation-Token', 't');
    expect(answer.status).toBe(200);
  });

  it('with a verification token is answered 401 if it is another than ours: the registration tries one', async () => {
    const { send, said } = testApp({ token: TOKEN });
    const ask = (token: string) =>
      send().post('/webhook').set({ 'Validation-Token': 't', 'Verification-Token': token });
    expect((await ask(TOKEN)).status).toBe(200);
    const refused = await ask('another');
    expect(refused.status).toBe(401);
    expect(refused.headers).not.toHaveProperty('validation-token');
    // Nothing is wrong.
    await said.match(/401 .*: Wrong token: `npm run register` tries one on purpose$/);
    expect(said.lines.join('\n')).not.toMatch(/Refused/);
  });

  it('with a verification token is answered 200 if we expect none', async () => {
    const headers = { 'Validation-Token': 't', 'Verification-Token': 'any' };
    expect((await testApp().send().post('/webhook').set(headers)).status).toBe(200);
  });

  it('may have a token of 500 characters; with a longer one, an event beside it is not logged either', async () => {
    const { post, events } = testApp();
    expect((await post('', { 'Validation-Token': 'x'.repeat(500) })).headers['validation-token']).toHaveLength(500);
    const answer = await post(notification(), { 'Validation-Token': 'x'.repeat(501) });
    expect(answer.status).toBe(400);
    expect(answer.headers).not.toHaveProperty('validation-token');
    expect(answer.body.error).toMatch(/Validation-Token is longer than 500 characters/);
    expect(events).toEqual([]);
  });
});

it('a handshake of this program itself stays out of the access log, once', async () => {
  const ownChecks = new Set(['own', 'another']);
  const { post, said } = testApp({ ownChecks });
  for (const token of ['own', 'own'])
    expect((await post('', { 'Validation-Token': token })).headers).toMatchObject({ 'validation-token': token });
  await said.match(/^POST/);
  expect(said.lines).toHaveLength(1);
  expect([...ownChecks]).toEqual(['another']);
});

describe('notification', () => {
  it('is logged as it came, on one line, and answered with an empty 200', async () => {
    const { post, events } = testApp();
    const event = notification();
    const answer = await post(event);
    expect(answer).toMatchObject({ status: 200, text: '', headers: { 'content-type': 'application/json' } });
    expect(answer.headers).not.toHaveProperty('validation-token');
    expect(events).toEqual([JSON.stringify(event)]);
  });

  it('may be of any event type', async () => {
    const { post, events } = testApp();
    expect((await post({ event: '/restapi/v1.0/account/~/presence' })).status).toBe(200);
    expect(events).toEqual(['{"event":"/restapi/v1.0/account/~/presence"}']);
  });

  it('may carry a Validation-Token, which is then echoed as well', async () => {
    const { post, events } = testApp();
    const answer = await post(notification(), { 'Validation-Token': 'both' });
    expect(answer).toMatchObject({ status: 200, headers: { 'validation-token': 'both' } });
    expect(events).toHaveLength(1);
  });

  it('that comes again is logged once, and the receiver says so', async () => {
    const { post, events, said } = testApp();
    const event = notification();
    for (let i = 0; i < 2; i++) expect((await post(event)).status).toBe(200);
    expect(events).toHaveLength(1);
    expect(said.tones[said.lines.indexOf(`Event ${event.uuid} came again: logged once`)]).toBe('faint');
  });

  it('that comes again without a uuid is named by its type', async () => {
    const { post, said } = testApp({ log: async () => 'repeated' });
    expect((await post({ event: '/x' })).status).toBe(200);
    expect(said.lines).toContain('Event /x came again: logged once');
  });

  it('that cannot be logged is answered 503, and the receiver names the catch-up', async () => {
    const { post, said } = testApp({ log: () => Promise.reject(new Failure('ENOSPC: no space left')) });
    const answer = await post(notification(), { 'Validation-Token': 't' });
    expect(answer.status).toBe(503);
    expect(answer.headers).not.toHaveProperty('validation-token');
    expect(answer.body.error).toMatch(/send it again/);
    expect(said.lines).toContainEqual(
      expect.stringMatching(
        /^An event could not be logged: ENOSPC: no space left\. keep logs it later, or `npm run catch-up`\./,
      ),
    );
  });
});

it('is not answered before it is logged', async () => {
  const steps: string[] = [];
  const log: LogEvent = async () => {
    await new Promise(setImmediate);
    steps.push('logged');
    return 'logged';
  };
  await testApp({ log }).post(notification());
  steps.push('answered');
  expect(steps).toEqual(['logged', 'answered']);
});

describe('origin', () => {
  it.each(['Verification-Token', 'Validation-Token'])('is proven by the expected token in %s', async (header) => {
    const { post, events } = testApp({ token: TOKEN });
    expect((await post(notification(), { [header]: TOKEN })).status).toBe(200);
    expect(events).toHaveLength(1);
  });

  it.each([undefined, '', 'wrong', `${TOKEN}0`, TOKEN.toUpperCase(), TOKEN.replace('0', 'é')])(
    'is not proven by %j, in either header',
    async (token) => {
      const { post, events, said } = testApp({ token: TOKEN });
      for (const header of ['Verification-Token', 'Validation-Token']) {
        const answer = await post(notification(), token === undefined ? {} : { [header]: token });
        expect(answer.status).toBe(401);
        expect(answer.headers).not.toHaveProperty('validation-token');
        expect(answer.body.error).toMatch(/Verification-Token/);
        expect(answer.text).not.toContain(TOKEN);
      }
      expect(events).toEqual([]);
      expect(said.lines.join('\n')).not.toContain(TOKEN);
    },
  );

  it('is checked before the body is read', async () => {
    const answer = await testApp({ token: TOKEN }).post('{', { 'Verification-Token': 'wrong' });
    expect(answer.status).toBe(401);
  });

  it('is not asked for if we expect no token', async () => {
    expect((await testApp().post(notification(), { 'Verification-Token': 'any' })).status).toBe(200);
  });
});

describe('the advice to run npm run register', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('comes with the first refusal, and then at most once a minute with a count, by no clock that can be put back', async () => {
    const { post, said } = testApp({ token: TOKEN });
    const now = jest.spyOn(performance, 'now').mockReturnValue(1_000_000);
    const advice = () => said.lines.filter((line) => line.startsWith('Refused'));
    await post(notification());
    const first = expect.stringMatching(/^Refused 1 notification without .*npm run register/);
    expect(advice()).toEqual([first]);
    now.mockReturnValue(1_059_000);
    for (let i = 0; i < 3; i++) await post(notification());
    expect(advice()).toEqual([first]);
    now.mockReturnValue(1_060_000);
    await post(notification());
    expect(advice()).toEqual([first, expect.stringMatching(/^Refused 4 notifications without .*npm run register/)]);
  });

  it('does not come with any other refusal', async () => {
    const { post, said } = testApp({ token: TOKEN });
    await post('{', { 'Verification-Token': TOKEN });
    await post('{}', { 'Verification-Token': TOKEN });
    await said.match(/400/);
    expect(said.lines.join('\n')).not.toMatch(/Refused/);
  });
});

describe('readNotification', () => {
  const JSON_TYPE = 'application/json; charset=UTF-8';

  /** Reads what a request with this body holds. */
  function read(body: string | Buffer, contentType = JSON_TYPE) {
    return readNotification(Buffer.from(body), contentType);
  }

  it('reads the fields that the receiver needs, and keeps the JSON as it came', () => {
    const json = '{ "uuid":"u-1", "event":"/x", "body":{"n":1.50}, "ownerId":"7" }';
    expect(read(json)).toEqual({ json, uuid: 'u-1', event: '/x', body: { n: 1.5 } });
  });

  it.each([
    ['/extension/1/voicemail', 'Call me back.', 'Call me back.'],
    ['/extension/1/voicemail', ' ', undefined],
    ['/extension/1/message-store/instant?type=SMS', 'Lunch?', undefined],
  ])('reads from %s with the subject %j the text %j', (event, subject, text) => {
    expect(read(JSON.stringify({ event, body: { subject } }))?.text).toBe(text);
  });

  it.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json;charset=utf8',
    'application/json; charset="UTF-8"',
  ])('takes %s', (contentType) => {
    expect(read('{"event":"/x"}', contentType)).toMatchObject({ event: '/x' });
  });

  it.each([
    '{}',
    'null',
    '7',
    '"/x"',
    '[{"event":"/x"}]',
    '{"event":null}',
    '{"event":7}',
    '{"__proto__":{"event":"/x"}}',
  ])('finds no notification in %s', (json) => {
    expect(read(json)).toBeUndefined();
  });

  it.each([7, null, '', '  ', 'x'.repeat(201)])('takes no uuid from %j', (uuid) => {
    expect(read(JSON.stringify({ event: '/x', uuid }))).toMatchObject({ event: '/x', uuid: undefined });
  });

  it('takes a uuid of up to 200 characters', () => {
    const uuid = 'x'.repeat(200);
    expect(read(JSON.stringify({ event: '/x', uuid }))).toMatchObject({ uuid });
  });

  it.each([
    ['text/plain', /application\/json in UTF-8, not text\/plain$/],
    ['application/jsonp', /not application\/jsonp$/],
    ['', /not missing$/],
    ['application/json; charset=utf-16', /in UTF-8, not application\/json; charset=utf-16$/],
    ['application/json;charset="iso-8859-1"', /UTF-8/],
  ])('refuses the content type %j with 415', (contentType, message) => {
    const refusal = expect.objectContaining({ status: 415, message: expect.stringMatching(message) });
    expect(() => read('{"event":"/x"}', contentType)).toThrow(refusal);
  });

  it.each([
    ['JSON that is cut off', '{"event":'],
    ['a form', 'event=%2Fx'],
    ['bytes that are not UTF-8', Buffer.from('7b226576656e74223a22ff227d', 'hex')],
    ['UTF-16', Buffer.from('{"event":"/x"}', 'utf16le')],
  ])('refuses %s with 400', (_, body) => {
    const message = expect.stringMatching(/^The body is not JSON in UTF-8: /);
    expect(() => read(body)).toThrow(expect.objectContaining({ status: 400, message }));
  });
});
