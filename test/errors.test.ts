import { expect, it } from '@jest/globals';
import { codeOf, errorOf, traceLine } from '../src/errors.js';

it('takes an error as it is, and anything else that was thrown for the message of one', () => {
  const error = new TypeError('of a test');
  expect(errorOf(error)).toBe(error);
  expect(errorOf('thrown text').message).toBe('thrown text');
});

it('knows the code of an error if it has one', () => {
  expect(codeOf(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
  for (const thrown of [new Error('without a code'), 'ENOENT', undefined]) expect(codeOf(thrown)).toBe('');
});

it('traces an unexpected error in one line', () => {
  expect(traceLine(new TypeError('two\n  lines'))).toMatch(/^TypeError: two \| lines \| at [^\n]+$/);
  expect(traceLine('thrown text')).toMatch(/^Error: thrown text \| at /);
});
