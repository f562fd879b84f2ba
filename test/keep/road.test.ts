import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EXTENSION_ID, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { openLedger, type Ledger } from '../../src/keep/ledger.js';
import { openRoad } from '../../src/keep/road.js';
import { mailboxesOf } from '../../src/ringcentral/extensions.js';
import { addressSettings } from '../../src/settings.js';
import { Said, testApp } from '../support/app.js';
import { closeAll, logIn, serve, startPlatform, TOKEN } from '../support/in-process.js';
import { ledgerFile } from '../support/keep.js';
import { asked, DEAD, earlier, failureOf, FILTER, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const HOUR_MS = 3_600_000;
const OTHER_ID = String(Number(EXTENSION_ID) + 1);
const OTHERS = voicemailFilter(OTHER_ID);
const ELSEWHERE = 'https://hook.example.com/webhook';
const NGROK = 'https://4f1c.ngrok-free.app/webhook';

afterEach(closeAll);

/** A platform, a receiver, and a road to it; `begin` is a restart. */
async function start() {
  const platform = await startPlatform();
  const { session } = await logIn(platform);
  const ownChecks = new Set<string>();
  const receiver = testApp({ token: TOKEN, ownChecks });
  const url = await serve(receiver.app);
  const address = `${url}/webhook`;
  const file = ledgerFile();
  const { say, lines: said } = new Said();
  const { signal } = new AbortController();
  const parts = { session, verificationToken: TOKEN, ownChecks, say, signal };
  const begin = (given = url) => {
    const ledger = openLedger(file);
    const where = addressSettings({ RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: given });
    const road = openRoad({ ...parts, addressSettings: where, ledger });
    const check = (eventFilters = [FILTER], at = address) =>
      road.checkSubscription(at, { eventFilters, mailboxes: mailboxesOf(eventFilters, session), problems: [] });
    return { ledger, road, check };
  };
  const ids = () => platform.subscriptions.map(({ id }) => id);
  const changes = () => asked(platform).filter((each) => /^(POST subscription|DELETE .*)$/.test(each));
  return { platform, session, receiver, address, said, say, ids, changes, begin, ...begin() };
}

/** The address of another receiver with the same token. */
const elsewhere = async () => `${await serve(testApp({ token: TOKEN }).app)}/webhook`;
const inDays = (days: number) => new Date(Date.now() + days * 24 * HOUR_MS).toISOString();
const become = (overrides: object) => (platform: Platform) => Object.assign(platform.subscriptions[0] ?? {}, overrides);

it('the public address is found if it leads to this very process, which keeps that out of its access log', async () => {
  const { address, road, receiver } = await start();
  expect(await road.proveAddress()).toBe(address);
  await receiver.post('', { 'Validation-Token': 'of somebody else' });
  await receiver.said.match(/POST/);
  expect(receiver.said.lines).toHaveLength(1);
});

it('the public address is not found if another receiver answers there, or nothing', async () => {
  const { begin, road, address } = await start();
  const other = await elsewhere();
  expect((await failureOf(begin(other).road.proveAddress())).message).toBe(
    `Another receiver answers at ${other}: notifications go there. Stop it, or give this one its own address.`,
  );
  expect((await failureOf(begin(DEAD).road.proveAddress())).message).toMatch(/nothing listens there/);
  expect(await road.proveAddress()).toBe(address);
});

it('the subscription is made anew at each start, as nobody can read its token back, and only then', async () => {
  const { check, begin, ids, changes, said, address } = await start();
  await check();
  const [first] = ids();
  await check();
  await begin().check();
  expect(ids()).toHaveLength(1);
  expect(changes()).toEqual(['POST subscription', 'POST subscription', `DELETE ${first}`]);
  expect(said.filter((line) => line.startsWith(`Subscribed: ${address}, until 20`))).toHaveLength(2);
});

it.each<[string, (platform: Platform) => unknown]>([
  ['is gone', (platform) => (platform.subscriptions = [])],
  ['is blacklisted', become({ status: 'Blacklisted' })],
  ['has expired', become({ expirationTime: inDays(-1) })],
  ['expires within a month', become({ creationTime: inDays(-400), expirationTime: inDays(29) })],
  ['is over the half of a short life', become({ creationTime: inDays(-4), expirationTime: inDays(3) })],
  ['brings fewer events than it did', become({ eventFilters: [] })],
])('the subscription is made anew if it %s', async (_, change) => {
  const { platform, check, said, address } = await start();
  await check();
  change(platform);
  await check();
  expect(platform.subscriptions).toEqual([expect.objectContaining({ status: 'Active' })]);
  expect(platform.subscriptions[0]?.deliveryMode?.address).toBe(address);
  expect(said.at(-1)).toMatch(/^Subscribed again: /);
});

it('the subscription stays in the first half of a short life', async () => {
  const { platform, check, changes } = await start();
  await check();
  become({ creationTime: inDays(-3), expirationTime: inDays(4) })(platform);
  await check();
  expect(changes()).toEqual(['POST subscription']);
});

it('the subscription may be one that another run made later, which stays as the only one', async () => {
  const { platform, check, address, changes, ids } = await start();
  await check();
  const [first] = platform.subscriptions;
  platform.subscriptions.push(earlier(address, { id: 'later', creationTime: inDays(1) }));
  await check();
  await check();
  expect(ids()).toEqual(['later']);
  expect(changes()).toEqual(['POST subscription', `DELETE ${first?.id}`]);
});

it('the subscription is made anew for other events, and for another address, where only what keep made goes', async () => {
  const { platform, check, begin, ids, address } = await start();
  platform.subscriptions = [earlier(ELSEWHERE, { id: 'a' }), earlier(NGROK, { id: 'b' })];
  await check();
  await check([FILTER, OTHERS]);
  expect(platform.subscriptions[2]?.eventFilters).toHaveLength(2);
  // Somebody else has the address now.
  platform.subscriptions.push(earlier(address, { id: 'c', creationTime: inDays(1) }));
  const moved = await elsewhere();
  await begin().check([FILTER], moved);
  expect(ids().slice(0, 3)).toEqual(['a', 'b', 'c']);
  expect(platform.subscriptions.slice(3).map(({ deliveryMode }) => deliveryMode?.address)).toEqual([moved]);
});

it('the subscription whose answer was lost goes, too, once the address has changed', async () => {
  const { platform, check, begin, address, ids } = await start();
  platform.subscriptions = [];
  platform.onRequest = ({ method }) =>
    method === 'POST' && platform.subscriptions.push(earlier(address, { id: 'lost', creationTime: platform.time }));
  platform.fail('POST', SUBSCRIPTIONS, 'cut', 1);
  await failureOf(check());
  platform.onRequest = () => {};
  platform.subscriptions.push(earlier(address, { id: 'of somebody else' }));
  await begin().check([FILTER], await elsewhere());
  expect(ids()).toEqual(['of somebody else', expect.any(String)]);
});

it.each(['disabled', 'SUB-405'] as const)(
  'the subscription that gets fewer events than asked for (%s) is reported, and made anew a day later, not at each check',
  async (refusal) => {
    const { platform, check, changes } = await start();
    platform.refusedFilters.set(OTHER_ID, refusal);
    const said = [expect.stringContaining(`RingCentral will send nothing for ${OTHERS}: `)];
    expect(await check([FILTER, OTHERS])).toEqual(said);
    const before = changes();
    expect(await check([FILTER, OTHERS])).toEqual(said);
    expect(changes()).toEqual(before);
    platform.refusedFilters.clear();
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 25 * HOUR_MS);
    expect(await check([FILTER, OTHERS])).toEqual([]);
    expect(platform.subscriptions.map(({ eventFilters }) => eventFilters?.length)).toEqual([2]);
  },
);

