import { expect, it } from '@jest/globals';
import { fieldsOf, itemsOf, textOf, textOrNumberOf } from '../src/unknown.js';

it.each<[unknown, { text?: string; textOrNumber?: string; fields?: object; items?: unknown[] }]>([
  ...[undefined, null, true, '', '  '].map((value): [unknown, object] => [value, {}]),
  [' Grace ', { text: ' Grace ', textOrNumber: ' Grace ' }],
  ['7', { text: '7', textOrNumber: '7' }],
  [7, { textOrNumber: '7' }],
  [{ a: 1 }, { fields: { a: 1 } }],
  [[1, 2], { fields: [1, 2], items: [1, 2] }],
])('something from outside is text, a number, fields or items only if it is: %j', (value, is) => {
  expect(textOf(value)).toBe(is.text);
  expect(textOrNumberOf(value)).toBe(is.textOrNumber);
  expect(fieldsOf(value)).toEqual(is.fields ?? {});
  expect(itemsOf(value)).toEqual(is.items ?? []);
});
