import { expect, it } from '@jest/globals';
import { isJson, voicemailFilter } from '../src/contract.js';

it('takes for JSON what is, whatever its charset and case', () => {
  const json = 'application/json Application/JSON application/json;charset=UTF-8'.split(' ');
  const others = 'text/html application/jsonp application/json-seq application/problem+json'.split(' ');
  const spaced = ['application/json ; charset=UTF-8', '', 'x application/json'];
  expect([...json, ...others, ...spaced].filter(isJson)).toEqual([...json, spaced[0]]);
});

it('names the voicemails of an extension as RingCentral does', () => {
  expect(voicemailFilter('~')).toBe('/restapi/v1.0/account/~/extension/~/voicemail');
});
