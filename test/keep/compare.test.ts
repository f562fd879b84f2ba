import { afterEach, describe, expect, it } from '@jest/globals';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { compare, type CompareOptions } from '../../src/keep/compare.js';
import { Failure } from '../../src/errors.js';
import { Ledger } from '../../src/keep/ledger.js';
import { Recordings } from '../../src/keep/recordings.js';
import { eventOf } from '../../src/ringcentral/message-store.js';
import { Said } from '../support/app.js';
import { closeAll, startPlatform } from '../support/in-process.js';
import { idsIn, keepLog, ledgerFile, session } from '../support/keep.js';
import { temporaryFolder } from '../support/temporary.js';
import { asked, STORE, tooMany } from '../support/ringcentral.js';

const HOUR_MS = 3_600_000;
const OWN = { id: EXTENSION_ID, label: 'the own extension' };
const OTHER = { id: String(Number(EXTENSION_ID) + 1), label: 'ext. 102, Charles Babbage' };
const QUEUE = { id: String(Number(EXTENSION_ID) + 3), label: 'ext. 200, Support' };

afterEach(closeAll);

/** A platform, a ledger that met mailboxes just now, and what compares them. */
async function start(mailboxes = [OWN], options: Partial<CompareOptions> = {}) {
  const platform = await startPlatform();
  const file = ledgerFile();
  const loggedIn = await session(platform);
  /** A keep that knows what the file holds. */
  const begin = async () => {
    // Lines of the ledger are written at the end of the turn.
    await new Promise(setImmediate);
    const ledger = new Ledger(file);
    const out = keepLog(ledger);
    const said = new Said();
    for (const { id } of mailboxes) ledger.meet(id, loggedIn.now());
    const run = (more: Partial<CompareOptions> = {}) =>
      compare(loggedIn, mailboxes, {
        ledger,
        log: out.log,
        has: out.has,
        graceMs: 1,
        recordings: undefined,
        turn: () => Promise.resolve(),
        say: said.say,
        signal: new AbortController().signal,
        ...options,
        ...more,
      });
    return { ledger, out, said: said.lines, run, logged: () => idsIn(out.stdout.lines) };
  };
  return { platform, begin, ...(await begin()) };
}

/** A voicemail of this id in the store, and as the event of its notification. */
function left(platform: Platform, id: number | string, overrides: object = {}, mailbox = OWN) {
  const message = platform.store({ ...overrides, id: Number(id) }, mailbox.id);
  return eventOf({ ...message, id }, mailbox.id);
}

/** RingCentral's time, so many hours from now. */
const inHours = (platform: Platform, hours: number) => new Date(platform.now + hours * HOUR_MS).toISOString();

