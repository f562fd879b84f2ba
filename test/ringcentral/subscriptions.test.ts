import { apiError, CREDENTIALS, type Fault } from '../../scripts/stand-in/platform.js';
import {
  createSubscription,
  deleteSubscription,
  deleteUnlessGone,
  listSubscriptions,
  whyNotLive,
  type Subscription,
} from '../../src/ringcentral/subscriptions.js';
import { voicemailFilter } from '../../src/contract.js';
import { closeAll, logIn, startPlatform, startReceiver, TOKEN } from '../support/in-process.js';
import { asked, earlier, failureOf, FILTER, sentTo, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const MAY_EXIST = 'The subscription may exist all the same: run `npm run register` again, which leaves one.';
const YEAR_MS = 365.25 * 86_400_000;

afterEach(closeAll);

/** A platform, a receiver, a session, and how to subscribe the receiver. */
async function start(options: object = {}) {
  const [platform, { address }] = await Promise.all([startPlatform(), startReceiver()]);
  const { session } = await logIn(platform, CREDENTIALS, options);
  const said: string[] = [];
  const create = (eventFilters = [FILTER]) =>
    createSubscription(session, { eventFilters, address, verificationToken: TOKEN }, (line) => said.push(line));
  return { platform, session, address, said, create, wanted: () => sentTo(platform, 'POST', SUBSCRIPTIONS) };
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

describe('creating', () => {
  it('asks for 20 years, with all that is wanted, once', async () => {
    const { platform, address, said, create, wanted } = await start();
    const sms = '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS';
    const subscription = await create([FILTER, sms]);
    const deliveryMode = { transportType: 'WebHook', address, verificationToken: TOKEN };
    expect(wanted()).toEqual([{ eventFilters: [FILTER, sms], expiresIn: 630_720_000, deliveryMode }]);
    expect(subscription).toMatchObject({ id: platform.subscriptions[0]?.id, status: 'Active', address });
    expect(Date.parse(subscription.expirationTime ?? '') - Date.now()).toBeGreaterThan(19.9 * YEAR_MS);
    expect(said).toEqual([]);
  });

  it('has the receiver take what comes of it', async () => {
    const { platform, create } = await start();
    await create();
    expect((await platform.leaveVoicemail()).deliveries).toMatchObject([{ status: 200, accepted: true }]);
  });

  it('asks once more, for 10 years, if 20 are refused, and says so', async () => {
    const { platform, said, create, wanted } = await start();
    platform.maxExpiresIn = { seconds: 315_360_000, over: 'refuse' };
    await create();
    expect(wanted()).toMatchObject([{ expiresIn: 630_720_000 }, { expiresIn: 315_360_000 }]);
    expect(said).toEqual(['RingCentral refused a subscription of 20 years: asking for 10.']);
    expect(platform.subscriptions).toMatchObject([{ expiresIn: 315_360_000 }]);
  });

  it('asks no third time', async () => {
    const { platform, create, wanted } = await start();
    platform.maxExpiresIn = { seconds: 604_800, over: 'refuse' };
    const { message } = await failureOf(create());
    expect(message).toBe(
      'RingCentral refused to create the subscription: CMN-101 Parameter [expiresIn] value is invalid.',
    );
    expect(wanted()).toHaveLength(2);
  });

  it('takes less than it asked for', async () => {
    const { platform, create, wanted } = await start();
    platform.maxExpiresIn = { seconds: 604_800, over: 'clip' };
    expect(Date.parse((await create()).expirationTime ?? '') - Date.now()).toBeLessThan(YEAR_MS);
    expect(wanted()).toHaveLength(1);
  });

  it.each([
    apiError(400, 'CMN-101', 'Parameter [eventFilters] value is invalid', 'eventFilters'),
    apiError(400, 'SUB-521', 'WebHook is not reachable'),
    apiError(403, 'SUB-505', 'Subscriptions limit exceeded'),
    apiError(429, 'CMN-301', 'Request rate exceeded', undefined),
  ])('that is refused is not asked for again, and surely does not exist: %s', async (refusal) => {
    const { platform, create, wanted } = await start();
    platform.fail('POST', SUBSCRIPTIONS, { ...refusal, headers: { 'Retry-After': '300' } });
    expect((await failureOf(create())).message).not.toMatch(/may exist/);
    expect(wanted()).toHaveLength(1);
  });

  it.each<[string, Fault, RegExp]>([
    ['never comes', 'hang', /^RingCentral did not create the subscription: .*: no answer within 0\.3 seconds/],
    ['is cut', 'cut', /^RingCentral did not create the subscription: .*: (the connection was cut|ECONNRESET)/],
    ['is the page of a gateway', 'html', /^RingCentral refused to create the subscription: .* 502 without JSON\./],
    ['is a 503', apiError(503, 'CMN-211', 'Unavailable'), /: CMN-211 Unavailable\./],
    ['is empty', 'empty', /^RingCentral did not create the subscription: .* answered without JSON\./],
    ['is a page', { status: 200, body: '<p>Hello</p>' }, /^RingCentral did not create .* answered without JSON\./],
    ['is another JSON', { status: 200, body: { records: [] } }, /^RingCentral answered without a subscription\./],
    ['is JSON null', { status: 200, headers: { 'Content-Type': 'application/json' }, body: 'null' }, /without a sub/],
  ])('is told to be uncertain if the answer %s, and is not tried again', async (_, fault, what) => {
    const { platform, create, wanted } = await start({ timeoutMs: 300 });
    platform.fail('POST', SUBSCRIPTIONS, fault);
    const { message } = await failureOf(create());
    expect(message).toMatch(what);
    expect(message.split('\n').at(-1)).toBe(MAY_EXIST);
    expect(wanted()).toHaveLength(1);
  });
});

describe('listing', () => {
  it('has all there are, of every transport, and the list as it came', async () => {
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
      { id: 'c', transportType: 'PubNub', address: 'channel' },
    ]);
    expect(subscriptions.map((each) => each.raw)).toEqual(platform.subscriptions);
    expect(raw).toMatchObject({ records: platform.subscriptions });
    expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
  });

  it('knows when and why one was given up, and what will not come', async () => {
    const disabledFilters = [
      { filter: FILTER, reason: 'CODE', message: 'No permission' },
      { filter: '/restapi/x', reason: 'CODE' },
      {},
    ];
    const blacklistedData = { blacklistedAt: '2026-03-01T23:00:00.000Z', reason: 'Read timed out' };
    expect(await read({ ...earlier(''), status: 'Blacklisted', blacklistedData, disabledFilters })).toMatchObject({
      status: 'Blacklisted',
      blacklistedAt: '2026-03-01T23:00:00.000Z',
      blacklistReason: 'Read timed out',
      disabledFilters: [
        { filter: FILTER, reason: 'No permission' },
        { filter: '/restapi/x', reason: 'CODE' },
        { filter: '', reason: 'without a reason' },
      ],
    });
  });

  const odd = { id: 1, status: {}, eventFilters: 'all', deliveryMode: null, blacklistedData: 7, disabledFilters: {} };
  it.each([{}, null, 'text', [], odd])('does not trip over fields that are missing or odd: %j', async (raw) => {
    const nothing = { id: '', status: '', eventFilters: [], disabledFilters: [], transportType: '', address: '' };
    expect(await read(raw)).toMatchObject(nothing);
  });

  it('has control characters of RingCentral as what they are in all that is shown', async () => {
    const text = '\u001b[2J\nx\u009b';
    const disabledFilters = [{ filter: text, message: text }];
    const blacklistedData = { reason: text };
    const shown = '\\u001b[2J\\u000ax\\u009b';
    expect(await read({ status: text, eventFilters: [text, 7], blacklistedData, disabledFilters })).toMatchObject({
      status: shown,
      eventFilters: [shown],
      blacklistReason: shown,
      disabledFilters: [{ filter: shown, reason: shown }],
    });
  });
});

