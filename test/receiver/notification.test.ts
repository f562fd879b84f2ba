import { expect, it } from '@jest/globals';
import { readNotification } from '../../src/receiver/webhook.js';

const JSON_TYPE = 'application/json; charset=UTF-8';

/** Reads what a request with this body holds. */
function read(body: string | Buffer, contentType = JSON_TYPE) {
  return readNotification(Buffer.from(body), contentType);
}

it('reads the fields that the receiver needs, and keeps the JSON as it came', () => {
  const json = '{ "uuid":"u-1", "event":"/x", "timestamp":"2026-02-28T10:06:15Z", "body":{"n":1.50}, "ownerId":"7" }';
  expect(read(json)).toEqual({
    json,
    uuid: 'u-1',
    event: '/x',
    timestamp: '2026-02-28T10:06:15Z',
    body: { n: 1.5 },
  });
});

it.each([
  ['/extension/1/voicemail', 'Call me back.', 'Call me back.'],
  ['/extension/1/voicemail', ' ', undefined],
  ['/extension/1/message-store/instant?type=SMS', 'Lunch?', undefined],
])('reads from %s with the subject %j the text %j', (event, subject, text) => {
  expect(read(JSON.stringify({ event, body: { subject } }))?.text).toBe(text);
});

it('takes the byte order mark away', () => {
  expect(read('\ufeff{"event":"/x"}')?.json).toBe('{"event":"/x"}');
});

it.each(['application/json', 'APPLICATION/JSON', 'application/json;charset=utf8', 'application/json; charset="UTF-8"'])(
  'takes %s',
  (contentType) => {
    expect(read('{"event":"/x"}', contentType)).toMatchObject({ event: '/x' });
  },
);

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
