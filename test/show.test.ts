import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { localTime, plural, safeText, shownText, withoutPassword } from '../src/show.js';

describe('safeText', () => {
  it('escapes what moves a cursor, ends a line or turns the reading order, and nothing else', () => {
    const unsafe = '\0\t\n\r\u001b\u007f\u0080\u009b\u009f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069';
    expect(safeText(unsafe)).toMatch(/^(\\u[\da-f]{4}){18}$/);
    expect(safeText('\u001b[2J\u009b')).toBe('\\u001b[2J\\u009b');
    const silent = '\u00ad\u180e\u200b\u2060\u206f\ufeff\ufff9\u{e0001}\u{e007f}';
    expect(safeText(silent)).toMatch(/^(\\u[\da-f]{4}){11}$/);
    const safe = 'Ünï → "quoted" \\ אב 😀 می\u200cخواهم 👩\u200d💻 ';
    expect(safeText(safe)).toBe(safe);
  });

  it('leaves the same JSON', () => {
    const value = { s: '\u007f\u009b\u2028\u202e\u{e0001}' };
    expect(JSON.parse(safeText(JSON.stringify(value)))).toEqual(value);
  });
});

describe('text from outside', () => {
  it.each([undefined, null, 7, '', '  ', [], {}])('is undefined if there is none: %j', (value) => {
    expect(shownText(value)).toBeUndefined();
  });

  it('is shown without spaces around it, safe for a terminal', () => {
    expect(shownText(' Grace\u001b ')).toBe('Grace\\u001b');
  });

  it('is cut if it is too long, and shows that', () => {
    expect(shownText('x'.repeat(5), 5)).toBe('xxxxx');
    expect(shownText('x'.repeat(6), 5)).toBe('xxxx…');
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
