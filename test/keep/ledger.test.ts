import { describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openLedger, type Ledger } from '../../src/keep/ledger.js';
import { fieldsOf } from '../../src/unknown.js';
import { itIfDevFull, itIfNotWindows } from '../support/available.js';
import { ledgerFile } from '../support/keep.js';
import { temporaryFolder } from '../support/temporary.js';

const HOUR_MS = 3_600_000;
const NOW = Date.parse('2026-11-24T22:30:00Z');
const ADDRESS = 'https://4f1c.ngrok-free.app/webhook';

/** Lines are written at the end of the turn in which they come. */
const written = () => new Promise(setImmediate);
const linesIn = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1);
const logged = (file: string) => [...openLedger(file).logged.keys()];

async function remember(ledger: Ledger, ...ids: string[]): Promise<void> {
  for (const id of ids) ledger.remember(id);
  await written();
}

describe('after a restart', () => {
  it('it knows what was logged, and which transcripts are still to come', async () => {
    const file = ledgerFile();
    const ledger = openLedger(file);
    ledger.remember('2', '101');
    ledger.remember('3', '101');
    ledger.remember('2');
    await remember(ledger, '1');
    expect(Object.fromEntries(openLedger(file).logged)).toEqual({ 1: undefined, 2: undefined, 3: '101' });
  });

  it('it knows when mailboxes were met and compared, and what was there before', async () => {
    const file = ledgerFile();
    const ledger = openLedger(file);
    const MAILBOXES = ['met', 'listed', 'compared', 'compared long ago'];
    for (const mailbox of MAILBOXES) ledger.meet(mailbox, NOW);
    const messages = [
      { id: 'old', creationTime: new Date(NOW - 1).toISOString() },
      { id: 'new', creationTime: new Date(NOW).toISOString() },
      { id: 'timeless' },
    ];
    const idsOf = (due: object[]) => due.map((each) => fieldsOf(each)['id']);
    expect(idsOf(ledger.due('listed', messages))).toEqual(['new']);
    ledger.compared('compared', NOW + 5 * HOUR_MS);
    ledger.compared('compared long ago', NOW - 23 * HOUR_MS);
    await written();
    const next = openLedger(file);
    next.meet('met', NOW + 9 * HOUR_MS);
    const added = { ...messages[0], id: 'added later' };
    expect(idsOf(next.due('listed', [...messages, added]))).toEqual(['new', 'added later']);
    const since = MAILBOXES.map((mailbox) => [mailbox, (next.since(mailbox) - NOW) / HOUR_MS]);
    expect(Object.fromEntries(since)).toEqual({ met: -1, listed: -1, compared: 4, 'compared long ago': -24 });
    expect(MAILBOXES.filter(next.isNew)).toEqual(['met', 'listed']);
  });

  it.each([
    ['a torn line', '{"logged":"9'],
    ['a line that is torn within a character', Buffer.from('{"logged":"é').subarray(0, -1)],
    ['what is no JSON', 'Segmentation fault\n\n\u0000\u0000\n'],
    ['JSON of another kind', '[]\nnull\n7\n{"logged":{}}\n{"mailbox":"7"}\n{"mailbox":"8","met":"soon"}\n'],
  ])('%s in the file costs only itself', async (_, odd) => {
    const file = ledgerFile();
    writeFileSync(file, '{"logged":"1"}\n');
    appendFileSync(file, odd);
    const ledger = openLedger(file);
    await remember(ledger, '2');
    expect(logged(file)).toEqual(['1', '2']);
    expect(ledger.problem()).toBeUndefined();
    for (const mailbox of ['7', '8']) ledger.meet(mailbox, NOW);
    expect(['7', '8'].map(ledger.since)).toEqual([NOW - HOUR_MS, NOW - HOUR_MS]);
  });
});

it('the file of an earlier version is known, too', () => {
  const file = ledgerFile();
  const lines = [
    '{"mailbox":"7","met":"2026-11-24T22:30:00.000Z"}',
    '{"logged":"1","awaited":"7"}',
    '{"transcribed":"1"}',
  ];
  writeFileSync(file, lines.join('\n'));
  const { since, logged } = openLedger(file);
  expect([since('7'), ...logged]).toEqual([NOW - HOUR_MS, ['1', undefined]]);
});

it('the file stays small, and what is newest is known', async () => {
  const file = ledgerFile();
  const ledger = openLedger(file);
  ledger.meet('7', NOW);
  for (let id = 1; id <= 90_000; id += 1000)
    await remember(ledger, ...Array.from({ length: 1000 }, (_, i) => `${id + i}`));
  expect(linesIn(file).length).toBeLessThan(42_000);
  const next = openLedger(file);
  expect(next.logged.size).toBe(20_000);
  expect(next.logged.keys().next().value).toBe('70001');
  expect(next.since('7')).toBe(NOW - HOUR_MS);
});

