import { apiError, CREDENTIALS, type Fault, type Platform } from '../../scripts/stand-in/platform.js';
import { register, removeEarlier } from '../../src/registration/register.js';
import { listSubscriptions } from '../../src/ringcentral/subscriptions.js';
import { closeAll, logIn, startPlatform, startReceiver, TOKEN } from '../support/in-process.js';
import { asked, earlier, failureOf, FILTER, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const ELSEWHERE = 'https://hook.example.com/webhook';
const NGROK = 'https://4f1c.ngrok-free.app/webhook';
const UNAVAILABLE = apiError(500, 'CMN-201', 'Service Temporary Unavailable');

afterEach(closeAll);

/** A platform, a receiver, a session, and how to register the receiver. */
async function start(options: object = {}) {
  const [platform, { address, events }] = await Promise.all([startPlatform(), startReceiver()]);
  const { session } = await logIn(platform, CREDENTIALS, options);
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  /** From when on voicemails may be missing, as told, with what was asked of the platform before. */
  const givenUp: (string | undefined)[][] = [];
  const onGivenUp = (since?: Date) => void givenUp.push([since?.toISOString(), ...asked(platform).slice(1)]);
  const run = (options: { formerAddresses?: string[] } = {}, eventFilters = [FILTER]) =>
    register(session, { address, eventFilters, verificationToken: TOKEN }, { say, onGivenUp, ...options });
  const ids = () => platform.subscriptions.map(({ id }) => id);
  return { platform, session, address, events, said, givenUp, run, ids };
}

/** Has RingCentral create what is not as it should be next, and answer with it, or else with the fault. */
function createOdd(platform: Platform, address: string, overrides: object, fault?: Fault): void {
  const odd = earlier(address, { id: 'odd', ...overrides });
  platform.fail('POST', SUBSCRIPTIONS, fault ?? { status: 200, body: odd }, 1);
  platform.onRequest = ({ method }) => method === 'POST' && (platform.subscriptions = [...before(), odd]);
  const before = () => platform.subscriptions.filter(({ id }) => id !== 'odd');
}

function blacklisted(blacklistedAt?: unknown): object {
  return { status: 'Blacklisted', blacklistedData: { blacklistedAt, reason: 'I/O error' } };
}

describe('a first registration', () => {
  it('subscribes the receiver, so that it gets what is left', async () => {
    const { platform, address, events, said, givenUp, run } = await start();
    const { subscription, ...rest } = await run();
    expect(subscription).toMatchObject({ id: platform.subscriptions[0]?.id, address, status: 'Active' });
    expect(rest).toEqual({ replaced: 0, notReplaced: [], warnings: [] });
    expect([said, givenUp]).toEqual([[], []]);
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST subscription', 'GET subscription']);
    await platform.leaveVoicemail();
    expect(events).toHaveLength(1);
  });

  it('leaves other addresses and other transports alone', async () => {
    const { platform, address, run } = await start();
    const others = [
      earlier(ELSEWHERE),
      earlier(NGROK),
      earlier(`${address}2`),
      earlier(address, { deliveryMode: { transportType: 'PubNub', address } }),
      earlier('', { deliveryMode: { transportType: 'WebSocket' } }),
    ];
    platform.subscriptions = [...others];
    expect(await run()).toMatchObject({ replaced: 0, notReplaced: [] });
    expect(platform.subscriptions.slice(0, -1)).toEqual(others);
  });

  it('changes nothing if the list cannot be read', async () => {
    const { platform, run } = await start();
    platform.fail('GET', SUBSCRIPTIONS, 'cut');
    expect((await failureOf(run())).message).toMatch(/^RingCentral did not list the subscriptions: /);
    expect(asked(platform)).toEqual(['POST token', 'GET subscription']);
  });
});

describe('earlier subscriptions', () => {
  it('are deleted only once the new one stands', async () => {
    const { platform, run, ids } = await start();
    await run();
    const [first] = ids();
    platform.requests = [];
    const { subscription, replaced } = await run();
    expect([replaced, ids()]).toEqual([1, [subscription.id]]);
    expect(asked(platform)).toEqual(['GET subscription', 'POST subscription', 'GET subscription', `DELETE ${first}`]);
  });

  it('are replaced in any state, and however their address is written', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [
      earlier(address),
      earlier(`${address}/`, blacklisted('2026-03-01T23:00:00.000Z')),
      earlier(address.replace('http', 'HTTP'), { expirationTime: '2020-01-02T03:04:05.000Z' }),
      earlier(address, { status: 'Suspended' }),
      earlier(address, { creationTime: '' }),
      earlier(address, { creationTime: '2099-01-01T00:00:00.000Z' }),
    ];
    const { subscription, replaced } = await run();
    expect([replaced, ids()]).toEqual([6, [subscription.id]]);
  });

  it('are also those of former addresses, even if they are newer', async () => {
    const { platform, run, ids } = await start();
    const former = 'https://former.example.com/webhook';
    const creationTime = '2099-01-01T00:00:00.000Z';
    platform.subscriptions = [earlier(ELSEWHERE, { id: 'a' }), earlier(former, { id: 'b', creationTime })];
    const { subscription, replaced } = await run({ formerAddresses: [former] });
    expect([replaced, ids()]).toEqual([1, ['a', subscription.id]]);
  });

  it('are each tried, and what could not be deleted is told, and cleared by the next run', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = ['a', 'b', 'c', 'd'].map((id) => earlier(address, { id }));
    for (const fault of [UNAVAILABLE, apiError(404, 'SUB-999', 'Gone'), 'cut'] as const)
      platform.fail('DELETE', SUBSCRIPTION, fault, 1);
    const { subscription, replaced, notReplaced } = await run();
    expect([replaced, notReplaced]).toEqual([
      2,
      [
        expect.stringMatching(/^RingCentral refused to delete subscription a: CMN-201 /),
        expect.stringMatching(/^RingCentral did not delete subscription c: /),
      ],
    ]);
    // The stand-in only says that b is gone.
    expect(ids()).toEqual(['a', 'b', 'c', subscription.id]);
    const next = await run();
    expect([next.replaced, next.notReplaced, ids()]).toEqual([4, [], [next.subscription.id]]);
  });

  it('stay, and the new one works, if the list cannot be read then', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    platform.onRequest = ({ method }) => method === 'POST' && platform.fail('GET', SUBSCRIPTIONS, 'cut', 1);
    const { subscription, replaced, notReplaced } = await run();
    expect([replaced, notReplaced]).toEqual([0, [expect.stringMatching(/did not list the subscriptions: /)]]);
    expect(ids()).toEqual(['a', subscription.id]);
  });

  it('are not those of another run that came later', async () => {
    const { platform, address, run, ids } = await start();
    const later = earlier(address, { id: 'later', creationTime: '2099-01-01T00:00:00.000Z' });
    platform.onRequest = () => platform.requests.length === 4 && platform.subscriptions.push(later);
    const { subscription, replaced } = await run();
    expect([replaced, ids()]).toEqual([0, [subscription.id, 'later']]);
  });

  it('are gone, and one is left, if several run at the same moment', async () => {
    const { platform, address, run } = await start();
    platform.subscriptions = [earlier(address)];
    const inOrder = (each: { creationTime?: string }, i: number) => (each.creationTime = `2026-01-02T03:04:0${i}.000Z`);
    platform.onRequest = () => platform.subscriptions.forEach(inOrder);
    const all = await Promise.all([run(), run(), run()]);
    expect(all.map(({ notReplaced }) => notReplaced)).toEqual([[], [], []]);
    expect(platform.subscriptions).toHaveLength(1);
    expect(all.map(({ subscription }) => subscription.id)).toContain(platform.subscriptions[0]?.id);
  });

  it.each([
    ['a', 0],
    ['b', 1],
  ])('of the same moment are one by its id, so that two runs do not delete each other: %s', async (id, removed) => {
    const { platform, address, session, ids } = await start();
    platform.subscriptions = ['a', 'b'].map((each) => earlier(address, { id: each }));
    const { subscriptions } = await listSubscriptions(session);
    const [current] = subscriptions.filter((each) => each.id === id);
    if (!current) throw new Error('Not listed');
    expect(await removeEarlier(session, subscriptions, current, () => true)).toEqual({ removed, failures: [] });
    expect(ids()).toEqual(['a', 'b'].slice(removed));
  });
});

