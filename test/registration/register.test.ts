import { afterEach, describe, expect, it } from '@jest/globals';
import { apiError, CREDENTIALS, EXTENSION_ID, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { register, removeEarlier, type Wanted } from '../../src/registration/register.js';
import { listSubscriptions } from '../../src/ringcentral/subscriptions.js';
import { closeAll, logIn, startPlatform, startReceiver, TOKEN } from '../support/in-process.js';
import { asked, earlier, failureOf, FILTER, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const ELSEWHERE = 'https://hook.example.com/webhook';
const NGROK = 'https://4f1c.ngrok-free.app/webhook';
const UNAVAILABLE = apiError(500, 'CMN-201', 'Service Temporary Unavailable');
const NO_ROOM = apiError(403, 'SUB-505', 'Subscriptions limit exceeded');

afterEach(closeAll);

/** A platform, a receiver, a session, and how to register the receiver. */
async function start(options: object = {}) {
  const [platform, { address, events }] = await Promise.all([startPlatform(), startReceiver()]);
  const { session } = await logIn(platform, CREDENTIALS, options);
  const said: string[] = [];
  const run = (wanted: Partial<Wanted> = {}) =>
    register(
      session,
      { address, eventFilters: [FILTER], verificationToken: TOKEN, need: 'all', ...wanted },
      (line) => void said.push(line),
    );
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

describe('a first registration', () => {
  it('subscribes the receiver, so that it gets what is left', async () => {
    const { platform, address, events, said, run } = await start();
    const { subscription, ...rest } = await run();
    expect(subscription).toMatchObject({ id: platform.subscriptions[0]?.id, address, status: 'Active' });
    expect(rest).toEqual({ refused: [], replaced: 0, left: new Map(), ended: [], warnings: [] });
    expect(said).toEqual([]);
    expect(asked(platform).slice(1)).toEqual(['GET subscription', 'POST subscription', 'GET subscription']);
    await platform.leaveVoicemail();
    expect(events).toHaveLength(1);
  });

  it.each<[string, Fault]>([
    ['cannot be read', 'cut'],
    ['is none', { status: 200, body: {} }],
  ])('changes nothing if the list %s', async (_, fault) => {
    const { platform, run } = await start();
    platform.fail('GET', SUBSCRIPTIONS, fault);
    expect((await failureOf(run())).message).toMatch(/^Could not list the subscriptions: /);
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
    expect(replaced).toBe(1);
    expect(ids()).toEqual([subscription.id]);
    expect(asked(platform)).toEqual(['GET subscription', 'POST subscription', 'GET subscription', `DELETE ${first}`]);
  });

  it('are replaced in any state, and however their address is written', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [
      earlier(address),
      earlier(`${address}/`, { status: 'Blacklisted' }),
      earlier(address.replace('http', 'HTTP'), { expirationTime: '2020-01-02T03:04:05.000Z' }),
      earlier(address, { status: 'Suspended' }),
      earlier(address, { creationTime: '' }),
      earlier(address, { creationTime: '2099-01-01T00:00:00.000Z' }),
    ];
    const { subscription, replaced } = await run();
    expect(replaced).toBe(6);
    expect(ids()).toEqual([subscription.id]);
  });

  it('are also those of other addresses that are known to be ours, even if they are newer', async () => {
    const { platform, run, ids } = await start();
    const former = 'https://former.example.com/webhook';
    const creationTime = '2099-01-01T00:00:00.000Z';
    platform.subscriptions = [earlier(ELSEWHERE, { id: 'a' }), earlier(former, { id: 'b', creationTime })];
    const { subscription, replaced } = await run({ isFormer: ({ id }) => id === 'b' });
    expect(replaced).toBe(1);
    expect(ids()).toEqual(['a', subscription.id]);
  });

  it('are each tried, and what could not be deleted is told, and cleared by the next run', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = ['a', 'b', 'c', 'd'].map((id) => earlier(address, { id }));
    for (const fault of [UNAVAILABLE, apiError(404, 'SUB-999', 'Gone'), 'cut'] as const)
      platform.fail('DELETE', SUBSCRIPTION, fault, 1);
    const { subscription, replaced, left } = await run();
    expect(replaced).toBe(2);
    expect([...left.keys()].map(({ id }) => id)).toEqual(['a', 'c']);
    const [refused, cut] = left.values();
    expect(refused).toMatch(/^Could not delete subscription a: CMN-201 /);
    expect(cut).toMatch(/^Could not delete subscription c: /);
    // The fake only says that b is gone.
    expect(ids()).toEqual(['a', 'b', 'c', subscription.id]);
    const next = await run();
    expect(next).toMatchObject({ replaced: 4, left: new Map() });
    expect(ids()).toEqual([next.subscription.id]);
  });

  it('stay, and the new one works, if the list cannot be read then', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    platform.onRequest = ({ method }) => method === 'POST' && platform.fail('GET', SUBSCRIPTIONS, 'cut', 1);
    const { subscription, replaced, left } = await run();
    expect(replaced).toBe(0);
    expect([...left.values()]).toEqual([expect.stringMatching(/^Could not list the subscriptions: /)]);
    expect(ids()).toEqual(['a', subscription.id]);
  });

  it('are gone, and one is left, if several run at the same moment', async () => {
    const { platform, address, run } = await start();
    platform.subscriptions = [earlier(address)];
    const inOrder = (each: { creationTime?: string }, i: number) => (each.creationTime = `2026-01-02T03:04:0${i}.000Z`);
    platform.onRequest = () => platform.subscriptions.forEach(inOrder);
    const all = await Promise.all([run(), run(), run()]);
    for (const { left } of all) expect(left).toEqual(new Map());
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
    expect(await removeEarlier(session, subscriptions, current, () => true)).toEqual({ removed, left: new Map() });
    expect(ids()).toEqual(['a', 'b'].slice(removed));
  });
});