itIfNotWindows('only its owner can read the file', () => {
  const file = ledgerFile();
  openLedger(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it.each<[string, boolean, (ledger: Ledger) => unknown]>([
  ['of its address', true, (ledger) => ledger.subscribing(ADDRESS, NOW)],
  ['of its address, in the same second', true, (ledger) => ledger.subscribing(ADDRESS, NOW + 999)],
  ['of its address, not only the last', true, (ledger) => [NOW, NOW + 9000].forEach((at) => ledger.subscribing(ADDRESS, at))], // prettier-ignore
  ['of its address, by another way to write it', true, (ledger) => ledger.subscribing(`${ADDRESS}/`, NOW)],
  ['of that address, from before', false, (ledger) => ledger.subscribing(ADDRESS, NOW + 9000)],
  ['of another address', false, (ledger) => ledger.subscribing('https://other.example.com/', NOW)],
  ['of an address that it left', false, (ledger) => ledger.subscribing(ADDRESS, NOW) ?? ledger.subscribed(['of two'])], // prettier-ignore
  ['by its id', true, (ledger) => ledger.subscribed(['7'])],
  ['of an address that it only wants to leave', true, (ledger) => [ADDRESS, 'two'].forEach((each) => ledger.subscribing(each, NOW))], // prettier-ignore
  ['of somebody else', false, () => {}],
])('a subscription %s is its own: %s', async (_, isCreated, act) => {
  const file = ledgerFile();
  const ledger = openLedger(file);
  act(ledger);
  await written();
  const subscription = { id: '7', address: ADDRESS, creationTime: new Date(NOW).toISOString() };
  for (const each of [ledger, openLedger(file)]) expect(each.isCreated(subscription)).toBe(isCreated);
});

it('a file that is deleted is made anew, whole', async () => {
  const file = ledgerFile();
  const ledger = openLedger(file);
  const old = { id: 'old', creationTime: new Date(NOW - 1).toISOString() };
  ledger.meet('7', NOW);
  ledger.due('7', [old]);
  ledger.subscribing(ADDRESS, NOW);
  ledger.remember('1', '101');
  await written();
  rmSync(file);
  expect(ledger.problem()).toBeUndefined();
  await remember(ledger, '2');
  const next = openLedger(file);
  expect(Object.fromEntries(next.logged)).toEqual({ 1: '101', 2: undefined });
  const added = { ...old, id: 'added later' };
  expect(next.due('7', [old, added])).toEqual([added]);
  expect(next.isCreated({ id: 'x', address: ADDRESS, creationTime: old.creationTime })).toBe(true);
});

it.each([
  ['writes it, too', (file: string) => appendFileSync(file, '{"logged":"other"}\n')],
  ['writes over it', (file: string) => writeFileSync(file, '{"logged":"other"}\n')],
])('another process that %s is reported, and its lines stay', async (_, act) => {
  const file = ledgerFile();
  const ledger = openLedger(file);
  await remember(ledger, '1');
  expect(ledger.problem()).toBeUndefined();
  act(file);
  expect(ledger.problem()).toBe(`Another \`npm run keep\` writes ${file}, too: give each its own KEEP_FILE.`);
  await remember(ledger, '2');
  expect(logged(file)).toEqual(expect.arrayContaining(['other', '2']));
});

describe('a file that cannot be used', () => {
  const AFTER =
    'after a restart, voicemails may come twice. Let this user read and write it, or set KEEP_FILE to another file.';

  it('is reported, and has all once it can be written', async () => {
    const file = join(temporaryFolder(), 'later', 'ledger');
    const ledger = openLedger(file);
    await remember(ledger, '1');
    expect(ledger.problem()).toContain(`${file} cannot be written (ENOENT: `);
    expect(ledger.problem()).toContain(AFTER);
    mkdirSync(dirname(file));
    expect(ledger.problem()).toBeUndefined();
    await remember(ledger, '2');
    expect(logged(file)).toEqual(['1', '2']);
  });

  itIfDevFull('has all that a full disk did not take, once there is room', async () => {
    const file = ledgerFile();
    const ledger = openLedger(file);
    await remember(ledger, '1');
    rmSync(file);
    symlinkSync('/dev/full', file);
    // It opens what is there now.
    ledger.problem();
    await remember(ledger, '2');
    expect(ledger.problem()).toBeUndefined();
    expect(logged(file)).toEqual(['1', '2']);
  });

  itIfNotWindows.each([
    ['a folder', (file: string) => mkdirSync(file)],
    ['a device', (file: string) => symlinkSync('/dev/null', file)],
  ])('is reported if %s is in its place, which stays', async (_, act) => {
    const file = ledgerFile();
    act(file);
    const ledger = openLedger(file);
    await remember(ledger, '1');
    expect(ledger.problem()).toBe(`${file} cannot be read (it is not a file): ${AFTER}`);
    expect(statSync(file).isFile()).toBe(false);
  });
});