describe('a subscription that RingCentral refuses', () => {
  it('leaves the earlier ones alone', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'));
    expect((await failureOf(run())).message).toMatch(/^RingCentral refused to create the subscription: SUB-521 /);
    expect([ids(), asked(platform).slice(1)]).toEqual([['a'], ['GET subscription', 'POST subscription']]);
  });

  it.each<[string, Fault]>([
    ['never came', 'hang'],
    ['was cut', 'cut'],
    ['was the page of a gateway', 'html'],
    ['was empty', 'empty'],
  ])('may exist if the answer %s: this is told, and the next run leaves one', async (_, fault) => {
    const { platform, address, run, ids } = await start({ timeoutMs: 300 });
    platform.subscriptions = [earlier(address, { id: 'a' })];
    createOdd(platform, address, {}, fault);
    const { message } = await failureOf(run());
    expect(message).toMatch(
      /\nThe subscription may exist all the same: run `npm run register` again, which leaves one\.$/,
    );
    expect(ids()).toEqual(['a', 'odd']);
    platform.onRequest = () => {};
    const { subscription, replaced } = await run();
    expect([replaced, ids()]).toEqual([2, [subscription.id]]);
  });
});

describe('a new subscription that is not live', () => {
  it.each<[string, object, RegExp]>([
    ['is blacklisted', { status: 'Blacklisted' }, /^The subscription is Blacklisted: run this again\.$/],
    ['is suspended', { status: 'Suspended' }, /^The subscription is Suspended: run this again\.$/],
    ['has no status', { status: undefined }, /^The subscription is without a status: run this again\.$/],
    ['lacks a filter', { eventFilters: ['/restapi/v1.0/account/1/presence'] }, /^RingCentral left out .*voicemail: /],
    [
      'has a filter disabled',
      { disabledFilters: [{ filter: FILTER, message: 'No permission' }] },
      /^RingCentral will send nothing for .*voicemail: No permission\n.*"Read Messages".* run this again\.$/,
    ],
  ])('is deleted again, and the earlier ones stay, if it %s', async (_, overrides, said) => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    createOdd(platform, address, overrides);
    expect((await failureOf(run())).message).toMatch(said);
    expect(ids()).toEqual(['a']);
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST subscription', 'DELETE odd']);
  });

  it('lacks one of two extensions, which is named', async () => {
    const { address, platform, run, ids } = await start();
    const filters = ['11', '22'].map((id) => `/restapi/v1.0/account/~/extension/${id}/voicemail`);
    createOdd(platform, address, { eventFilters: ['/restapi/v1.0/account/809646016/extension/22/voicemail'] });
    const { message } = await failureOf(run({}, filters));
    expect(message).toBe(`RingCentral left out ${filters[0]}: correct WEBHOOK_EVENT_FILTERS.`);
    expect(ids()).toEqual([]);
  });

  it('is told to stay if it cannot be deleted either', async () => {
    const { platform, address, run } = await start();
    createOdd(platform, address, { status: 'Blacklisted' });
    platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
    const { message } = await failureOf(run());
    expect(message).toMatch(
      /^The subscription is Blacklisted: .*\nRingCentral refused to delete subscription odd: CMN-201/,
    );
  });
});

