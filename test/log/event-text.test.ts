import { expect, it } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { eventText, laterText } from '../../src/log/event-text.js';
import type { LogFormat } from '../../src/settings.js';

/** What stdout shows of an event, without colours: FORCE_COLOR may be set. */
function shown(json: string, format: LogFormat = 'pretty', text?: string): string {
  const { event, body }: { event: string; body?: unknown } = JSON.parse(json);
  return stripVTControlCharacters(eventText({ json, event, body, text }, format));
}

/** The lines above the summary. */
const payload = (json: string) => shown(json).split('\n').slice(0, -1).join('\n');

const VOICEMAIL = '{"event":"/restapi/v1.0/account/~/extension/1/voicemail","body":{"from":{"name":"Grace"}}}';

it('json shows the payload as it came, with every digit, key and escape, and no text beside it', () => {
  const json =
    '{"event":"/x","n":12345678901234567890.123,"2":0,"1":0,"a":1,"a":2,"__proto__":{"b":3},"s":"\\ud800\\/\\u00e9"}';
  expect(shown(json, 'json', 'Hello')).toBe(json);
});

it('json is one line, without a control character, if it came on several', () => {
  const json = '{\r\n\t"event" : "/x",\n"s": "\u2028\u009b\u202e"}\n';
  expect(shown(json, 'json')).toBe('{ "event" : "/x", "s": "\\u2028\\u009b\\u202e"} ');
});

it('a summary is one line', () => {
  expect(shown(VOICEMAIL, 'summary')).toMatch(/^\d\d:\d\d:\d\d {2}Voicemail from Grace, a withheld number$/);
});

it('a summary has the text of the voicemail below it, in lines that fit', () => {
  const words = Array.from({ length: 30 }, () => 'word').join(' ');
  const long = 'x'.repeat(100);
  const [, ...lines] = shown(VOICEMAIL, 'summary', `  ${words}\n\u001b[31m ${long}  `).split('\n');
  expect(lines.every((line) => /^ {4}\S/.test(line) && line.length <= 80 + '\\u001b'.length)).toBe(true);
  expect(lines.map((line) => line.trim()).join(' ')).toBe(`${words} \\u001b[31m ${'x'.repeat(76)} ${'x'.repeat(24)}`);
});

it('pretty shows the payload, laid out with two spaces a level, and then the summary and the text of the voicemail', () => {
  const lines = shown('{"event":"/x","a":[{"b":[]},1.50],"s":"{,:\\"\\\\"}', 'pretty', 'Hello').split('\n');
  const layout = '{|  "event": "/x",|  "a": [|    {|      "b": []|    },|    1.5|  ],|  "s": "{,:\\"\\\\"|}'.split('|');
  expect(lines).toEqual([...layout, expect.stringMatching(/^\d\d:\d\d:\d\d {2}\/x$/), '    Hello']);
});

it('pretty lets no control character, line separator or bidirectional override through', () => {
  expect(payload('{"event":"/x",\n\r"s":"\\u001b\u007f\u009b31m\u2028\u202e"}')).toBe(
    '{\n  "event": "/x",\n  "s": "\\u001b\\u007f\\u009b31m\\u2028\\u202e"\n}',
  );
});

it.each([900, 50_000])('a payload that is nested too deep to be laid out stays as it came: %i', (depth) => {
  const json = `{"event":"/x","a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect(payload(json)).toBe(json);
});

const event = '/restapi/v1.0/account/~/extension/1/voicemail';
const body = { id: 7, creationTime: new Date(2026, 1, 3, 4, 5, 6).toISOString(), from: { name: 'Grace\u001b' } };
const later = (more: Parameters<typeof laterText>[1], format: LogFormat) =>
  laterText({ json: '{}', event, body }, more, format);

it.each(['summary', 'pretty'] as const)('a transcript comes under its caller, a recording as a path: %s', (format) => {
  expect(later({ transcript: 'Call me\u001b\nback.' }, format).split('\n')).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d {2}Transcript of 2026-02-03 04:05:06, Grace\\u001b:$/),
    '    Call me\\u001b back.',
  ]);
  expect(later({ recording: 'voicemails/2026-\u001b.mp3' }, format)).toBe('    voicemails/2026-\\u001b.mp3');
});

const kinds = [{ transcript: 'Call me\u2028back.' }, { recording: 'voicemails/7.mp3' }];
it.each(kinds)('as JSON either is one line, with the voicemail as it is then: %j', (more) => {
  const line = later(more, 'json');
  expect(JSON.parse(line)).toEqual({ event, ...more, body });
  expect(line).not.toMatch(/[\n\u2028]/);
});
