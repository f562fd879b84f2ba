import { afterEach, expect, it } from '@jest/globals';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { Failure } from '../../src/errors.js';
import { compare, type Parts } from '../../src/keep/compare.js';
import { openLedger } from '../../src/keep/ledger.js';
import { problemLog } from '../../src/keep/problems.js';
import { recordingFolder } from '../../src/keep/attachments.js';
import { eventOf } from '../../src/ringcentral/message-store.js';
import { Said } from '../support/app.js';
import { closeAll, logIn, startPlatform } from '../support/in-process.js';
import { idsIn, keepLog, ledgerFile } from '../support/keep.js';
import { asked, STORE, tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const HOUR_MS = 3_600_000;
const OWN = { id: EXTENSION_ID, label: 'your extension' };
const OTHER = { id: String(Number(EXTENSION_ID) + 1), label: 'ext. 102, Charles Babbage' };
const QUEUE = { id: String(Number(EXTENSION_ID) + 3), label: 'ext. 200, Support' };

afterEach(closeAll);

/** A platform, a ledger that met mailboxes just now, and what compares them; `begin` is a restart. */
async function start(mailboxes = [OWN]) {
  const platform = await startPlatform();
  const { session } = await logIn(platform);
  const file = ledgerFile();
  const { signal } = new AbortController();
  const begin = async () => {
    // Lines of the ledger are written at the end of the turn.
    await new Promise(setImmediate);
    const ledger = openLedger(file);
    const out = keepLog(ledger);
    const { say, lines: said } = new Said();
    for (const { id } of mailboxes) ledger.meet(id, session.now());
    const { say: warn, lines: problems } = new Said();
    const options = { ...out, session, ledger, recordings: undefined, everyMs: 1, say, signal };
    const run = (more: Partial<Parts> = {}) =>
      compare(mailboxes, { ...options, problems: problemLog(warn, signal), ...more });
    return { ledger, out, said, problems, run, logged: () => idsIn(out.stdout.lines) };
  };
  return { platform, begin, ...(await begin()) };
}

/** A voicemail of this id in the store, left so many hours from now, and as the event of its notification. */
function left(platform: Platform, id: number | string, hours = 0, mailbox = OWN) {
  const creationTime = Number.isNaN(hours) ? '' : new Date(platform.now + hours * HOUR_MS).toISOString();
  return eventOf({ ...platform.store({ id: Number(id), creationTime }, mailbox.id), id }, mailbox.id);
}

it('what came without a notification is logged, oldest first, in the form of the receiver, under a line that says how many', async () => {
  const { platform, said, run, out, logged } = await start([OWN, OTHER]);
  platform.clockOffsetMs = HOUR_MS;
  left(platform, 2, -0.8, OTHER);
  left(platform, 3, -0.7);
  const { event, body } = left(platform, 1, -0.9);
  expect(await run()).toEqual({ missing: 3 });
  expect(logged()).toEqual(['1', '2', '3']);
  expect(JSON.parse(out.stdout.lines[0] ?? '')).toEqual({ event, body });
  expect(said).toEqual(['3 voicemails came without a notification:']);
});

it.each([
  ['as a number', 7],
  ['as text', '7'],
])(
  'what came without a notification is logged once, with an id that is sent %s, in whatever order, also after a restart',
  async (_, id) => {
    const { platform, begin, out, run, logged } = await start();
    const notified = left(platform, id);
    expect(await out.log({ ...notified, uuid: 'one' })).toBe('logged');
    expect(await out.log({ ...notified, uuid: 'of a second subscription' })).toBe('repeated');
    expect(await run()).toMatchObject({ missing: 0 });
    const missed = left(platform, 8);
    expect(await run()).toMatchObject({ missing: 1 });
    expect(await out.log({ ...missed, uuid: 'late' })).toBe('repeated');
    const next = await begin();
    expect(await next.run()).toMatchObject({ missing: 0 });
    expect(await next.out.log({ ...notified, uuid: 'very late' })).toBe('repeated');
    expect(logged()).toEqual(['7', '8']);
  },
);

it('what came without a notification is not what a notification brings within the time that it gets', async () => {
  const { platform, out, said, run, logged } = await start();
  const notified = left(platform, 7);
  const has = (key: string) => {
    const isLogged = out.has(key);
    void out.log(notified);
    return isLogged;
  };
  expect(await run({ has })).toMatchObject({ missing: 0 });
  expect(logged()).toEqual(['7']);
  expect(said).toEqual([]);
});

it('what came without a notification is not what is being written, and the comparison waits for that', async () => {
  const { platform, out, ledger, run } = await start();
  let write = () => {};
  out.write = (line) => new Promise((resolve) => (write = () => resolve(out.stdout.say(line))));
  const notified = out.log(left(platform, 7));
  let isListed = () => {};
  const listed = new Promise<void>((resolve) => (isListed = resolve));
  const compared = run({ has: (key) => (isListed(), out.has(key)) });
  await listed;
  await new Promise(setImmediate);
  expect(ledger.isNew(OWN.id)).toBe(true);
  write();
  expect(await compared).toEqual({ missing: 0 });
  expect(await notified).toBe('logged');
  expect(ledger.isNew(OWN.id)).toBe(false);
});

it('what came without a notification comes with a later comparison if it could not be written, after its notification or a comparison', async () => {
  const { platform, out, ledger, run, logged } = await start();
  const { write } = out;
  out.write = () => Promise.reject(new Failure('no space left on device'));
  await expect(out.log(left(platform, 7))).rejects.toThrow('no space left on device');
  expect((await run()).failure?.message).toBe('A voicemail could not be logged: no space left on device.');
  expect(ledger.isNew(OWN.id)).toBe(true);
  out.write = write;
  expect(await run()).toEqual({ missing: 1 });
  expect(logged()).toEqual(['7']);
  expect(ledger.isNew(OWN.id)).toBe(false);
});

it.each([0, -7, 7])(
  'a list reaches back an hour by RingCentral’s clock, which is %i hours off this machine’s',
  async (hours) => {
    const { platform, ledger, run, logged } = await start();
    platform.clockOffsetMs = hours * HOUR_MS;
    await run();
    expect(Math.abs(ledger.since(OWN.id) - (platform.now - HOUR_MS))).toBeLessThan(60_000);
    // Listed late.
    left(platform, 7, -0.9);
    await run();
    expect(logged()).toEqual(['7']);
  },
);

it('a list reaches back over a night without lists, however many notifications come in the morning', async () => {
  const { platform, out, run, logged } = await start();
  await run();
  platform.fail('GET', STORE, 'cut', 2);
  left(platform, 1);
  platform.clockOffsetMs = 8 * HOUR_MS;
  await run();
  await out.log(left(platform, 2));
  await run();
  expect(logged()).toEqual(['2']);
  await run();
  expect(logged()).toEqual(['2', '1']);
});

it('a list reaches back a day for recordings, and what is only there for them is not missing', async () => {
  const { platform, out, run, logged } = await start();
  await run();
  left(platform, 7, -3);
  await out.log(left(platform, 8, -3));
  const output = {
    write: out.write,
    format: 'json',
    progress: () => {},
    signal: new AbortController().signal,
  } as const;
  const recordings = recordingFolder(temporaryFolder(), output);
  const wanted: unknown[] = [];
  recordings.want = (mailbox, { id }) => void wanted.push(mailbox, id);
  await run({ recordings });
  expect(wanted).toEqual([OWN.id, 8]);
  expect(logged()).toEqual(['8']);
});

it('in a mailbox that is new to the ledger what the first list holds from before is not logged, but a notification of it is', async () => {
  const { platform, out, said, run, begin, logged } = await start();
  const old = left(platform, 1, -0.5);
  left(platform, 2);
  await run();
  expect(logged()).toEqual(['2']);
  await (await begin()).run();
  platform.clockOffsetMs = 3 * HOUR_MS;
  await run();
  expect(said).toHaveLength(1);
  expect(await out.log(old)).toBe('logged');
});

it('in a mailbox that is new to the ledger what a later list adds is missing, whenever it was created', async () => {
  const { platform, run, logged } = await start();
  await run();
  left(platform, 7, -0.9);
  await run();
  expect(logged()).toEqual(['7']);
});

it('in a mailbox that is new to the ledger what came since it was met is missing, also if the first list comes hours and a restart later', async () => {
  const { platform, begin } = await start();
  left(platform, 1, -0.1);
  left(platform, 2);
  platform.clockOffsetMs = 9 * HOUR_MS;
  const { run, logged } = await begin();
  await run();
  expect(logged()).toEqual(['2']);
});

it('in a mailbox that is new to the ledger what has no time is from before for good, if the first list holds it', async () => {
  const { platform, run, logged } = await start();
  left(platform, 1, NaN);
  for (const hours of [0, 4, 8]) {
    platform.clockOffsetMs = hours * HOUR_MS;
    await run();
  }
  left(platform, 2, NaN);
  await run();
  expect(logged()).toEqual(['2']);
});

it.each<[string, Fault, RegExp]>([
  ['refused', apiError(403, 'CMN-408', 'No [ReadMessages]'), /CMN-408/],
  ['gone', apiError(404, 'CMN-102', 'Not found'), /CMN-102/],
  ['gone without a word', { status: 404, body: '' }, /404/],
  ['broken', apiError(500, 'CMN-201', 'Service Temporary Unavailable'), /CMN-201/],
  ['cut', 'cut', /cut/],
  ['without records', { status: 200, body: { paging: {} } }, /without a list/],
])('a mailbox that is %s costs only itself', async (kind, fault, message) => {
  const all = [OWN, OTHER, QUEUE];
  const { platform, ledger, problems, run, logged } = await start(all);
  for (const [i, mailbox] of all.entries()) left(platform, i, 0, mailbox);
  platform.fail('GET', new RegExp(`${OTHER.id}/message-store`), fault);
  const { failure } = await run();
  const isRefused = /refused|gone/.test(kind);
  expect(failure?.message ?? 'none').toMatch(isRefused ? 'none' : message);
  expect(problems).toEqual(isRefused ? [expect.stringMatching(message)] : []);
  expect(problems.join()).toMatch(isRefused ? /^ext\. 102, Charles Babbage: / : /^$/);
  expect(logged()).toEqual(['0', '2']);
  expect(all.filter(({ id }) => ledger.isNew(id))).toEqual([OTHER]);
});

it('a comparison ends on too many requests: the other mailboxes would not be listed, either', async () => {
  const { platform, problems, run } = await start([OWN, OTHER, QUEUE]);
  platform.fail('GET', STORE, tooMany(3600));
  expect(await run()).toMatchObject({ failure: expect.any(Error) });
  expect(problems).toEqual([]);
  expect(asked(platform).filter((each) => each === 'GET message-store')).toHaveLength(1);
});