describe('without room for another subscription', () => {
  /** As many as there may be: some of another address, and these. */
  async function startFull(...own: object[]) {
    const scene = await start();
    const others = ['x', 'y'].map((id) => earlier(ELSEWHERE, { id }));
    const ours = own.map((overrides, i) => earlier(scene.address, { id: `own${i}`, ...overrides }));
    scene.platform.subscriptions = [...others, ...ours];
    scene.platform.maxSubscriptions = scene.platform.subscriptions.length;
    return scene;
  }

  it('none is deleted if none is of this address, and the error says how to make some', async () => {
    const { platform, run, ids } = await startFull();
    const { message } = await failureOf(run());
    expect(message).toMatch(/SUB-505 .*\n.*`npm run register -- --list` .*`-- --delete ID`/);
    expect([ids(), asked(platform)]).toEqual([
      ['x', 'y'],
      ['POST token', 'GET subscription', 'POST subscription'],
    ]);
  });

  it.each([1, 2])('one of this address makes some, which is said: there are %i', async (count) => {
    const { run, said, ids } = await startFull(...Array<object>(count).fill({}));
    const { subscription, replaced, notReplaced } = await run();
    expect([replaced, notReplaced, ids()]).toEqual([count, [], ['x', 'y', subscription.id]]);
    expect(said).toEqual([
      'RingCentral has no room for another subscription: deleting an earlier one of this address first.',
    ]);
  });

  it('one that RingCentral has given up makes some, rather than one that works', async () => {
    const { platform, run } = await startFull({}, blacklisted(), {});
    platform.fail('POST', SUBSCRIPTIONS, apiError(403, 'SUB-505', 'Subscriptions limit exceeded'), 1);
    platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'), 1);
    await failureOf(run());
    expect(asked(platform).slice(3)).toEqual(['DELETE own1', 'POST subscription', 'GET subscription']);
  });

  it.each([
    [1, 'No live subscription of this address is left now: mend that, and run `npm run register` again.'],
    [2, '1 live subscription of this address is left now: mend that, and run `npm run register` again.'],
  ])('says what is left if the new one is refused all the same: there were %i', async (count, left) => {
    const { platform, address, run, ids } = await startFull(...Array<object>(count).fill({}));
    platform.fail('POST', SUBSCRIPTIONS, apiError(403, 'SUB-505', 'Subscriptions limit exceeded'), 1);
    createOdd(platform, address, { status: 'Suspended' });
    const lines = (await failureOf(run())).message.split('\n');
    expect(lines[0]).toBe('The subscription is Suspended: run this again.');
    expect(lines.at(-1)).toBe(left);
    expect(ids().filter((id) => id?.startsWith('own'))).toHaveLength(count - 1);
  });

  it('nothing is changed if the earlier one cannot make any', async () => {
    const { platform, run, ids } = await startFull({});
    platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
    expect((await failureOf(run())).message).toMatch(/^RingCentral refused to delete subscription own0: CMN-201 /);
    expect(ids()).toEqual(['x', 'y', 'own0']);
  });
});

