import { expect, it } from '@jest/globals';
import { isJson, voicemailFilter } from '../src/contract.js';

it.each(['application/json', 'Application/JSON', 'application/json;charset=UTF-8', 'application/json ; charset=UTF-8'])(
  'takes %s for JSON',
  (contentType) => {
    expect(isJson(contentType)).toBe(true);
  },
);

it.each([
  '',
  'text/html',
  'application/jsonp',
  'application/json-seq',
  'application/problem+json',
  'x application/json',
])('does not take %j for JSON', (contentType) => {
  expect(isJson(contentType)).toBe(false);
});

it('names the voicemails of an extension as RingCentral does', () => {
  expect(voicemailFilter('~')).toBe('/restapi/v1.0/account/~/extension/~/voicemail');
});
