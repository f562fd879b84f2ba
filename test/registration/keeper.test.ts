import { getEventListeners } from 'node:events';
import { apiError, voicemail } from '../../scripts/stand-in/platform.js';
import { Failure } from '../../src/text.js';
import { closeAll } from '../support/in-process.js';
import { fastTime } from '../support/time.js';
import { FILTER, STORE, SUBSCRIPTION, SUBSCRIPTIONS, TOKEN_PATH } from '../support/ringcentral.js';
import { HOUR, MINUTE, nothing, receiver, receiverSince, Scene } from '../support/scene.js';

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * MINUTE).toISOString();
let scene: Scene;

beforeEach(async () => void (scene = await Scene.start()));
afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

/** A keeper that has registered, and found all well. */
async function registered() {
  const keeper = scene.keeper();
  await keeper.look(false);
  scene.platform.requests = [];
  return keeper;
}

describe('the first look', () => {
  it('registers the receiver for 20 years, and logs nothing', async () => {
    await scene.platform.leaveVoicemail();
    expect(await scene.keeper().look(false)).toEqual([]);
    expect(scene.platform.subscriptions).toMatchObject([
      { status: 'Active', expiresIn: 630_720_000, deliveryMode: { address: scene.address } },
    ]);
    expect([scene.registrations, scene.logged, scene.said]).toEqual([[true], [], []]);
  });

  it('takes the place of earlier subscriptions of this address', async () => {
    scene.platform.subscriptions = [
      scene.earlier(),
      scene.earlier({ id: 'other' }, 'https://hook.example.com/webhook'),
    ];
    await scene.keeper().look(false);
    expect(scene.ids).toEqual(['other', expect.any(String)]);
  });

  it.each([
    ['no ngrok answers', () => (scene.ngrok = (_req, res) => void res.destroy())],
    ['there is no tunnel', () => scene.closeTunnel()],
    ['the receiver is down', () => (scene.listener = nothing)],
    ['the receiver has another verification token', () => (scene.listener = receiver('another'))],
  ])('asks nothing of RingCentral if %s, and changes nothing', async (_, take) => {
    scene.platform.subscriptions = [scene.earlier()];
    take();
    await expect(scene.keeper().look(false)).rejects.toThrow(Failure);
    expect([scene.ids, scene.platform.requests]).toEqual([['earlier-0'], []]);
  });

  it.each([
    ['this address', undefined],
    ['another ngrok address', 'https://4f1c.ngrok-free.app/webhook'],
  ])('logs what came since an hour before RingCentral gave up an earlier one of %s', async (_, address) => {
    const blacklistedData = { blacklistedAt: minutesAgo(300), reason: 'I/O error' };
    scene.platform.subscriptions = [scene.earlier({ status: 'Blacklisted', blacklistedData }, address)];
    scene.platform.messages = [380, 370, 10].map((minutes, id) => voicemail({ id, creationTime: minutesAgo(minutes) }));
    await scene.keeper().look(false);
    expect(scene.logged).toEqual([1, 2]);
  });

  it('logs a day if it is not known when RingCentral gave it up', async () => {
    scene.platform.subscriptions = [scene.earlier({ status: 'Blacklisted' })];
    scene.platform.messages = [25 * 60, 23 * 60].map((minutes, id) =>
      voicemail({ id, creationTime: minutesAgo(minutes) }),
    );
    await scene.keeper().look(false);
    expect(scene.logged).toEqual([1]);
  });

  it('counts a receiver that has just been started as one that was down: this machine may have been', async () => {
    scene.listener = receiverSince(new Date(Date.now() - 2 * MINUTE));
    scene.platform.messages = [18, 16].map((minutes, id) => voicemail({ id, creationTime: minutesAgo(minutes) }));
    await scene.keeper().look(false);
    expect(scene.logged).toEqual([1]);
    expect(scene.said).toEqual([]);
  });

  it('logs them even if it takes several looks to register', async () => {
    const blacklistedData = { blacklistedAt: minutesAgo(300), reason: 'I/O error' };
    scene.platform.subscriptions = [scene.earlier({ status: 'Blacklisted', blacklistedData })];
    scene.platform.messages = [voicemail({ id: 1, creationTime: minutesAgo(350) })];
    const keeper = scene.keeper();
    scene.platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'SUB-521', 'WebHook is not reachable'), 1);
    await expect(keeper.look(false)).rejects.toThrow('SUB-521');
    scene.platform.fail('GET', STORE, 'cut', 1);
    await expect(keeper.look(false)).rejects.toThrow('list the voicemails');
    await keeper.look(false);
    expect([scene.logged, scene.ids.length]).toEqual([[1], 1]);
  });
});