describe('what came without a notification', () => {
  it('is logged, oldest first, in the form of the receiver, under a line that says how many', async () => {
    const { platform, said, run, out, logged } = await start([OWN, OTHER]);
    left(platform, 2, { creationTime: inHours(platform, 0.2) }, OTHER);
    left(platform, 3, { creationTime: inHours(platform, 0.3) });
    const { message } = { message: platform.store({ id: 1, creationTime: inHours(platform, 0.1) }) };
    platform.clockOffsetMs = HOUR_MS;
    expect(await run()).toMatchObject({ missing: 3, failure: undefined });
    expect(logged()).toEqual(['1', '2', '3']);
    expect(JSON.parse(out.stdout.lines[0] ?? '')).toEqual({
      event: `/restapi/v1.0/account/~/extension/${EXTENSION_ID}/voicemail`,
      body: message,
    });
    expect(said).toEqual(['3 voicemails came without a notification:']);
  });

  it.each([
    ['as a number', 7],
    ['as text', '7'],
  ])('is logged once, with an id that is sent %s, in whatever order, also after a restart', async (_, id) => {
    const { platform, begin, ...first } = await start();
    const notified = left(platform, id);
    expect(await first.out.log({ ...notified, uuid: 'one' })).toBe('logged');
    expect(await first.out.log({ ...notified, uuid: 'from a second subscription' })).toBe('repeated');
    expect(await first.run()).toMatchObject({ missing: 0 });
    const missed = left(platform, 8);
    expect(await first.run()).toMatchObject({ missing: 1 });
    expect(await first.out.log({ ...missed, uuid: 'late' })).toBe('repeated');
    const next = await begin();
    expect(await next.run()).toMatchObject({ missing: 0 });
    expect(await next.out.log({ ...notified, uuid: 'very late' })).toBe('repeated');
    expect(first.logged()).toEqual(['7', '8']);
    expect(next.logged()).toEqual([]);
  });

  it('is not what a notification brings within the time that it gets', async () => {
    const { platform, out, said, run, logged } = await start();
    const notified = left(platform, 7);
    const has = (key: string) => {
      const before = out.has(key);
      if (!before) void out.log(notified);
      return before;
    };
    expect(await run({ has })).toMatchObject({ missing: 0 });
    expect(logged()).toEqual(['7']);
    expect(said).toEqual([]);
  });

  it('is not what is being written, and the comparison waits for that', async () => {
    const { platform, out, ledger, run } = await start();
    const before = ledger.since(OWN.id);
    let write = () => {};
    out.write = (line) => new Promise((resolve) => (write = () => resolve(out.stdout.say(line))));
    const notified = out.log(left(platform, 7));
    let isListed = () => {};
    const listed = new Promise<void>((resolve) => (isListed = resolve));
    const compared = run({ has: (key) => (isListed(), out.has(key)) });
    await listed;
    await new Promise(setImmediate);
    expect(ledger.since(OWN.id)).toBe(before);
    write();
    expect(await compared).toMatchObject({ missing: 0, failure: undefined });
    expect(await notified).toBe('logged');
    expect(ledger.isNew(OWN.id)).toBe(false);
  });

  it('comes with a later comparison if it could not be written, after its notification or a comparison', async () => {
    const { platform, out, ledger, run, logged } = await start();
    const { write } = out;
    out.write = () => Promise.reject(new Error('no space left on device'));
    await expect(out.log(left(platform, 7))).rejects.toThrow('no space left on device');
    expect((await run()).failure?.message).toBe('A voicemail could not be logged: no space left on device.');
    expect(ledger.isNew(OWN.id)).toBe(true);
    out.write = write;
    expect(await run()).toMatchObject({ missing: 1, failure: undefined });
    expect(logged()).toEqual(['7']);
    expect(ledger.isNew(OWN.id)).toBe(false);
  });
});

describe('how far back a list reaches', () => {
  it.each([0, -7, 7])('is an hour by RingCentral’s clock, which is %i hours off this machine’s', async (hours) => {
    const { platform, ledger, run, logged } = await start();
    platform.clockOffsetMs = hours * HOUR_MS;
    await run();
    expect(Math.abs(ledger.since(OWN.id) - (platform.now - HOUR_MS))).toBeLessThan(5000);
    // Listed late.
    left(platform, 7, { creationTime: inHours(platform, -0.9) });
    expect(await run()).toMatchObject({ missing: 1 });
    expect(logged()).toEqual(['7']);
  });

  it('is from before a night without lists on, however many notifications came in the morning', async () => {
    const { platform, out, run, logged } = await start();
    await run();
    platform.fail('GET', STORE, 'cut', 3);
    left(platform, 1);
    for (const hours of [4, 8]) {
      platform.clockOffsetMs = hours * HOUR_MS;
      await run();
    }
    await out.log(left(platform, 2));
    await run();
    expect(logged()).toEqual(['2']);
    await run();
    expect(logged()).toEqual(['2', '1']);
  });

  it('is a day for recordings, and what is only there for them is not missing', async () => {
    const { platform, out, run, logged } = await start();
    await run();
    left(platform, 7, { creationTime: inHours(platform, -3) });
    await out.log(left(platform, 8, { creationTime: inHours(platform, -3) }));
    const wanted: string[] = [];
    const recordings = new Recordings(temporaryFolder(), new AbortController().signal);
    recordings.want = (mailbox, { id }) => void wanted.push(`${mailbox} ${String(id)}`);
    await run({ recordings });
    expect(wanted).toEqual([`${OWN.id} 8`]);
    expect(logged()).toEqual(['8']);
  });
});

