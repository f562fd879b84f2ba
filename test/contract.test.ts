import { expect, it } from '@jest/globals';
import { isJson, voicemailExtension, voicemailFilter } from '../src/contract.js';

it('recognises JSON, whatever its charset and case', () => {
  const json = 'application/json Application/JSON application/json;charset=UTF-8'.split(' ');
  const others = 'text/html application/jsonp application/json-seq application/problem+json'.split(' ');
  const spaced = ['application/json ; charset=UTF-8', '', 'x application/json'];
  expect([...json, ...others, ...spaced].filter(isJson)).toEqual([...json, spaced[0]]);
});

const asked = {
  [voicemailFilter('~')]: '~',
  [voicemailFilter('11')]: '11',
  '/restapi/v1.0/account/809646016/extension/22/voicemail': '22',
  '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS': undefined,
  '/restapi/v1.0/account/~/presence': undefined,
  [`${voicemailFilter('~')}/x`]: undefined,
};
it.each(Object.entries(asked))('%s asks for the mailbox %s', (filter, extension) => {
  expect(voicemailExtension(filter)).toBe(extension);
});
