import { describe, expect, it } from '@jest/globals';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Ledger } from '../../src/keep/ledger.js';
import { itIfDevFull, itIfNotWindows } from '../support/available.js';
import { ledgerFile } from '../support/keep.js';
import { temporaryFolder } from '../support/temporary.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const NOW = Date.parse('2026-11-24T22:30:00Z');
const ADDRESS = 'https://4f1c.ngrok-free.app/webhook';

/** Lines are written at the end of the turn in which they come. */
const written = () => new Promise(setImmediate);
const logged = (file: string) => [...new Ledger(file).logged.keys()];
const linesIn = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

describe('after a restart', () => {
  it('it knows what was logged, and which transcripts are still to come', async () => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    ledger.remember('2', '101');
    ledger.remember('3', '101');
    ledger.transcribed('2');
    await written();
    expect([...new Ledger(file).logged]).toEqual(Object.entries({ 1: undefined, 2: undefined, 3: '101' }));
  });

  it('it knows when mailboxes were met and compared, and what was there before', async () => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    for (const mailbox of ['met', 'listed', 'compared', 'told']) ledger.meet(mailbox, NOW);
    ledger.setBefore('listed', [
      { id: 'old', time: NOW - 1 },
      { id: 'new', time: NOW },
      { id: 'timeless', time: NaN },
    ]);
    ledger.setBefore('compared', []);
    ledger.compared('compared', NOW + 5 * HOUR_MS);
    ledger.compareFrom('told', NOW - 24 * HOUR_MS);
    await written();
    const next = new Ledger(file);
    for (const mailbox of ['met', 'listed']) next.meet(mailbox, NOW + 9 * HOUR_MS);
    expect(next.since('met')).toBe(NOW - HOUR_MS);
    expect(next.since('listed')).toBe(NOW - HOUR_MS);
    expect(next.since('compared')).toBe(NOW + 4 * HOUR_MS);
    expect(next.since('told')).toBe(NOW - 24 * HOUR_MS);
    expect(['met', 'listed', 'compared', 'told'].filter((each) => next.isNew(each))).toEqual(['met', 'listed']);
    next.setBefore('listed', [{ id: 'added later', time: NOW - 1 }]);
    expect(['old', 'new', 'timeless', 'added later'].filter((id) => next.isBefore('listed', id))).toEqual([
      'old',
      'timeless',
    ]);
  });

  it.each([
    ['a torn line', '{"logged":"9'],
    ['a torn line that ends within a character', Buffer.from('{"logged":"é').subarray(0, -1)],
    ['what is no JSON', 'Segmentation fault\n\n\u0000\u0000\n'],
    ['JSON of another kind', '[]\nnull\n7\n{"logged":{}}\n{"mailbox":"7"}\n{"mailbox":"8","met":"soon"}\n'],
    ['Windows line ends', '{"logged":"9"}\r\n'],
  ])('%s in the file costs only itself', async (_, odd) => {
    const file = ledgerFile();
    writeFileSync(file, '{"logged":"1"}\n');
    appendFileSync(file, odd);
    const ledger = new Ledger(file);
    ledger.remember('2', undefined);
    await written();
    expect(logged(file).filter((id) => id !== '9')).toEqual(['1', '2']);
    expect(ledger.problem()).toBeUndefined();
  });
});

it('the mark of a mailbox is written every few minutes, which is less than lists overlap', async () => {
  const file = ledgerFile();
  const ledger = new Ledger(file);
  ledger.meet('7', NOW);
  for (let minute = 0; minute < 60; minute++) ledger.compared('7', NOW + minute * MINUTE_MS);
  await written();
  expect(linesIn(file).length).toBeLessThan(20);
  expect(new Ledger(file).since('7')).toBeGreaterThan(NOW - HOUR_MS + 50 * MINUTE_MS);
  // An answer with a wrong Date, and then a right one.
  ledger.compared('7', NOW + 9 * HOUR_MS);
  ledger.compared('7', NOW + HOUR_MS);
  await written();
  expect(new Ledger(file).since('7')).toBe(NOW);
});