it('the subscription that cannot be deleted is reported, and tried again', async () => {
  const { platform, check, begin, ids } = await start();
  await check();
  platform.fail('DELETE', SUBSCRIPTION, { status: 503, body: '' }, 2);
  const next = begin();
  for (let i = 0; i < 2; i++) expect((await failureOf(next.check())).message).toMatch(/delete subscription/);
  await next.check();
  expect(ids()).toHaveLength(1);
});

describe('earlier subscriptions of a mailbox that is new to the ledger', () => {
  const MAILBOXES = [EXTENSION_ID, OTHER_ID].map((id) => ({ id, label: id }));
  const blacklisted = { status: 'Blacklisted', blacklistedData: { blacklistedAt: inDays(-2) } };
  const expired = { expirationTime: inDays(-3) };
  const hoursBack = ({ now }: Platform, ledger: Ledger) =>
    MAILBOXES.map(({ id }) => Math.round((now - ledger.since(id)) / HOUR_MS));

  it.each<[string, string, object, number[]]>([
    ['a blacklisted one', NGROK, blacklisted, [49, 1]],
    ['a blacklisted one of another extension', NGROK, { ...blacklisted, eventFilters: [OTHERS] }, [1, 49]],
    ['an expired one', NGROK, expired, [73, 1]],
    ['a suspended one', NGROK, { status: 'Suspended' }, [24, 1]],
    ['a live one', NGROK, {}, [24, 1]],
    ['a live one of two extensions, by their ids', NGROK, { eventFilters: [EXTENSION_ID, OTHER_ID].map(voicemailFilter) }, [24, 24]], // prettier-ignore
    ['one of the address that is set', 'here', expired, [73, 1]],
    ['one of an address that is not ours', ELSEWHERE, blacklisted, [1, 1]],
    ['one of other events', NGROK, { ...blacklisted, eventFilters: ['/restapi/v1.0/x'] }, [1, 1]],
  ])('%s', async (_, at, overrides, hours) => {
    const { platform, ledger, address, said, road } = await start();
    platform.subscriptions = [earlier(at === 'here' ? address : at, overrides)];
    for (const { id } of MAILBOXES) ledger.meet(id, platform.now);
    await road.readEvidence(MAILBOXES);
    expect(hoursBack(platform, ledger)).toEqual(hours);
    expect(said.join('\n')).toMatch(hours.includes(24) ? /from|repeats/ : Math.max(...hours) > 1 ? /^RingCentral ended an earlier subscription: comparing from \d/ : /^$/); // prettier-ignore
  });

  it('none of a mailbox that was compared, and none that keep made itself, as the ledger knows since when', async () => {
    const { platform, ledger, check, begin, said } = await start();
    ledger.meet(EXTENSION_ID, platform.now);
    ledger.meet(OTHER_ID, platform.now);
    ledger.compared(OTHER_ID, platform.now);
    await check();
    platform.subscriptions.push(earlier(NGROK, { ...expired, eventFilters: [OTHERS] }));
    const next = begin();
    await next.road.readEvidence(MAILBOXES);
    expect(hoursBack(platform, next.ledger)).toEqual([1, 1]);
    expect(said.filter((line) => line.includes('comparing'))).toEqual([]);
  });
});
