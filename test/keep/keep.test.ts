import { afterEach, describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { apiError, EXTENSION_ID } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { problemLog } from '../../src/keep/problems.js';
import { Said } from '../support/app.js';
import { startReceiver, TOKEN } from '../support/in-process.js';
import { endKeeps, idsIn, logged, requested, startKeep, startWorld, type World } from '../support/keep.js';
import { notification } from '../support/notification.js';
import { asked, earlier, sentTo, STORE, SUBSCRIPTIONS, TOKEN_PATH, tooMany } from '../support/ringcentral.js';
import { temporaryFolder } from '../support/temporary.js';

const HOUR_MS = 3_600_000;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();

afterEach(endKeeps);

/** Once it is registered. */
async function startedKeep(...args: Parameters<typeof startKeep>) {
  const kept = await startKeep(...args);
  await kept.said.match(/^Call the number/);
  return kept;
}

/** Once a whole comparison has gone by. */
const compared = ({ platform }: World) => requested(platform, 'GET', STORE, 3);

describe('each voicemail is logged once', () => {
  it('through lost notifications, restarts, and a tunnel that comes and goes', async () => {
    const world = await startWorld();
    const { platform, tunnel } = world;
    platform.store({ id: 1, creationTime: hoursAgo(0.5) });
    const lines: string[] = [];
    let id = 100;
    for (let run = 0; run < 3; run++) {
      const { stdout, stop } = await startedKeep(world);
      for (let i = 0; i < 6; i++) {
        platform.lostDeliveries = i % 2;
        await platform.leaveVoicemail({ id: ++id });
      }
      await tunnel.close();
      await platform.leaveVoicemail({ id: ++id });
      await tunnel.open();
      const late = platform.store({ id: ++id });
      await stdout.match(new RegExp(`"id":${id}`));
      await platform.deliver(late);
      lines.push(...stdout.lines);
      await stop();
      platform.store({ id: ++id });
    }
    const { stdout } = await startedKeep(world);
    await logged(stdout, 1);
    await compared(world);
    const ids = idsIn([...lines, ...stdout.lines]).map(Number);
    expect(ids.toSorted((one, other) => one - other)).toEqual(Array.from({ length: id - 100 }, (_, i) => 101 + i));
  });

  it('with its transcript and its recording after it; the ledger holds no names, numbers and texts', async () => {
    const world = await startWorld();
    const { platform, file } = world;
    const folder = temporaryFolder();
    const { stdout, stop } = await startedKeep(world, { folder });
    await platform.leaveVoicemail({ id: 7, vmTranscriptionStatus: 'InProgress' });
    platform.transcribe(7, 'Call me back, please.');
    await logged(stdout, 3);
    expect(idsIn(stdout.lines)).toEqual(['7', '7', '7']);
    expect(stdout.lines[0]).not.toMatch(/"transcript"|"recording"/);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/-101-7\.mp3$/)]);
    await stop();
    const ledger = readFileSync(file, 'utf8');
    expect(ledger).toContain('{"logged":"7"}');
    expect(ledger).not.toMatch(/Grace|1866|Call me|Ada|Arlington/);
  });

  it('from before the first start if an earlier subscription was ended, however late that can be read', async () => {
    const world = await startWorld();
    const { platform, tunnel } = world;
    const blacklisted = { status: 'Blacklisted', blacklistedData: { blacklistedAt: hoursAgo(9) } };
    platform.subscriptions = [earlier(`${tunnel.url}/webhook`, blacklisted)];
    for (const [id, hours] of [11, 9.9].entries()) platform.store({ id, creationTime: hoursAgo(hours) });
    platform.fail('GET', SUBSCRIPTIONS, 'cut', 3);
    const { stdout } = await startedKeep(world);
    await logged(stdout, 1);
    expect(idsIn(stdout.lines)).toEqual(['1']);
    expect(platform.subscriptions.map(({ status }) => status)).toEqual(['Active']);
  });
});