describe('a subscription that RingCentral refuses', () => {
  it('may exist if no answer came: this is told, and the next run leaves one', async () => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    createOdd(platform, address, {}, 'cut');
    const { message } = await failureOf(run());
    expect(message).toMatch(/\nThe subscription may exist all the same: run `npm run register` again, /);
    expect(ids()).toEqual(['a', 'odd']);
    platform.onRequest = () => {};
    const { subscription, replaced } = await run();
    expect(replaced).toBe(2);
    expect(ids()).toEqual([subscription.id]);
  });
});

describe('a new subscription that is not live', () => {
  it.each<[string, object, RegExp]>([
    ['is blacklisted', { status: 'Blacklisted' }, /^The subscription is Blacklisted: run this again\.$/],
    ['has expired', { expirationTime: '2020-01-02T03:04:05.000Z' }, /^The subscription is expired: run this again\.$/],
    ['lacks a filter', { eventFilters: ['/restapi/v1.0/account/1/presence'] }, /voicemail: RingCentral left it out\n/],
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

  it('is told to stay if it cannot be deleted either', async () => {
    const { platform, address, run } = await start();
    createOdd(platform, address, { status: 'Blacklisted' });
    platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
    expect((await failureOf(run())).message).toMatch(
      /^The subscription is Blacklisted: .*\nCould not delete subscription odd: CMN-201/,
    );
  });
});

describe('an extension whose voicemails RingCentral will not deliver', () => {
  const COLLEAGUE = String(Number(EXTENSION_ID) + 1);
  const eventFilters = [voicemailFilter(EXTENSION_ID), voicemailFilter(COLLEAGUE)];
  const how = ['SUB-405', 'CMN-102', 'disabled'] as const;

  it.each(how)('fails the registration if all are needed, and nothing is left behind: %s', async (refusal) => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address, { id: 'a' })];
    platform.refusedFilters.set(COLLEAGUE, refusal);
    expect((await failureOf(run({ eventFilters }))).message).toMatch(COLLEAGUE);
    expect(ids()).toEqual(['a']);
  });

  it.each(how)('is named, and the rest is subscribed, if some are enough: %s', async (refusal) => {
    const { platform, address, run, ids } = await start();
    platform.subscriptions = [earlier(address)];
    platform.refusedFilters.set(COLLEAGUE, refusal);
    const { subscription, refused } = await run({ eventFilters, need: 'some' });
    const reason = expect.stringMatching(refusal === 'disabled' ? /permission/ : refusal);
    expect(refused).toEqual([{ filter: eventFilters[1], reason }]);
    expect(ids()).toEqual([subscription.id]);
    expect((await platform.leaveVoicemail()).deliveries).toMatchObject([{ accepted: true }]);
  });

  it.each(how)('fails the registration if there is no other: %s', async (refusal) => {
    const { platform, run, ids } = await start();
    for (const id of [EXTENSION_ID, COLLEAGUE]) platform.refusedFilters.set(id, refusal);
    await failureOf(run({ eventFilters, need: 'some' }));
    expect(ids()).toEqual([]);
  });

  it('fails the registration if the refusal names none', async () => {
    const { platform, run } = await start();
    platform.fail('POST', SUBSCRIPTIONS, apiError(403, 'SUB-528', `App 9${COLLEAGUE} lacks a permission`));
    expect((await failureOf(run({ eventFilters, need: 'some' }))).message).toMatch(/SUB-528/);
    expect(asked(platform).slice(2)).toEqual(['POST subscription']);
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
    expect(ids()).toEqual(['x', 'y']);
    expect(asked(platform)).toEqual(['POST token', 'GET subscription', 'POST subscription']);
  });

  it.each([1, 2])('one of this address makes some, which is said: there are %i', async (count) => {
    const { run, said, ids } = await startFull(...Array<object>(count).fill({}));
    const { subscription, replaced, left } = await run();
    expect(replaced).toBe(count);
    expect(left).toEqual(new Map());
    expect(ids()).toEqual(['x', 'y', subscription.id]);
    expect(said).toEqual([
      'RingCentral has no room for another subscription: deleting an earlier one of this address first.',
    ]);
  });

  it('one that RingCentral has ended makes some, rather than one that works', async () => {
    const { platform, run } = await startFull({}, { status: 'Blacklisted' }, {});
    platform.fail('POST', SUBSCRIPTIONS, NO_ROOM, 1);
    platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'), 1);
    await failureOf(run());
    expect(asked(platform).slice(3)).toEqual(['DELETE own1', 'POST subscription', 'GET subscription']);
  });

  it.each([
    [1, 'No live subscription of this address is left now: mend that, and run `npm run register` again.'],
    [2, '1 live subscription of this address is left now: mend that, and run `npm run register` again.'],
  ])('says what is left if the new one is refused all the same: there were %i', async (count, left) => {
    const { platform, address, run, ids } = await startFull(...Array<object>(count).fill({}));
    platform.fail('POST', SUBSCRIPTIONS, NO_ROOM, 1);
    createOdd(platform, address, { status: 'Suspended' });
    const lines = (await failureOf(run())).message.split('\n');
    expect(lines[0]).toBe('The subscription is Suspended: run this again.');
    expect(lines.at(-1)).toBe(left);
    expect(ids().filter((id) => id?.startsWith('own'))).toHaveLength(count - 1);
  });

  it('nothing is changed if the earlier one cannot make any', async () => {
    const { platform, run, ids } = await startFull({});
    platform.fail('DELETE', SUBSCRIPTION, UNAVAILABLE);
    expect((await failureOf(run())).message).toMatch(/^Could not delete subscription own0: CMN-201 /);
    expect(ids()).toEqual(['x', 'y', 'own0']);
  });
});