describe('from when on voicemails may be missing', () => {
  const at = '2026-03-01T23:00:00.000Z';
  const hourBefore = '2026-03-01T22:00:00.000Z';
  const later = blacklisted('2026-03-02T01:00:00.000Z');
  const past = { expirationTime: '2026-02-01T10:00:00.000Z' };
  const beforePast = '2026-02-01T09:00:00.000Z';

  it.each<[string, string | undefined, own: object[], strays: object[]]>([
    ['one is blacklisted', hourBefore, [blacklisted(at)], []],
    ['one is of another ngrok address', hourBefore, [], [blacklisted(at)]],
    ['the second is the earliest', hourBefore, [later, blacklisted(at)], []],
    ['a stray is the earliest', hourBefore, [later], [blacklisted(at)]],
    ['one of several is known', hourBefore, [blacklisted(), blacklisted(at)], []],
    ['one has expired', beforePast, [past], []],
    ['a stray has expired', beforePast, [], [past]],
    ['one has expired, blacklisted', hourBefore, [{ ...blacklisted(at), expirationTime: '2026-03-05T00:00:00Z' }], []],
    ['one is suspended', undefined, [{ status: 'Suspended' }], []],
    ['a stray has no status', undefined, [], [{ status: undefined }]],
    ['blacklistedData is missing', undefined, [{ status: 'Blacklisted' }], []],
    ['blacklistedAt is missing', undefined, [blacklisted()], []],
    ['blacklistedAt is a number', undefined, [blacklisted(1_772_406_000_000)], []],
    ['blacklistedAt is a number as text', undefined, [blacklisted('1772406000000')], []],
    ['blacklistedAt is no time', undefined, [blacklisted('2026-03-01Tsoon; rm -rf')], []],
    ['blacklistedAt is a date in words', undefined, [blacklisted('Sun, 01 Mar 2026 23:00:00 GMT')], []],
    ['blacklistedAt is in another age', undefined, [blacklisted('0000-01-01T00:00:00Z')], []],
    ['blacklistedAt is still to come', undefined, [blacklisted('2099-03-01T23:00:00.000Z')], []],
  ])('is told, an hour before the earliest known moment, if %s: %s', async (_, since, own, strays) => {
    const { platform, address, givenUp, run } = await start();
    platform.subscriptions = [
      ...own.map((each) => earlier(address, each)),
      ...strays.map((each) => earlier(NGROK, each)),
    ];
    await run();
    expect(givenUp).toEqual([[since, 'GET subscription']]);
  });

  it('is a day ago if one is not known and no other is earlier', async () => {
    const { platform, address, givenUp, run } = await start();
    const minuteAgo = new Date(Date.now() - 60_000).toISOString();
    platform.subscriptions = [earlier(address, blacklisted(minuteAgo)), earlier(NGROK, blacklisted())];
    await run();
    const hours = (Date.now() - Date.parse(givenUp[0]?.[0] ?? '')) / 3_600_000;
    expect(Math.round(hours)).toBe(24);
  });

  it('is told before anything that can fail', async () => {
    const { platform, address, givenUp, run } = await start();
    platform.subscriptions = [earlier(address, blacklisted(at))];
    platform.fail('POST', SUBSCRIPTIONS, 'cut');
    await failureOf(run());
    expect(givenUp).toEqual([[hourBefore, 'GET subscription']]);
  });

  it('is not told if all is well, or it was another receiver that was given up', async () => {
    const { platform, address, givenUp, run } = await start();
    platform.subscriptions = [
      earlier(address),
      earlier(NGROK),
      earlier(ELSEWHERE, blacklisted(at)),
      earlier(address, { deliveryMode: { transportType: 'PubNub', address }, ...blacklisted(at) }),
    ];
    await run();
    expect(givenUp).toEqual([]);
  });
});

