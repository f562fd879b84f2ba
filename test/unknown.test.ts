import { describe, expect, it } from '@jest/globals';
import { fieldsOf, itemsOf, textOf, textOrNumberOf } from '../src/unknown.js';

describe('something from outside', () => {
  it.each([undefined, null, true, '', '  ', [], {}])('is no text: %j', (value) => {
    expect(textOf(value)).toBeUndefined();
    expect(textOrNumberOf(value)).toBeUndefined();
  });

  it('is text as it came; as a number only if an id may be one', () => {
    expect(textOf(' Grace ')).toBe(' Grace ');
    expect(textOf(7)).toBeUndefined();
    expect(textOrNumberOf(7)).toBe('7');
    expect(textOrNumberOf('7')).toBe('7');
  });

  it.each([undefined, null, 7, 'text', true])('has neither fields nor items: %j', (value) => {
    expect(fieldsOf(value)).toEqual({});
    expect(itemsOf(value)).toEqual([]);
  });

  it('has the fields and items that it has', () => {
    expect(fieldsOf({ a: 1 })).toEqual({ a: 1 });
    expect(itemsOf([1, 2])).toEqual([1, 2]);
  });
});