describe('a later look', () => {
  it('changes and logs nothing while all is well, and logs in once', async () => {
    const keeper = scene.keeper();
    for (let look = 0; look < 5; look++) {
      expect(await keeper.look(false)).toEqual([]);
      await scene.platform.leaveVoicemail();
    }
    const { platform } = scene;
    expect([scene.count('POST', TOKEN_PATH), scene.count('POST', SUBSCRIPTIONS), scene.count('GET', STORE)]).toEqual([
      1, 1, 0,
    ]);
    expect([platform.subscriptions.length, scene.said]).toEqual([1, []]);
  });

  it.each<[string, () => void]>([
    ['was deleted', () => (scene.platform.subscriptions = [])],
    ['was blacklisted', () => change({ status: 'Blacklisted', blacklistedData: { blacklistedAt: minutesAgo(0) } })],
    ['is suspended', () => change({ status: 'Suspended' })],
    ['has expired', () => change({ expirationTime: minutesAgo(1) })],
    ['lacks a filter', () => change({ eventFilters: [] })],
    ['has a disabled filter', () => change({ disabledFilters: [{ filter: FILTER, reason: 'R', message: 'No' }] })],
  ])('registers again if the subscription %s, and logs what came meanwhile', async (_, happen) => {
    const keeper = await registered();
    const [before] = scene.ids;
    happen();
    const { message } = await scene.platform.leaveVoicemail();
    await keeper.look(false);
    expect(scene.platform.subscriptions).toMatchObject([
      { status: 'Active', deliveryMode: { address: scene.address } },
    ]);
    expect(scene.ids).not.toContain(before);
    expect([scene.registrations, scene.logged]).toEqual([[true, false], [message.id]]);
  });

  it.each<[string, () => void, boolean, RegExp]>([
    ['the subscription is gone', () => (scene.platform.subscriptions = []), false, /subscription/],
    ['the receiver was restarted', () => (scene.listener = receiver()), false, /receiver was restarted/],
    ['this machine slept', () => {}, true, /slept/],
  ])('tells a person why it does something: %s', async (_, happen, slept, line) => {
    const keeper = await registered();
    happen();
    await keeper.look(slept);
    expect(scene.said).toEqual([expect.stringMatching(line)]);
  });

  it('registers a new address, removes what it had made before, and logs what came meanwhile', async () => {
    const keeper = await registered();
    change({ status: 'Blacklisted' });
    await scene.openTunnel();
    const { message } = await scene.platform.leaveVoicemail();
    await keeper.look(false);
    expect(scene.platform.subscriptions).toMatchObject([
      { status: 'Active', deliveryMode: { address: scene.address } },
    ]);
    expect(scene.logged).toEqual([message.id]);
  });

  it('logs what came while the receiver was down, with the subscription as it was', async () => {
    const keeper = await registered();
    const [before] = scene.ids;
    const { listener } = scene;
    scene.listener = nothing;
    const { message } = await scene.platform.leaveVoicemail();
    await expect(keeper.look(false)).rejects.toThrow('`npm start`');
    scene.listener = listener;
    await keeper.look(false);
    expect([scene.ids, scene.logged]).toEqual([[before], [message.id]]);
    await keeper.look(false);
    expect(scene.since).toHaveLength(1);
  });

  it('logs what came while this machine slept', async () => {
    const keeper = await registered();
    const { message } = await scene.platform.leaveVoicemail();
    await keeper.look(true);
    expect(scene.logged).toEqual([message.id]);
  });

  it.each([
    ['through ngrok', () => undefined],
    ['under the address that is set', () => scene.address],
  ])('takes a receiver that was restarted between two looks for one that was down: %s', async (_, address) => {
    Object.assign(scene.options.addressSettings, { address: address() });
    const keeper = await registered();
    scene.listener = receiver();
    const { message } = await scene.platform.leaveVoicemail();
    await keeper.look(false);
    expect(scene.logged).toEqual([message.id]);
  });

  it('is content with a receiver that does not say since when it runs', async () => {
    const keeper = await registered();
    const app = receiver();
    scene.listener = (req, res) => (req.url === '/healthz' ? void res.writeHead(404).end() : app(req, res));
    await scene.platform.leaveVoicemail();
    expect(await keeper.look(false)).toEqual([]);
    expect(scene.logged).toEqual([]);
  });

  it('logs in again if the login has ended', async () => {
    const keeper = await registered();
    scene.platform.endSessions();
    expect(await keeper.look(false)).toEqual([]);
    expect([scene.count('POST', TOKEN_PATH), scene.platform.subscriptions.length]).toEqual([1, 1]);
  });

  it('resolves to what it could not delete, and deletes it later', async () => {
    const keeper = scene.keeper();
    scene.platform.subscriptions = [scene.earlier()];
    scene.platform.fail('DELETE', SUBSCRIPTION, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 2);
    await keeper.look(false);
    const left = await keeper.look(false);
    expect(left.map(String)).toEqual([expect.stringContaining('delete subscription earlier-0: CMN-201')]);
    expect(await keeper.look(false)).toEqual([]);
    expect(scene.ids).toHaveLength(1);
  });

  function change(overrides: object): void {
    Object.assign(scene.platform.subscriptions[0] ?? {}, overrides);
  }
});

