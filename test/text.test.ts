import { parseArgs } from 'node:util';
import {
  codeOf,
  cutText,
  fieldsOf,
  itemsOf,
  localTime,
  plural,
  safeText,
  shownText,
  textOf,
  traceLine,
  usageProblem,
  withoutPassword,
} from '../src/text.js';

describe('safeText', () => {
  it('escapes what moves a cursor, ends a line or turns the reading order, and nothing else', () => {
    const unsafe = '\0\t\n\r\u001b\u007f\u0080\u009b\u009f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069';
    expect(safeText(unsafe)).toMatch(/^(\\u[\da-f]{4}){18}$/);
    expect(safeText('\u001b[2J\u009b')).toBe('\\u001b[2J\\u009b');
    const safe = 'Ünï → "quoted" \\ אב 😀 ';
    expect(safeText(safe)).toBe(safe);
  });

  it('leaves the same JSON', () => {
    const value = { s: '\u007f\u009b\u2028\u202e' };
    expect(JSON.parse(safeText(JSON.stringify(value)))).toEqual(value);
  });
});

it('cuts long text, and shows that it did', () => {
  expect(cutText('x'.repeat(5), 5)).toBe('xxxxx');
  expect(cutText('x'.repeat(6), 5)).toBe('xxxx…');
});

describe('something from outside', () => {
  it.each([undefined, null, 7, '', '  ', [], {}])('is no text: %j', (value) => {
    expect([textOf(value), shownText(value)]).toEqual([undefined, undefined]);
  });

  it('is shown as text without spaces around it, safe for a terminal', () => {
    expect(shownText(' Grace\u001b ')).toBe('Grace\\u001b');
    expect(textOf(' Grace ')).toBe(' Grace ');
  });

  it.each([undefined, null, 7, 'text', true])('has neither fields nor items: %j', (value) => {
    expect([fieldsOf(value), itemsOf(value)]).toEqual([{}, []]);
  });

  it('has the fields and items that it has', () => {
    expect(fieldsOf({ a: 1 })).toEqual({ a: 1 });
    expect(itemsOf([1, 2])).toEqual([1, 2]);
  });
});

describe('errors', () => {
  it('have a code, or an empty one', () => {
    expect(codeOf(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
    expect([codeOf(new Error()), codeOf('ENOENT'), codeOf(undefined)]).toEqual(['', '', '']);
  });

  it('that nobody foresaw are traced in one line', () => {
    expect(traceLine(new TypeError('two\n  lines'))).toMatch(/^TypeError: two \| lines \| at [^\n]+$/);
    expect(traceLine('thrown text')).toBe('thrown text');
  });
});

it('counts in words', () => {
  expect([0, 1, 2].map((count) => plural(count, 'voicemail'))).toEqual(['0 voicemails', '1 voicemail', '2 voicemails']);
});

describe('localTime', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('writes day and time with leading zeros, whatever the locales of this build of Node.js write', () => {
    for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'] as const)
      jest.spyOn(Date.prototype, name).mockReturnValue('2/3/2026, 4:05:06 AM');
    expect(localTime(new Date(2026, 1, 3, 4, 5, 6))).toEqual({ day: '2026-02-03', time: '04:05:06' });
    expect(localTime(new Date(2026, 11, 31, 0, 0, 0))).toEqual({ day: '2026-12-31', time: '00:00:00' });
    expect(localTime(new Date(2026, 11, 31, 23, 59, 59)).time).toBe('23:59:59');
  });
});

it.each([
  ['https://user:secret@hook.example.com/a', 'https://hook.example.com/a'],
  ['user:secret@hook.example.com', 'hook.example.com'],
  ['https://user:se@cret@hook.example.com:99999', 'https://hook.example.com:99999'],
  ['https://hook.example.com/a', 'https://hook.example.com/a'],
  ['https://hook.example.com/a@b', 'https://hook.example.com/a@b'],
  ['mailto:user@example.com', 'example.com'],
])('shows the URL %s as %s, without a password', (given, shown) => {
  expect(withoutPassword(given)).toBe(shown);
});

describe('usageProblem', () => {
  function problem(args: string[], allowPositionals = true): string | undefined {
    try {
      parseArgs({ args, options: { since: { type: 'string' } }, allowPositionals });
    } catch (error) {
      return usageProblem(error);
    }
    throw new Error('There is no problem');
  }

  it('says in one sentence what is wrong with a command line', () => {
    expect(problem(['--wrong'])).toBe("Unknown option '--wrong'");
    expect(problem(['wrong'], false)).toMatch(/^Unexpected argument 'wrong'/);
    expect(problem(['--since'])).toMatch(/^Option '--since <value>' argument missing$/);
  });

  it('says nothing of any other error', () => {
    expect(usageProblem(new Error('another'))).toBeUndefined();
    expect(usageProblem('another')).toBeUndefined();
  });
});