type Urls = { own: string; other: string };
describe('what fails is said once when it begins, and once when it ends', () => {
  it.each<[string, RegExp, (world: World & Urls & { isBroken: boolean }) => unknown]>([
    ['RingCentral', /did not answer/, ({ platform, isBroken }) => (platform.down = isBroken)],
    ['the tunnel', /nothing listens/, ({ tunnel, isBroken }) => (isBroken ? tunnel.close() : tunnel.open())],
    ['another receiver', /^Another receiver/, ({ here, other, own, isBroken }) => (here.url = isBroken ? other : own)],
    ['a mailbox', /^your extension: .*CMN-408/, ({ platform: { refusedMailboxes: refused }, isBroken }) => isBroken ? refused.set(EXTENSION_ID, 'CMN-408') : refused.clear()], // prettier-ignore
  ])('%s', async (_, problem, set) => {
    const begun = await startWorld();
    const { said, stdout, url } = await startedKeep(begun);
    const world = { ...begun, own: url, other: (await startReceiver()).url };
    await compared(world);
    await set({ ...world, isBroken: true });
    await said.match(problem);
    world.platform.store({ id: 7 });
    await compared(world);
    await compared(world);
    await set({ ...world, isBroken: false });
    await said.match(/No problem is left\.$/);
    await stdout.match(/"id":7/);
    await compared(world);
    const all = said.lines.filter((line) => problem.test(line) || line.endsWith('left.'));
    expect(all).toEqual([...new Set(all)]);
  });

  it('a refused login, which is not sent again, while notifications come', async () => {
    const { platform, ...world } = await startWorld();
    const env = { RINGCENTRAL_JWT: 'a.revoked.one' };
    const { said, stdout, url } = await startKeep({ platform, ...world }, { env });
    await said.match(/OAU-252/);
    const headers = { 'content-type': 'application/json', 'verification-token': TOKEN };
    for (let id = 1; id <= 10; id++)
      await fetch(`${url}/webhook`, { method: 'POST', headers, body: JSON.stringify(notification({ body: { id } })) });
    expect(idsIn(stdout.lines)).toHaveLength(10);
    expect(asked(platform)).toEqual(['POST token']);
    expect(said.lines.filter((line) => line.includes('OAU-252'))).toHaveLength(1);
  });

  it('refused subscriptions, while the comparison goes on', async () => {
    const world = await startWorld();
    world.platform.fail('GET', SUBSCRIPTIONS, apiError(403, 'CMN-401', 'No [SubscriptionWebhook]'));
    const { said, stdout } = await startKeep(world);
    await said.match(/CMN-401/);
    world.platform.store({ id: 7 });
    await stdout.match(/"id":7/);
  });

  it('too many requests: lists wait as long as RingCentral asks, notifications do not', async () => {
    const world = await startWorld();
    const { platform } = world;
    platform.fail('GET', STORE, tooMany(61));
    const { said, stdout } = await startedKeep(world);
    await said.match(/^Could not list the voicemails: .*\n.* 61 s/);
    await requested(platform, 'GET', SUBSCRIPTIONS, 5);
    await platform.leaveVoicemail({ id: 7 });
    expect(idsIn(stdout.lines)).toEqual(['7']);
    expect(sentTo(platform, 'GET', STORE)).toHaveLength(1);
  });

  it.each([
    ['two kinds that alternate', ['It is cut.', 'It is slow.', 'It is cut.'], ['It is cut.', 'It is slow.']],
    ['numbers that differ', ['voicemail 17: full', 'voicemail 18: full'], ['voicemail 17: full']],
    ['a list that grows', ['one\ntwo', 'one\ntwo\nthree'], ['one\ntwo', 'three']],
  ])('%s', (_, messages, lines) => {
    const { say, lines: said } = new Said();
    const problems = problemLog(say, new AbortController().signal);
    problems.set('it', 'at the start');
    problems.set('it', undefined);
    for (const message of messages) problems.set('it', message);
    problems.set('that', messages.at(-1));
    for (const about of ['that', 'it']) problems.set(about, undefined);
    problems.set('it', messages[0]);
    expect(said).toEqual([
      'at the start',
      'Works now: it. No problem is left.',
      ...lines,
      'Works now: that.',
      'Works now: it. No problem is left.',
      messages[0],
    ]);
  });

  it('two mailboxes that are known by their ids alone', () => {
    const { say, lines } = new Said();
    const { set } = problemLog(say, new AbortController().signal);
    for (const id of [17, 18]) set(`the mailbox of extension ${id}`, `extension ${id}: refused\nAsk somebody.`);
    expect(lines).toEqual(['extension 17: refused\nAsk somebody.', 'extension 18: refused']);
  });
});

it('several extensions are subscribed and compared, as far as they are there', async () => {
  const world = await startWorld();
  const { platform } = world;
  const ids = [EXTENSION_ID, String(Number(EXTENSION_ID) + 1)];
  platform.refusedMailboxes.set(EXTENSION_ID, 'CMN-404');
  const { said, stdout } = await startedKeep(world, { env: { WEBHOOK_EXTENSIONS: '101,102,104,105' } });
  await said.match(/^ext. 101, Ada Byron: Could not list the voicemails: CMN-404/);
  await said.match(/^ext. 104, .* is not enabled: .*\nThere is no extension 105; /);
  platform.store({ id: 7 }, ids[1]);
  await stdout.match(/"id":7/);
  const subscribed = sentTo(platform, 'POST', SUBSCRIPTIONS);
  expect(subscribed).toEqual([expect.objectContaining({ eventFilters: ids.map(voicemailFilter) })]);
});

it('event filters without voicemails are subscribed, and nothing is listed', async () => {
  const world = await startWorld();
  await startedKeep(world, { env: { WEBHOOK_EVENT_FILTERS: '/restapi/v1.0/account/~/extension/~/message-store' } });
  await requested(world.platform, 'GET', SUBSCRIPTIONS, 3);
  expect(sentTo(world.platform, 'GET', STORE)).toEqual([]);
});

it.each([
  ['a list', 'GET', STORE],
  ['a login', 'POST', TOKEN_PATH],
  ['a registration', 'POST', SUBSCRIPTIONS],
])('it ends at once while RingCentral does not answer to %s, and gives its session back', async (_, method, path) => {
  const world = await startWorld();
  world.platform.fail(method, path, 'hang');
  const hanging = requested(world.platform, method, path);
  const { said, stop } = await startKeep(world);
  await hanging;
  await stop();
  expect(world.platform.sessions).toBe(0);
  expect(said.lines.filter((line) => /stop|answer/.test(line))).toEqual([]);
});