describe('a new subscription that is not live', () => {
  const disabledFilters = [{ filter: FILTER, reason: 'R', message: 'The app lacks [ReadMessages]' }];

  it('is deleted again at each look', async () => {
    scene.platform.disabledFilters = disabledFilters;
    const keeper = scene.keeper();
    for (let look = 0; look < 3; look++) {
      await expect(keeper.look(false)).rejects.toThrow('[ReadMessages]');
      expect(scene.ids).toEqual([]);
    }
  });

  it('does not take the place of an earlier one', async () => {
    scene.platform.subscriptions = [scene.earlier()];
    scene.platform.disabledFilters = disabledFilters;
    await expect(scene.keeper().look(false)).rejects.toThrow('[ReadMessages]');
    expect(scene.ids).toEqual(['earlier-0']);
  });
});

describe('other runs', () => {
  it('do not replace each other for ever: two keepers leave one subscription', async () => {
    const keepers = [scene.keeper(), scene.keeper()];
    await Promise.all(keepers.map((keeper) => keeper.look(false)));
    for (let look = 0; look < 3; look++) for (const keeper of keepers) await keeper.look(false);
    expect([scene.count('POST', SUBSCRIPTIONS), scene.ids.length]).toEqual([2, 1]);
  });

  it('may have registered the same address: a live one is adopted, and what came before it is logged', async () => {
    const keeper = await registered();
    scene.platform.subscriptions = [];
    const { message } = await scene.platform.leaveVoicemail();
    scene.platform.subscriptions = [scene.earlier({ id: 'by hand' })];
    await keeper.look(false);
    await keeper.look(false);
    expect([scene.ids, scene.count('POST', SUBSCRIPTIONS)]).toEqual([['by hand'], 0]);
    expect([scene.logged, scene.since.length]).toEqual([[message.id], 1]);
  });

  it('may have left two: the newer one stays', async () => {
    const keeper = await registered();
    const creationTime = new Date(Date.now() + MINUTE).toISOString();
    scene.platform.subscriptions.push(scene.earlier({ id: 'by hand', creationTime }));
    await keeper.look(false);
    expect([scene.ids, scene.count('POST', SUBSCRIPTIONS)]).toEqual([['by hand'], 0]);
  });

  it('may have registered what is not live: that is replaced', async () => {
    const keeper = await registered();
    scene.platform.subscriptions = [scene.earlier({ id: 'by hand', status: 'Blacklisted' })];
    await keeper.look(false);
    expect(scene.platform.subscriptions).toMatchObject([{ status: 'Active', id: expect.not.stringMatching('hand') }]);
  });

  it('leave nothing behind: one that was adopted is removed once the address is another', async () => {
    const keeper = await registered();
    scene.platform.subscriptions = [scene.earlier({ id: 'by hand' })];
    await keeper.look(false);
    await scene.openTunnel();
    await keeper.look(false);
    expect(scene.platform.subscriptions).toMatchObject([{ deliveryMode: { address: scene.address } }]);
  });

  it('may be a creation of this one that got no answer: it is removed, even if the address is another meanwhile', async () => {
    const keeper = await registered();
    scene.platform.subscriptions = [];
    const lost = scene.earlier({ id: 'lost', creationTime: new Date(Date.now() + MINUTE).toISOString() });
    scene.platform.fail('POST', SUBSCRIPTIONS, 'cut', 1);
    await expect(keeper.look(false)).rejects.toThrow('may exist');
    scene.platform.subscriptions = [lost];
    await scene.openTunnel();
    await keeper.look(false);
    expect(scene.platform.subscriptions).toMatchObject([{ deliveryMode: { address: scene.address } }]);
  });

  it('are left alone at other addresses', async () => {
    const keeper = await registered();
    scene.platform.subscriptions.push(scene.earlier({ id: 'other' }, 'https://4f1c.ngrok-free.app/webhook'));
    await keeper.look(false);
    await scene.openTunnel();
    await keeper.look(false);
    expect(scene.ids).toEqual(['other', expect.any(String)]);
  });
});