it('leaves other addresses and transports alone, and tells which of its own and of other tunnels had ended', async () => {
  const { platform, address, run } = await start();
  const ended = { status: 'Blacklisted' };
  const own = [
    earlier(address, ended),
    earlier(address, { expirationTime: '2020-01-02T03:04:05.000Z' }),
    earlier(address),
  ];
  const strays = [earlier(NGROK, { status: 'Suspended' }), earlier('https://a-b-c-d.trycloudflare.com/webhook', ended)];
  const others = [
    earlier(NGROK),
    earlier(ELSEWHERE, ended),
    earlier(`${address}2`, ended),
    earlier(address, { deliveryMode: { transportType: 'PubNub', address }, ...ended }),
  ];
  platform.subscriptions = [...own, ...strays, ...others];
  const registered = await run();
  expect(registered.ended.map(({ id }) => id)).toEqual([...own.slice(0, 2), ...strays].map(({ id }) => id));
  expect(registered).toMatchObject({ replaced: 3, left: new Map() });
  expect(platform.subscriptions.slice(0, -1)).toEqual([...strays, ...others]);
});

describe('a warning', () => {
  const SHORT = 'RingCentral granted less than two years: run `npm run register` again before it expires.';

  it.each([
    [500_000_000, []],
    [315_360_000, []],
    [604_800, [SHORT]],
  ])('comes for less than two years, and not for what is ordinary: %i s', async (seconds, warnings) => {
    const { platform, run } = await start();
    platform.maxExpiresIn = { seconds, over: 'clip' };
    // Two years by the clock that granted it.
    platform.clockOffsetMs = -30 * 365 * 86_400_000;
    expect((await run()).warnings).toEqual(warnings);
  });

  it('comes if a subscription does not say when it expires', async () => {
    const { platform, address, run } = await start();
    createOdd(platform, address, { expirationTime: undefined });
    expect((await run()).warnings).toEqual([SHORT]);
  });

  it.each([
    [1, /^1 more subscription leads to another tunnel, /],
    [4, /^4 more subscriptions lead to another tunnel, /],
  ])('says how to list and delete what leads to other tunnels, and deletes none: %i', async (count, said) => {
    const { platform, run, ids } = await start();
    const names = ['4f1c.ngrok-free.app', 'old.ngrok.io', 'x.ngrok-free.dev', 'a-b-c-d.trycloudflare.com'];
    const strays = names.slice(0, count).map((name) => earlier(`https://${name}/webhook`));
    platform.subscriptions = [...strays, earlier(ELSEWHERE)];
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringMatching(said)]);
    for (const command of ['npm run register -- --list', 'npm run register -- --delete ID'])
      expect(warnings[0]).toContain(command);
    expect(ids()).toHaveLength(count + 2);
  });
});