describe('deleting', () => {
  it('deletes the one with this id and no other, whatever the id holds', async () => {
    const { platform, session } = await start();
    platform.subscriptions = ['a', 'no/such?id=x', 'b'].map((id) => earlier('', { id }));
    await deleteSubscription(session, 'no/such?id=x');
    expect(platform.subscriptions.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('says so if there is none', async () => {
    const { session } = await start();
    const { message } = await failureOf(deleteSubscription(session, 'x'));
    expect(message).toMatch(/^RingCentral refused to delete subscription x: CMN-102 /);
  });

  it.each<[string, Fault]>([
    ['a 404 of the API', apiError(404, 'CMN-102', 'Resource is not found')],
    ['a 404 with another code', apiError(404, 'SUB-999', 'Gone')],
    ['a 404 without a code', { status: 404, body: '' }],
    ['SUB-507', apiError(400, 'SUB-507', 'Subscription has expired')],
    ['CMN-102', apiError(400, 'CMN-102', 'Resource is not found')],
  ])('does not mind one that is gone already: %s', async (_, fault) => {
    const { platform, session } = await start();
    platform.fail('DELETE', SUBSCRIPTION, fault);
    await expect(deleteUnlessGone(session, 'x')).resolves.toBeUndefined();
    expect(asked(platform)).toEqual(['POST token', 'DELETE x']);
  });

  it.each<[string, Fault]>([
    ['a 403', apiError(403, 'CMN-408', 'Not allowed')],
    ['a 500', apiError(500, 'CMN-201', 'Service Temporary Unavailable')],
    ['a cut connection', 'cut'],
  ])('minds anything else: %s', async (_, fault) => {
    const { platform, session } = await start();
    platform.fail('DELETE', SUBSCRIPTION, fault);
    expect((await failureOf(deleteUnlessGone(session, 'x'))).message).toMatch(/delete subscription x: /);
  });
});

describe('a subscription', () => {
  const other = (extension: string) => `/restapi/v1.0/account/809646016/extension/${extension}/voicemail`;
  const presence = '/restapi/v1.0/account/~/presence';

  it.each<[string, string[], string[]]>([
    ['as they were asked for', [FILTER], [FILTER]],
    ['with ids in place of ~', [other('11')], [FILTER]],
    ['in another order', [other('22'), other('11')], [voicemailFilter('11'), voicemailFilter('22')]],
    ['with ~ beside an id', [other('11'), other('22')], [FILTER, voicemailFilter('22')]],
    ['with ~ behind an id', [other('11'), other('22')], [voicemailFilter('22'), FILTER]],
    ['and more of them', [FILTER, presence], [FILTER]],
  ])('is live with all filters that were asked for, %s', async (_, eventFilters, wanted) => {
    expect(whyNotLive(await read({ ...earlier(''), eventFilters }), wanted)).toBeUndefined();
  });

  it.each<[string, string[], string[], string]>([
    ['all are', [], [FILTER], FILTER],
    ['another came in place of it', [presence], [FILTER], FILTER],
    ['one of two extensions is', [other('11')], [voicemailFilter('11'), voicemailFilter('22')], voicemailFilter('22')],
    ['the own extension is', [other('22')], [FILTER, voicemailFilter('22')], FILTER],
    ['the other extension is', [other('11')], [voicemailFilter('22'), FILTER], voicemailFilter('22')],
    ['one of two kinds is', [other('11')], [FILTER, presence], presence],
    ['both are', [], [voicemailFilter('11'), presence], `${voicemailFilter('11')}, ${presence}`],
    ['another extension came', [other('33')], [voicemailFilter('22')], voicemailFilter('22')],
  ])('is not live if filters are left out, which are named: %s', async (_, eventFilters, wanted, missing) => {
    expect(whyNotLive(await read({ ...earlier(''), eventFilters }), wanted)).toBe(
      `RingCentral left out ${missing}: correct WEBHOOK_EVENT_FILTERS.`,
    );
  });

  it('is not live if filters are disabled, and names them, the reason and the permissions', async () => {
    const message = 'In order to subscribe, the app needs the permission [ReadMessages]';
    const disabledFilters = [{ filter: FILTER, reason: 'CODE', message }, { filter: presence }];
    const lines = whyNotLive(await read({ ...earlier(''), disabledFilters }), [FILTER])?.split('\n');
    expect(lines).toEqual([
      `RingCentral will send nothing for ${FILTER}, ${presence}: ${message}`,
      expect.stringMatching(/"Webhook Subscriptions" and "Read Messages" .* Then run this again\.$/),
    ]);
  });

  it.each([
    ['Blacklisted', 'Blacklisted'],
    ['Suspended', 'Suspended'],
    [undefined, 'without a status'],
  ])('is not live if its status is %s', async (status, shown) => {
    const subscription = await read({ ...earlier(''), status });
    expect(whyNotLive(subscription, [FILTER])).toBe(`The subscription is ${shown}: run this again.`);
  });
});