describe('what came meanwhile', () => {
  it('is logged from 15 minutes before the beginning of the last look that came through whole', async () => {
    const time = fastTime();
    const { platform } = scene;
    const keeper = scene.keeper();
    const start = Date.now();
    // The first look takes an hour.
    platform.onRequest = ({ method }) => method === 'GET' && time.pass(HOUR);
    await keeper.look(false);
    platform.onRequest = () => {};
    time.pass(HOUR);
    platform.fail('GET', STORE, 'cut', 1);
    await expect(keeper.look(true)).rejects.toThrow('list the voicemails');
    time.pass(HOUR);
    await keeper.look(false);
    const since = scene.since.at(-1) ?? 0;
    expect(since).toBeGreaterThanOrEqual(start - 15 * MINUTE);
    expect(since).toBeLessThan(start - 14 * MINUTE);
  });

  it('is logged even if the clock of this machine was put back', async () => {
    const time = fastTime();
    const keeper = await registered();
    time.pass(-HOUR);
    const { listener } = scene;
    scene.listener = nothing;
    await expect(keeper.look(false)).rejects.toThrow('`npm start`');
    scene.listener = listener;
    await keeper.look(false);
    expect(scene.since.at(-1)).toBeLessThan(Date.now() - 14 * MINUTE);
  });

  it('is not logged twice in one run, however often it is looked for', async () => {
    const keeper = await registered();
    const ids: unknown[] = [];
    for (let look = 0; look < 3; look++) {
      ids.push((await scene.platform.leaveVoicemail()).message.id);
      await keeper.look(true);
    }
    expect(scene.logged).toEqual(ids);
  });

  it('is not logged twice if an old subscription of another address is there for ever', async () => {
    const time = fastTime();
    const blacklistedData = { blacklistedAt: minutesAgo(300), reason: 'I/O error' };
    const stray = scene.earlier({ status: 'Blacklisted', blacklistedData }, 'https://4f1c.ngrok-free.app/webhook');
    scene.platform.subscriptions = [stray];
    scene.platform.messages = [voicemail({ id: 1, creationTime: minutesAgo(350) })];
    const keeper = scene.keeper();
    await keeper.look(false);
    time.pass(HOUR);
    await keeper.look(true);
    await scene.openTunnel();
    await keeper.look(false);
    expect([scene.logged, scene.since.length]).toEqual([[1], 3]);
  });

  it('is not logged again if the clock of this machine was wrong for a time', async () => {
    const time = fastTime();
    const keeper = await registered();
    const { message } = await scene.platform.leaveVoicemail({ creationTime: new Date(Date.now()).toISOString() });
    await keeper.look(true);
    time.pass(HOUR);
    for (let look = 0; look < 2; look++) await keeper.look(true);
    time.pass(-HOUR);
    await keeper.look(true);
    expect(scene.logged).toEqual([message.id]);
  });
});

it('holds nothing on to the signal from one look to the next', async () => {
  const keeper = await registered();
  for (let look = 0; look < 20; look++) await keeper.look(true);
  expect(getEventListeners(scene.end.signal, 'abort')).toEqual([]);
});

it('warns of a receiver that takes notifications from anyone', async () => {
  scene.listener = receiver(null);
  await scene.keeper().look(false);
  expect(scene.said).toEqual([expect.stringMatching(/takes notifications from anyone/)]);
});

it('gives the session back at the end, and needs none for that', async () => {
  await scene.keeper().end();
  const keeper = await registered();
  expect(scene.platform.sessions).toBe(1);
  await keeper.end();
  expect(scene.platform.sessions).toBe(0);
});
