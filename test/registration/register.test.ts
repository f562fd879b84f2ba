import { afterEach, expect, it } from '@jest/globals';
import { apiError, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { register, removeEarlier, type Wanted } from '../../src/registration/register.js';
import { retryAfterMs } from '../../src/ringcentral/errors.js';
import { listSubscriptions } from '../../src/ringcentral/subscriptions.js';
import { closeAll, startReceiver, startSession, TOKEN } from '../support/in-process.js';
import { asked, earlier, failureOf, FILTER, sentTo, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const ELSEWHERE = 'https://hook.example.com/webhook';
const NGROK = 'https://4f1c.ngrok-free.app/webhook';
const UNAVAILABLE = apiError(500, 'CMN-201', 'Service Temporary Unavailable');
const NO_ROOM = apiError(403, 'SUB-505', 'Subscriptions limit exceeded');

afterEach(closeAll);

/** A platform with subscriptions of the receiver (a, b, …), and how to register that. */
async function start(...own: object[]) {
  const [{ platform, session }, { address, events }] = await Promise.all([startSession(), startReceiver()]);
  platform.subscriptions = own.map((overrides, i) => earlier(address, { id: 'abcdef'[i], ...overrides }));
  const said: string[] = [];
  const usual: Wanted = { address, eventFilters: [FILTER], verificationToken: TOKEN, need: 'all' };
  const list = async () => (await listSubscriptions(session)).subscriptions;
  const run = async (wanted: Partial<Wanted> = {}) =>
    register(session, { ...usual, ...wanted }, await list(), (line) => said.push(line));
  const ids = () => platform.subscriptions.map(({ id }) => id);
  return { platform, session, address, events, said, run, ids };
}

/** Has RingCentral create what is not as it should be next, and answer with it, or else with the fault. */
function createOdd(platform: Platform, address: string, overrides: object, fault?: Fault): void {
  const odd = earlier(address, { id: 'odd', ...overrides });
  platform.fail('POST', SUBSCRIPTIONS, fault ?? { status: 200, body: odd }, 1);
  platform.onRequest = ({ method }) => method === 'POST' && (platform.subscriptions = [...before(), odd]);
  const before = () => platform.subscriptions.filter(({ id }) => id !== 'odd');
}

it('it subscribes the receiver, so that it gets what is left', async () => {
  const { platform, address, events, said, run } = await start();
  const { subscription, ...rest } = await run();
  expect(subscription).toMatchObject({ id: platform.subscriptions[0]?.id, address, status: 'Active' });
  expect(rest).toEqual({ granted: [FILTER], refused: [], replaced: 0, left: [] });
  expect(said).toEqual([]);
  expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST subscription', 'GET subscription']);
  await platform.leaveVoicemail();
  expect(events).toHaveLength(1);
});

it.each<Fault>(['cut', { status: 200, body: {} }])('nothing is changed if the list is %j', async (fault) => {
  const { platform, run } = await start();
  platform.fail('GET', SUBSCRIPTIONS, fault);
  expect((await failureOf(run())).message).toMatch(/^Could not list the subscriptions: /);
  expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
});

it('earlier subscriptions are deleted only once the new one is live', async () => {
  const { platform, run, ids } = await start();
  await run();
  const [first] = ids();
  platform.requests = [];
  const { subscription, replaced } = await run();
  expect(replaced).toBe(1);
  expect(ids()).toEqual([subscription.id]);
  expect(asked(platform)).toEqual(['GET subscription', 'POST subscription', 'GET subscription', `DELETE ${first}`]);
});

it('earlier subscriptions are replaced in any state, and however their address is written', async () => {
  const expired = { expirationTime: '2020-01-02T03:04:05.000Z' };
  const { platform, address, run, ids } = await start({}, { status: 'Suspended' }, { creationTime: '' });
  platform.subscriptions.push(earlier(`${address}/`, { status: 'Blacklisted' }));
  platform.subscriptions.push(earlier(address.replace('http', 'HTTP'), expired));
  const { subscription, replaced } = await run();
  expect(replaced).toBe(5);
  expect(ids()).toEqual([subscription.id]);
});

it('earlier subscriptions are also those of other addresses that are known to be ours', async () => {
  const { platform, run, ids } = await start();
  const former = 'https://former.example.com/webhook';
  platform.subscriptions = [earlier(ELSEWHERE, { id: 'a' }), earlier(former, { id: 'b' })];
  const { subscription, replaced } = await run({ isFormer: ({ id }) => id === 'b' });
  expect(replaced).toBe(1);
  expect(ids()).toEqual(['a', subscription.id]);
});

it('earlier subscriptions are each tried: one that cannot be deleted is reported, and the next run deletes it', async () => {
  const { platform, run, ids } = await start({}, {}, {}, {});
  for (const fault of [UNAVAILABLE, apiError(404, 'SUB-999', 'Gone'), 'cut'] as const)
    platform.fail('DELETE', SUBSCRIPTION, fault, 1);
  const { subscription, replaced, left } = await run();
  expect(replaced).toBe(2);
  const reasons = [/^Could not delete subscription a: CMN-201 /, /^Could not delete subscription c: /];
  expect(left).toEqual(reasons.map((reason) => expect.stringMatching(reason)));
  // The fake only says that b is gone.
  expect(ids()).toEqual(['a', 'b', 'c', subscription.id]);
  const next = await run();
  expect(next).toMatchObject({ replaced: 4, left: [] });
  expect(ids()).toEqual([next.subscription.id]);
});

it('earlier subscriptions are deleted even if the list cannot be read then', async () => {
  const { platform, run, ids } = await start({}, {});
  platform.onRequest = ({ method }) => method === 'POST' && platform.fail('GET', SUBSCRIPTIONS, 'cut', 1);
  platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE, 1);
  const { subscription, ...rest } = await run();
  expect(rest).toMatchObject({ replaced: 1, left: [expect.stringMatching(/subscription a: CMN-201 /)] });
  expect(ids()).toEqual(['a', subscription.id]);
});

it('earlier subscriptions are gone, and one is left, if several run at the same moment', async () => {
  const { platform, run } = await start({});
  const inOrder = (each: { creationTime?: string }, i: number) => (each.creationTime = `2026-01-02T03:04:0${i}.000Z`);
  platform.onRequest = () => platform.subscriptions.forEach(inOrder);
  const all = await Promise.all([run(), run(), run()]);
  for (const { left } of all) expect(left).toEqual([]);
  expect(platform.subscriptions).toHaveLength(1);
  expect(all.map(({ subscription }) => subscription.id)).toContain(platform.subscriptions[0]?.id);
});

it.each([
  ['a', 0],
  ['b', 1],
])('of two of the same moment the lower id is the earlier: two runs leave one: %s', async (id, removed) => {
  const { session, ids } = await start({}, {});
  const { subscriptions } = await listSubscriptions(session);
  const [current] = subscriptions.filter((each) => each.id === id);
  if (!current) throw new Error('Not listed');
  expect(await removeEarlier(session, subscriptions, current)).toEqual([]);
  expect(ids()).toEqual(['a', 'b'].slice(removed));
});

it('if no answer came it says that there may be a subscription all the same, and the next run leaves one', async () => {
  const { platform, address, run, ids } = await start({});
  createOdd(platform, address, {}, 'cut');
  const { message } = await failureOf(run());
  expect(message).toMatch(/\nThe subscription may exist anyway\. Run `npm run register` again: /);
  expect(ids()).toEqual(['a', 'odd']);
  platform.onRequest = () => {};
  const { subscription, replaced } = await run();
  expect(replaced).toBe(2);
  expect(ids()).toEqual([subscription.id]);
});

it.each<[string, object, RegExp]>([
  [
    'is blacklisted',
    { status: 'Blacklisted' },
    /^The new subscription is not live \(Blacklisted\)\. Run this again\.$/,
  ],
  ['lacks a filter', { eventFilters: ['/restapi/v1.0/account/1/presence'] }, /voicemail: RingCentral left it out\n/],
  [
    'has one disabled',
    { disabledFilters: [{ filter: FILTER, message: 'No' }] },
    /for .*voicemail: No\n.*"Read Messages"/,
  ],
])('a new subscription is deleted again, and the earlier ones stay, if it %s', async (_, overrides, said) => {
  const { platform, address, run, ids } = await start({});
  createOdd(platform, address, overrides);
  expect((await failureOf(run())).message).toMatch(said);
  expect(ids()).toEqual(['a']);
  expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST subscription', 'DELETE odd']);
});

it('a new subscription that is not live is reported as left if it cannot be deleted', async () => {
  const { platform, address, run } = await start();
  createOdd(platform, address, { status: 'Blacklisted' });
  platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
  const { message } = await failureOf(run());
  expect(message).toMatch(/^The new subscription is not live \(.*\)\.\nCould not delete subscription odd: CMN-201/);
});

const COLLEAGUE = String(Number(EXTENSION_ID) + 1);
const eventFilters = [voicemailFilter(EXTENSION_ID), voicemailFilter(COLLEAGUE)];
const how = ['SUB-405', 'CMN-102', 'disabled'] as const;
it.each(how)('a refused extension fails it if all are needed, or if there is no other: %s', async (refusal) => {
  const { platform, run, ids } = await start({});
  platform.refusedFilters.set(COLLEAGUE, refusal);
  expect((await failureOf(run({ eventFilters }))).message).toMatch(COLLEAGUE);
  expect(sentTo(platform, 'POST', SUBSCRIPTIONS)).toHaveLength(1);
  platform.refusedFilters.set(EXTENSION_ID, refusal);
  const { message } = await failureOf(run({ eventFilters, need: 'some' }));
  expect(message).toMatch(refusal === 'disabled' ? /permission/ : refusal);
  expect(ids()).toEqual(['a']);
});

it.each(how)('a refused extension is named, and the rest subscribed, if some are enough: %s', async (refusal) => {
  const { platform, run, ids } = await start({});
  platform.refusedFilters.set(COLLEAGUE, refusal);
  const { subscription, granted, refused } = await run({ eventFilters, need: 'some' });
  const reason = refusal === 'disabled' ? 'permission' : refusal;
  expect(refused).toEqual([
    expect.stringMatching(`^RingCentral will send nothing for ${eventFilters[1]}: .*${reason}`),
  ]);
  expect(granted).toEqual(eventFilters.slice(0, 1));
  expect(ids()).toEqual([subscription.id]);
  expect((await platform.leaveVoicemail()).deliveries).toMatchObject([{ accepted: true }]);
});

it('a refused event filter of another kind is named, too, and the rest subscribed', async () => {
  const { run } = await start();
  const { granted, refused } = await run({ eventFilters: [FILTER, '/restapi/x'], need: 'some' });
  expect(granted).toEqual([FILTER]);
  expect(refused).toEqual([expect.stringMatching('nothing for /restapi/x: .*SUB-508 Event filter')]);
});

it('a refusal that names no extension fails it', async () => {
  const { platform, run } = await start();
  platform.fail('POST', SUBSCRIPTIONS, apiError(403, 'SUB-528', `App 9${COLLEAGUE} lacks a permission`));
  expect((await failureOf(run({ eventFilters, need: 'some' }))).message).toMatch(/SUB-528/);
  expect(asked(platform).slice(2)).toEqual(['POST subscription']);
});

/** As many as there may be: of the receiver, and two of another address. */
async function startFull(...own: object[]) {
  const scene = await start(...own);
  const { platform } = scene;
  platform.subscriptions.unshift(...['x', 'y'].map((id) => earlier(ELSEWHERE, { id })));
  platform.maxSubscriptions = platform.subscriptions.length;
  return scene;
}

it('without room none is deleted if none is of this address, and the error says how to make some', async () => {
  const { platform, run, ids } = await startFull();
  expect((await failureOf(run())).message).toMatch(/SUB-505 .*\n.*`npm run register -- --list` .*`-- --delete ID`/);
  expect(ids()).toEqual(['x', 'y']);
  expect(asked(platform)).toEqual(['POST token', 'GET subscription', 'POST subscription']);
});

it.each([1, 2])('without room an earlier one goes first, which is said: there are %i', async (count) => {
  const { run, said, ids } = await startFull(...Array<object>(count).fill({}));
  const { subscription, replaced, left } = await run();
  expect(replaced).toBe(count);
  expect(left).toEqual([]);
  expect(ids()).toEqual(['x', 'y', subscription.id]);
  expect(said).toEqual([expect.stringMatching(/has no room for another .*: deleting an earlier one of this address/)]);
});

it('without room one that RingCentral has ended goes, rather than one that works', async () => {
  const { platform, run } = await startFull({}, { status: 'Blacklisted' }, {});
  platform.fail('POST', SUBSCRIPTIONS, NO_ROOM, 1);
  platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'), 1);
  await failureOf(run());
  expect(asked(platform).slice(3)).toEqual(['DELETE b', 'POST subscription']);
});

it.each([1, 2])('without room it says what to do if the new one is refused: there were %i', async (count) => {
  const { platform, address, run, ids } = await startFull(...Array<object>(count).fill({}));
  platform.fail('POST', SUBSCRIPTIONS, NO_ROOM, 1);
  createOdd(platform, address, { status: 'Suspended' });
  expect((await failureOf(run())).message).toMatch(
    /^The new subscription is not live \(Suspended\).*\nThe earlier subscription is deleted, so none may be left: /,
  );
  expect(ids()).toEqual(['x', 'y', 'b'].slice(0, count + 1));
});

it('without room it passes on how long RingCentral asks to wait', async () => {
  const { platform, run } = await startFull({});
  platform.fail('POST', SUBSCRIPTIONS, NO_ROOM, 1);
  platform.fail('POST', SUBSCRIPTIONS, { ...apiError(429, 'CMN-301', 'Wait'), headers: { 'Retry-After': '300' } }, 1);
  expect(retryAfterMs(await failureOf(run()))).toBe(300_000);
});

it('without room nothing is changed if the earlier one cannot go', async () => {
  const { platform, run, ids } = await startFull({});
  platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
  expect((await failureOf(run())).message).toMatch(/^Could not delete subscription a: CMN-201 /);
  expect(ids()).toEqual(['x', 'y', 'a']);
});

it('it leaves other addresses and transports alone', async () => {
  const ended = { status: 'Blacklisted' };
  const { platform, address, run } = await start(ended, { expirationTime: '2020-01-02T03:04:05.000Z' }, {});
  const others = [
    earlier(NGROK, { id: 'x', status: 'Suspended' }),
    earlier(NGROK),
    earlier(ELSEWHERE, ended),
    earlier(`${address}2`, ended),
    earlier(address, { deliveryMode: { transportType: 'PubNub', address }, ...ended }),
  ];
  platform.subscriptions.push(...others);
  expect(await run()).toMatchObject({ replaced: 3, left: [] });
  expect(platform.subscriptions.slice(0, -1)).toEqual(others);
});

it.each([
  [1, /^Subscriptions of other tunnels: 1\. .*npm run register -- --list` .* `-- --delete ID/],
  [4, /^Subscriptions of other tunnels: 4\. .*npm run register -- --list` .* `-- --delete ID/],
])('it says how to list and delete what leads to other tunnels, and deletes none: %i', async (count, warning) => {
  const { platform, said, run, ids } = await start();
  const names = ['4f1c.ngrok-free.app', 'old.ngrok.io', 'x.ngrok-free.dev', 'a-b-c-d.trycloudflare.com'];
  const strays = names.slice(0, count).map((name) => earlier(`https://${name}/webhook`));
  const former = 'https://former.ngrok.app/webhook';
  platform.subscriptions = [...strays, earlier(ELSEWHERE), earlier(former)];
  await run({ isFormer: ({ address }) => address === former });
  expect(said).toEqual([expect.stringMatching(warning)]);
  expect(ids()).toHaveLength(count + 2);
});