describe('a warning', () => {
  const SHORT = 'RingCentral granted less than the 20 years asked for: run `npm run register` before it expires.';

  it.each([
    ['refuses', 315_360_000],
    ['clips', 315_360_000],
    ['clips', 604_800],
  ])('comes if RingCentral %s what is over %i s', async (how, seconds) => {
    const { platform, run } = await start();
    platform.maxExpiresIn = { seconds, over: how === 'clips' ? 'clip' : 'refuse' };
    expect((await run()).warnings).toEqual([SHORT]);
  });

  it('comes if a subscription does not say when it expires', async () => {
    const { platform, address, run } = await start();
    createOdd(platform, address, { expirationTime: undefined });
    expect((await run()).warnings).toEqual([SHORT]);
  });

  it.each([
    [1, /^1 more subscription leads to another ngrok address/],
    [3, /^3 more subscriptions lead to another ngrok address/],
  ])('says how to list and delete what leads to other ngrok addresses, and deletes none: %i', async (count, said) => {
    const { platform, run, ids } = await start();
    const names = ['4f1c.ngrok-free.app', 'old.ngrok.io', 'x.ngrok-free.dev'].slice(0, count);
    platform.subscriptions = [...names.map((name) => earlier(`https://${name}/webhook`)), earlier(ELSEWHERE)];
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringMatching(said)]);
    for (const command of ['npm run register -- --list', 'npm run register -- --delete ID'])
      expect(warnings[0]).toContain(command);
    expect(ids()).toHaveLength(count + 2);
  });
});
