import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventLog, NotLogged, type Notification } from '../src/event-log.js';
import { LineWriter } from '../src/line-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'event-log-'));
const opened: number[] = [];
afterEach(() => opened.splice(0).forEach((fd) => closeSync(fd)));

function open(path: string, flags: string): number {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
}

function eventLog(format: 'pretty' | 'json') {
  const file = join(folder, `events-${Math.random()}`);
  return { log: new EventLog(new LineWriter(open(file, 'a')), format), text: () => readFileSync(file, 'utf8') };
}

function event(json: string, uuid?: string): Notification {
  return { json, uuid, event: '/x', timestamp: undefined, body: undefined };
}

describe('pretty', () => {
  it.each([
    '{"event":"/x","a":[{"b":[]},{},1.50,-2e3,true,null,"s,:{}[]\\"\\\\"],"c":{"d":{"e":"é"}}}',
    ' { "event" : "/x" , "a" : [ ] , "b" : { } , "c" : [ 1 , [ 2 ] ] } ',
    '{"event":"/x","":"","a":"\\\\","b":"\\\\\\"","c":"  two  "}',
  ])('lays the payload out as JSON.stringify does with tabs: %s', async (json) => {
    const { log, text } = eventLog('pretty');
    await log.log(event(json));
    // The first line is the summary.
    expect(text()).toMatch(/^\d\d:\d\d:\d\d  \/x\n/);
    expect(text().slice(text().indexOf('\n') + 1)).toBe(
      `${JSON.stringify(JSON.parse(json), null, '\t').replace('1.5,', '1.50,').replace('-2000', '-2e3')}\n`,
    );
  });

  it('keeps the digits and the order that came', async () => {
    const { log, text } = eventLog('pretty');
    await log.log(event('{"z":12345678901234567890,"1":0,"a":1,"a":2}'));
    expect(text()).toMatch(/\n{\n\t"z": 12345678901234567890,\n\t"1": 0,\n\t"a": 1,\n\t"a": 2\n}\n$/);
  });

  it('lets no control character, line separator or bidirectional override of a payload through', async () => {
    const { log, text } = eventLog('pretty');
    await log.log(event('{"event":"/x",\n\r"s":"\u007f\u009b31m\u2028\u202e"}'));
    expect(text()).toMatch(/\n{\n\t"event": "\/x",\n\t"s": "\\u007f\\u009b31m\\u2028\\u202e"\n}\n$/);
  });

  it.each([
    ['brackets', `{"event":"/x","a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['escapes', `{"event":"/x","a":"${'\\"'.repeat(50_000)}"}`],
  ])('lays out 100 KiB of %s in bounded space', async (_, json) => {
    const { log, text } = eventLog('pretty');
    await log.log(event(json));
    expect(JSON.parse(text().slice(text().indexOf('{')))).toHaveProperty('event', '/x');
    expect(text().length).toBeLessThan(30 * json.length);
  });
});

describe('once', () => {
  it('remembers the last 10,000 uuids, and no more', async () => {
    const { log, text } = eventLog('json');
    for (const isNew of [true, false])
      for (let i = 0; i < 10_000; i++) expect(await log.log(event(`{"event":"${i}"}`, `uuid-${i}`))).toBe(isNew);
    expect(await log.log(event('{"event":"one more"}', 'uuid-10000'))).toBe(true);
    expect(await log.log(event('{"event":"forgotten"}', 'uuid-0'))).toBe(true);
    expect(await log.log(event('{"event":"remembered"}', 'uuid-2'))).toBe(false);
    expect(text().split('\n').filter(Boolean)).toHaveLength(10_002);
  });

  it('logs an event that comes twice at the same time one time, and both wait until it is written', async () => {
    const { log, text } = eventLog('json');
    expect(await Promise.all([log.log(event('{}', 'twin')), log.log(event('{}', 'twin'))])).toEqual([true, false]);
    expect(text()).toBe('{}\n');
  });

  it('logs each event without a uuid', async () => {
    const { log, text } = eventLog('json');
    expect([await log.log(event('{"a":1}')), await log.log(event('{"a":1}'))]).toEqual([true, true]);
    expect(text()).toBe('{"a":1}\n{"a":1}\n');
  });

  it('does not count as seen what could not be written', async () => {
    const log = new EventLog(new LineWriter(open('/dev/full', 'w')), 'json');
    await expect(log.log(event('{}', 'lost'))).rejects.toThrow(NotLogged);
    await expect(log.log(event('{}', 'lost'))).rejects.toThrow(/ENOSPC/);
  });
});