it('the file stays small, and the newest are known', async () => {
  const file = ledgerFile();
  const ledger = new Ledger(file);
  ledger.meet('7', NOW);
  for (let id = 1; id <= 90_000; id++) {
    ledger.remember(String(id), undefined);
    if (id % 1000 === 0) await written();
  }
  expect(linesIn(file).length).toBeLessThan(42_000);
  const next = new Ledger(file);
  expect([next.logged.keys().next().value, next.logged.size]).toEqual(['70001', 20_000]);
  expect(next.since('7')).toBe(NOW - HOUR_MS);
});

itIfNotWindows('only its owner can read the file', () => {
  const file = ledgerFile();
  new Ledger(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

describe('which subscriptions are its own', () => {
  const subscription = { id: 'one', address: ADDRESS, creationTime: new Date(NOW).toISOString() };

  it.each([
    ['one that it created', {}, (ledger: Ledger) => ledger.subscribed(['one']), true],
    ['one for which the answer was lost', {}, (ledger: Ledger) => ledger.subscribing(ADDRESS, NOW), true],
    ['one of that address, from before', {}, (ledger: Ledger) => ledger.subscribing(ADDRESS, NOW + 9000), false],
    ['one of another address', {}, (ledger: Ledger) => ledger.subscribing('https://other.example.com/', NOW), false],
    ['one that is deleted', {}, (ledger: Ledger) => (ledger.subscribed(['one']), ledger.subscribed(['two'])), false],
    ['one without a time', { creationTime: '' }, (ledger: Ledger) => ledger.subscribing(ADDRESS, NOW), false],
    ['one of somebody else', {}, () => {}, false],
  ])('%s', (_, overrides, act, isCreated) => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    act(ledger);
    // kill -9 may come before the end of this turn.
    for (const each of [ledger, new Ledger(file)])
      expect(each.isCreated({ ...subscription, ...overrides })).toBe(isCreated);
  });
});

describe('a file that somebody else touches', () => {
  it('is made anew, whole, if it was deleted', async () => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    await written();
    rmSync(file);
    ledger.remember('2', undefined);
    await written();
    expect(logged(file)).toEqual(['1', '2']);
    expect(ledger.problem()).toBeUndefined();
  });

  it.each([
    ['writes it, too', (file: string) => appendFileSync(file, '{"logged":"other"}\n')],
    [
      'puts another in its place',
      (file: string) => {
        writeFileSync(`${file}.other`, '{"logged":"1"}\n{"logged":"other"}\n');
        renameSync(`${file}.other`, file);
      },
    ],
  ])('is told of if another process %s, and keeps the lines of both', async (_, act) => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    await written();
    expect(ledger.problem()).toBeUndefined();
    act(file);
    ledger.remember('2', undefined);
    await written();
    expect(ledger.problem()).toBe(`Another \`npm run keep\` writes ${file}, too: give each its own KEEP_FILE.`);
    expect(logged(file)).toEqual(['1', 'other', '2']);
  });
});

describe('a file that cannot be used', () => {
  it('is told of, and has all once it can be written', async () => {
    const file = join(temporaryFolder(), 'later', 'ledger');
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    await written();
    expect(ledger.problem()).toMatch(
      /ledger cannot be written \(ENOENT: .*\): after a restart, voicemails may come twice\.$/,
    );
    mkdirSync(dirname(file));
    expect(ledger.problem()).toBeUndefined();
    ledger.remember('2', undefined);
    await written();
    expect(logged(file)).toEqual(['1', '2']);
  });

  itIfDevFull('has all that a full disk did not take, once there is room', async () => {
    const file = ledgerFile();
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    await written();
    rmSync(file);
    symlinkSync('/dev/full', file);
    ledger.remember('2', undefined);
    await written();
    expect(ledger.problem()).toBeUndefined();
    expect(statSync(file).isFile()).toBe(true);
    expect(logged(file)).toEqual(['1', '2']);
  });

  it.each([
    ['a folder', (file: string) => mkdirSync(file)],
    ['a device', (file: string) => symlinkSync('/dev/null', file)],
  ])('is told of if %s is in its place, which stays', async (_, act) => {
    const file = ledgerFile();
    act(file);
    const ledger = new Ledger(file);
    ledger.remember('1', undefined);
    await written();
    expect(ledger.problem()).toMatch(/cannot be read \(.*\): after a restart, voicemails may come twice\.$/);
    expect(statSync(file).isFile()).toBe(false);
  });
});