describe('in a mailbox that is new to the ledger', () => {
  it('what the first list holds from before is not logged, but a notification of it is', async () => {
    const { platform, out, said, run, begin, logged } = await start();
    const old = left(platform, 1, { creationTime: inHours(platform, -0.5) });
    left(platform, 2);
    expect(await run()).toMatchObject({ missing: 1 });
    expect(logged()).toEqual(['2']);
    // Long after, and after a restart.
    platform.clockOffsetMs = 3 * HOUR_MS;
    await run();
    await (await begin()).run();
    expect(said).toHaveLength(1);
    expect(await out.log(old)).toBe('logged');
  });

  it('what a later list adds is missing, whenever it was created', async () => {
    const { platform, run, logged } = await start();
    await run();
    left(platform, 7, { creationTime: inHours(platform, -0.9) });
    await run();
    expect(logged()).toEqual(['7']);
  });

  it('what came since it was met is missing, also if the first list comes hours and a restart later', async () => {
    const { platform, begin } = await start();
    left(platform, 1, { creationTime: inHours(platform, -0.1) });
    left(platform, 2);
    platform.clockOffsetMs = 9 * HOUR_MS;
    const { run, logged } = await begin();
    await run();
    expect(logged()).toEqual(['2']);
  });

  it('what has no time is there from before for good', async () => {
    const { platform, run, logged } = await start();
    left(platform, 1, { creationTime: undefined });
    for (const hours of [0, 4, 8]) {
      platform.clockOffsetMs = hours * HOUR_MS;
      await run();
    }
    expect(logged()).toEqual([]);
    left(platform, 2, { creationTime: undefined });
    await run();
    expect(logged()).toEqual(['2']);
  });
});

describe('a mailbox that is not listed', () => {
  it.each<[string, Fault, RegExp]>([
    ['refused', apiError(403, 'CMN-408', 'No [ReadMessages]'), /CMN-408/],
    ['gone', apiError(404, 'CMN-102', 'Not found'), /CMN-102/],
    ['broken', apiError(500, 'CMN-201', 'Service Temporary Unavailable'), /CMN-201/],
    ['cut', 'cut', /cut/],
    ['without records', { status: 200, body: { paging: {} } }, /without a list/],
    ['without JSON', 'empty', /without JSON/],
  ])('costs only itself if it is %s', async (kind, fault, message) => {
    const { platform, ledger, run, logged } = await start([OWN, OTHER, QUEUE]);
    for (const [i, mailbox] of [OWN, OTHER, QUEUE].entries()) left(platform, i, {}, mailbox);
    platform.fail('GET', new RegExp(`${OTHER.id}/message-store`), fault);
    const { compared, refused, failure } = await run();
    const isRefused = /refused|gone/.test(kind);
    expect([...refused.keys()]).toEqual(isRefused ? [OTHER] : []);
    expect((isRefused ? refused.get(OTHER) : failure)?.message).toMatch(message);
    expect(compared).toEqual([OWN, QUEUE]);
    expect(logged()).toEqual(['0', '2']);
    expect(ledger.isNew(OTHER.id)).toBe(true);
  });

  it.each<[string, Fault, number]>([
    ['too many requests', tooMany(3600), 1],
    ['no answers', 'cut', 2],
  ])('ends a comparison on %s: the others would not be listed, either', async (_, fault, lists) => {
    const { platform, run } = await start([OWN, OTHER, QUEUE]);
    platform.fail('GET', STORE, fault);
    expect(await run()).toMatchObject({ compared: [], refused: new Map(), failure: expect.any(Failure) });
    expect(asked(platform).filter((each) => each === 'GET message-store')).toHaveLength(lists);
  });
});
