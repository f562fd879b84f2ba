import { afterEach, expect, it } from '@jest/globals';
import { apiError, CREDENTIALS, type Fault } from '../../scripts/fake/platform.js';
import {
  createSubscription,
  deleteSubscription,
  deleteUnlessGone,
  isLive,
  listSubscriptions,
  missedSince,
  refusedFilters,
  shownExpiry,
  type Subscription,
} from '../../src/ringcentral/subscriptions.js';
import { voicemailFilter } from '../../src/contract.js';
import { isUnanswered } from '../../src/ringcentral/errors.js';
import { closeAll, startReceiver, startSession, TOKEN } from '../support/in-process.js';
import { asked, earlier, failureOf, FILTER, sentTo, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const MAY_EXIST = 'The subscription may exist anyway. Run `npm run register` again: it leaves only one.';
const YEAR_MS = 365.25 * 86_400_000;

afterEach(closeAll);

/** A platform, a receiver, a session, and how to subscribe the receiver. */
async function start(options: object = {}) {
  const [{ platform, session }, { address }] = await Promise.all([startSession(CREDENTIALS, options), startReceiver()]);
  const create = (eventFilters = [FILTER]) =>
    createSubscription(session, eventFilters, { address, verificationToken: TOKEN });
  return { platform, session, address, create, wanted: () => sentTo(platform, 'POST', SUBSCRIPTIONS) };
}

/** A subscription as it is read from what RingCentral says. */
async function read(raw: unknown): Promise<Subscription> {
  const { platform, session } = await start();
  platform.fail('GET', SUBSCRIPTIONS, { status: 200, body: { records: [raw] } });
  const { subscriptions } = await listSubscriptions(session);
  const [subscription] = subscriptions;
  if (!subscription || subscriptions.length > 1) throw new Error('Not one subscription');
  return subscription;
}

it('a new subscription asks for 20 years, with all that is wanted, once', async () => {
  const { platform, address, create, wanted } = await start();
  const sms = '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS';
  const subscription = await create([FILTER, sms]);
  const deliveryMode = { transportType: 'WebHook', address, verificationToken: TOKEN };
  expect(wanted()).toEqual([{ eventFilters: [FILTER, sms], expiresIn: 630_720_000, deliveryMode }]);
  expect(subscription).toMatchObject({ id: platform.subscriptions[0]?.id, status: 'Active', address });
  expect(Date.parse(subscription.expirationTime) - Date.now()).toBeGreaterThan(19.9 * YEAR_MS);
});

it('a new subscription is asked for once more, for 10 years, if 20 are refused, and not a third time', async () => {
  const { platform, create, wanted } = await start();
  platform.maxExpiresIn = { seconds: 315_360_000, over: 'refuse' };
  await create();
  expect(wanted()).toMatchObject([{ expiresIn: 630_720_000 }, { expiresIn: 315_360_000 }]);
  expect(platform.subscriptions).toMatchObject([{ expiresIn: 315_360_000 }]);
  platform.maxExpiresIn = { seconds: 604_800, over: 'refuse' };
  const { message } = await failureOf(create());
  expect(message).toBe('Could not create the subscription: CMN-101 Parameter [expiresIn] value is invalid.');
  expect(wanted()).toHaveLength(4);
});

it.each([
  apiError(400, 'CMN-101', 'Parameter [eventFilters] value is invalid', 'eventFilters'),
  apiError(400, 'SUB-521', 'WebHook is not reachable'),
  apiError(403, 'SUB-505', 'Subscriptions limit exceeded'),
  apiError(429, 'CMN-301', 'Request rate exceeded', undefined),
])('a new subscription that is refused is not asked for again, and surely does not exist: %j', async (refusal) => {
  const { platform, create, wanted } = await start();
  platform.fail('POST', SUBSCRIPTIONS, { ...refusal, headers: { 'Retry-After': '300' } });
  expect((await failureOf(create())).message).not.toMatch(/may exist/);
  expect(wanted()).toHaveLength(1);
});

const page: Fault = { status: 200, body: '<p>Hello</p>' };
const none: Fault = { status: 200, headers: { 'Content-Type': 'application/json' }, body: 'null' };
it.each<[Fault, RegExp]>([
  ...(['hang', 'cut', 'html', 'empty', page] as const).map((fault): [Fault, RegExp] => [fault, /^Could not create /]),
  [apiError(503, 'CMN-211', 'Unavailable'), /^Could not create the subscription: CMN-211 Unavailable\./],
  [{ status: 200, body: { records: [] } }, /: RingCentral answered without a subscription\./],
  [none, /: RingCentral answered without a subscription\./],
])('a new subscription is reported as uncertain, and not tried again, if the answer is %j', async (fault, what) => {
  const { platform, create, wanted } = await start({ timeoutMs: 300 });
  platform.fail('POST', SUBSCRIPTIONS, fault);
  const { message } = await failureOf(create());
  expect(message).toMatch(what);
  expect(message.split('\n').at(-1)).toBe(MAY_EXIST);
  expect(wanted()).toHaveLength(1);
});

it('the list has all there are, of every transport, and the list as it came', async () => {
  const { platform, session } = await start();
  platform.subscriptions = [
    earlier('https://hook.example.com/webhook', { id: 'a' }),
    earlier('', { id: 'b', deliveryMode: { transportType: 'WebSocket' } }),
    earlier('', { id: 'c', deliveryMode: { transportType: 'PubNub', address: 'channel' } }),
  ];
  const { subscriptions, raw } = await listSubscriptions(session);
  expect(subscriptions).toMatchObject([
    { id: 'a', transportType: 'WebHook', address: 'https://hook.example.com/webhook', eventFilters: [FILTER] },
    { id: 'b', transportType: 'WebSocket', address: '' },
    { id: 'c', transportType: 'PubNub', address: '' },
  ]);
  expect(subscriptions.map((each) => each.raw)).toEqual(platform.subscriptions);
  expect(raw).toMatchObject({ records: platform.subscriptions });
  expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
});

it.each([{}, { records: {} }, [], { records: null }])('%j is no list, and not an empty one', async (body) => {
  const { platform, session } = await start();
  platform.fail('GET', SUBSCRIPTIONS, { status: 200, body });
  const error = await failureOf(listSubscriptions(session));
  expect(isUnanswered(error)).toBe(true);
  expect(error.message).toMatch(/^Could not list the subscriptions: RingCentral answered without a list\./);
});

it('the list says when and why one was ended, and what will not come, in text that is safe to show', async () => {
  const [text, shown] = ['\u001b[2J\nx\u009b', '\\u001b[2J\\u000ax\\u009b'];
  const blacklistedData = { blacklistedAt: '2026-03-01T23:00:00.000Z', reason: text };
  const disabledFilters = [{ filter: text, reason: 'CODE', message: text }, { filter: '/x', reason: 'CODE' }, {}];
  expect(await read({ status: text, eventFilters: [text, 7], blacklistedData, disabledFilters })).toMatchObject({
    status: shown,
    eventFilters: [shown],
    blacklistedAt: '2026-03-01T23:00:00.000Z',
    blacklistReason: shown,
    disabledFilters: [
      { filter: shown, reason: shown },
      { filter: '/x', reason: 'CODE' },
      { filter: '', reason: 'without a reason' },
    ],
  });
});

const odd = { id: 1, status: {}, eventFilters: 'all', deliveryMode: null, blacklistedData: 7, disabledFilters: {} };
it.each([{}, null, 'text', [], odd])('the list does not trip over fields that are missing or odd: %j', async (raw) => {
  const nothing = { id: '', eventFilters: [], disabledFilters: [], transportType: '', address: '' };
  expect(await read(raw)).toMatchObject({ ...nothing, status: 'without a status' });
});

it('deletes the one with this id and no other, whatever the id holds', async () => {
  const { platform, session } = await start();
  platform.subscriptions = ['a', 'no/such?id=x', 'b'].map((id) => earlier('', { id }));
  await deleteSubscription(session, 'no/such?id=x');
  expect(platform.subscriptions.map(({ id }) => id)).toEqual(['a', 'b']);
});

it.each<Fault>([
  apiError(404, 'CMN-102', 'Resource is not found'),
  { status: 404, body: '' },
  apiError(400, 'SUB-507', 'Subscription has expired'),
  apiError(400, 'CMN-102', 'Resource is not found'),
])('deleting fails for one that is gone, unless that does not matter: %j', async (fault) => {
  const { platform, session } = await start();
  platform.fail('DELETE', SUBSCRIPTION, fault);
  await expect(deleteUnlessGone(session, 'x')).resolves.toBeUndefined();
  expect(asked(platform)).toEqual(['POST token', 'DELETE x']);
  expect((await failureOf(deleteSubscription(session, 'x'))).message).toMatch(/^Could not delete subscription x: /);
});

it.each<Fault>([apiError(403, 'CMN-408', 'Not allowed'), 'cut'])('deleting fails otherwise: %j', async (fault) => {
  const { platform, session } = await start();
  platform.fail('DELETE', SUBSCRIPTION, fault);
  expect((await failureOf(deleteUnlessGone(session, 'x'))).message).toMatch(/^Could not delete subscription x: /);
});

const NOW = Date.parse('2026-03-04T12:00:00.000Z');
const blacklisted = (blacklistedAt?: unknown) => ({ status: 'Blacklisted', blacklistedData: { blacklistedAt } });

it.each([
  [{}, true],
  [{ expirationTime: undefined }, true],
  [{ expirationTime: new Date(NOW + 1000).toISOString() }, true],
  [{ expirationTime: new Date(NOW - 1000).toISOString() }, false],
  [blacklisted(), false],
  [{ status: 'Suspended' }, false],
  [{ status: undefined }, false],
])('a subscription with %j is live: %s', async (overrides, is) => {
  expect(isLive(await read(earlier('', overrides)), NOW)).toBe(is);
});

const at = '2026-03-01T23:00:00.000Z';
const hourBefore = '2026-03-01T22:00:00.000Z';
const dayAgo = '2026-03-03T12:00:00.000Z';
const expired = { expirationTime: '2026-02-01T10:00:00.000Z' };

it.each<[string, string, object[]]>([
  ['one is blacklisted', hourBefore, [blacklisted(at)]],
  ['the second is the earliest', hourBefore, [blacklisted('2026-03-02T01:00:00.000Z'), blacklisted(at)]],
  ['one has expired', '2026-02-01T09:00:00.000Z', [expired]],
  ['one was blacklisted before it expired', hourBefore, [{ ...blacklisted(at), expirationTime: dayAgo }]],
  ['one of several is known', hourBefore, [blacklisted(), blacklisted(at)]],
  ['one of several is not, nor any earlier', dayAgo, [blacklisted('2026-03-04T11:00:00.000Z'), blacklisted()]],
  ['one is suspended', dayAgo, [{ status: 'Suspended' }]],
  ['blacklistedData is missing', dayAgo, [{ status: 'Blacklisted' }]],
  ...[1_772_406_000_000, '1772406000000', '2026-03-01Tsoon; rm -rf', 'Sun, 01 Mar 2026 23:00:00 GMT'].map(
    (odd): [string, string, object[]] => [`blacklistedAt is ${odd}`, dayAgo, [blacklisted(odd)]],
  ),
  ['blacklistedAt is in another age', dayAgo, [blacklisted('0000-01-01T00:00:00Z')]],
  ['blacklistedAt is still to come', dayAgo, [blacklisted('2099-03-01T23:00:00.000Z')]],
])('voicemails may be missing since an hour before that, or a day ago, if %s: %s', async (_, since, ended) => {
  const subscriptions = await Promise.all(ended.map((each) => read(earlier('', each))));
  expect(new Date(missedSince(subscriptions, NOW)).toISOString()).toBe(since);
});

it.each([
  ['2046-03-01', '2026-03-01', '2046-03-01 (in 20 years)'],
  ['2042-01-01', '2026-03-01', '2042-01-01 (in 16 years, the most that RingCentral grants)'],
  ['2036-03-01', '2026-03-01', '2036-03-01 (in 10 years, the most that RingCentral grants)'],
  ['2036-03-01', '2016-03-01', '2036-03-01 (in 10 years)'],
  ['2036-03-01', undefined, '2036-03-01 (in 10 years)'],
  ['2028-03-03', '2026-03-01', '2028-03-03 (in 730 days)'],
  ['2026-03-05', '2026-03-01', '2026-03-05 (in 1 day)'],
  ['2026-03-01', '2026-02-01', '2026-03-01 (expired)'],
  ['soon', '2026-03-01', 'unknown'],
  [undefined, '2026-03-01', 'unknown'],
])('shows one that expires on %s and was created on %s as %s', async (expires, created, shown) => {
  const [expirationTime, creationTime] = [expires, created].map((day) => day && `${day}T12:00:00.000Z`);
  expect(shownExpiry(await read(earlier('', { expirationTime, creationTime })), NOW)).toBe(shown);
});

const OWN = voicemailFilter('~');
const PRESENCE = '/restapi/v1.0/account/~/presence';
const [ONE, TWO] = [voicemailFilter('11'), voicemailFilter('22')] as const;
/** The filter of an extension as RingCentral lists it. */
const listed = (extension: string) => `/restapi/v1.0/account/809646016/extension/${extension}/voicemail`;

it.each<[string, string[], string[], string[]]>([
  ['as they were asked for', [OWN], [OWN], []],
  ['with ids in place of ~', [listed('11')], [OWN], []],
  ['in another order', [listed('22'), listed('11')], [ONE, TWO], []],
  ['with ~ beside an id', [listed('11'), listed('22')], [OWN, TWO], []],
  ['with ~ behind an id', [listed('11'), listed('22')], [TWO, OWN], []],
  ['and more of them', [OWN, PRESENCE], [OWN], []],
  ['none', [], [OWN], [OWN]],
  ['another in its place', [PRESENCE], [OWN], [OWN]],
  ['one of two extensions', [listed('11')], [ONE, TWO], [TWO]],
  ['all but the own extension', [listed('22')], [OWN, TWO], [OWN]],
  ['all but the other extension', [listed('11')], [TWO, OWN], [TWO]],
  ['one of two kinds', [listed('11')], [OWN, PRESENCE], [PRESENCE]],
  ['another extension', [listed('33')], [TWO], [TWO]],
])('what RingCentral left out is known if it lists %s', async (_, eventFilters, asked, left) => {
  const reason = 'RingCentral left it out';
  const expected = new Map(left.map((filter) => [filter, reason]));
  expect(refusedFilters(await read({ eventFilters }), asked, '11')).toEqual(expected);
});

it('knows what is disabled, with the reason, in the words of who asked, whether it is listed or not', async () => {
  const disabledFilters = [{ filter: listed('22'), reason: 'No permission' }];
  const expected = new Map([[TWO, 'No permission']]);
  for (const eventFilters of [[listed('11')], [listed('11'), listed('22')]])
    expect(refusedFilters(await read({ eventFilters, disabledFilters }), [ONE, TWO], '11')).toEqual(expected);
});

it.each([
  [[listed('33')], [OWN], []],
  [[PRESENCE], [OWN], [OWN]],
  [[listed('33')], [TWO], [TWO]],
])('any extension may be the own one as long as that is not known: %j for %j', async (eventFilters, asked, left) => {
  expect([...refusedFilters(await read({ eventFilters }), asked, '~').keys()]).toEqual(left);
});
