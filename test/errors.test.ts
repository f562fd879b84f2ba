import { expect, it } from '@jest/globals';
import { errorOf, traceLine } from '../src/errors.js';

it('takes an error as it is, and makes one of anything else that was thrown', () => {
  const error = Object.assign(new TypeError('of a test'), { code: 'ENOENT' });
  expect(errorOf(error)).toBe(error);
  expect(errorOf(error).code).toBe('ENOENT');
  expect(errorOf('thrown text').message).toBe('thrown text');
});

it('traces an unexpected error in one line', () => {
  expect(traceLine(new TypeError('two\n  lines'))).toMatch(/^TypeError: two \| lines \| at [^\n]+$/);
  expect(traceLine('thrown text')).toMatch(/^Error: thrown text \| at /);
});
