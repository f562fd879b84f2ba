import { afterEach, describe, expect, it } from '@jest/globals';
import { EXTENSION_ID, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { readEvidence } from '../../src/keep/evidence.js';
import { Ledger } from '../../src/keep/ledger.js';
import { Road } from '../../src/keep/road.js';
import { addressSettings } from '../../src/settings.js';
import { Said, testApp } from '../support/app.js';
import { closeAll, serve, startPlatform, TOKEN } from '../support/in-process.js';
import { ledgerFile, session } from '../support/keep.js';
import { asked, DEAD, earlier, failureOf, FILTER, SUBSCRIPTION, SUBSCRIPTIONS } from '../support/ringcentral.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OTHER_ID = String(Number(EXTENSION_ID) + 1);
const OTHERS = voicemailFilter(OTHER_ID);
const ELSEWHERE = 'https://hook.example.com/webhook';
const NGROK = 'https://4f1c.ngrok-free.app/webhook';

afterEach(closeAll);

/** A platform, a receiver, and roads to it that share a ledger. */
async function start(file = ledgerFile()) {
  const platform = await startPlatform();
  const loggedIn = await session(platform);
  const ownChecks = new Set<string>();
  const receiver = testApp({ token: TOKEN, ownChecks });
  const url = await serve(receiver.app);
  const address = `${url}/webhook`;
  const { say, lines: said } = new Said();
  const begin = (given = url) => {
    const ledger = new Ledger(file);
    const settings = { RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: given };
    const road = new Road({
      addressSettings: addressSettings(settings),
      verificationToken: TOKEN,
      ledger,
      ownChecks,
      say,
      signal: new AbortController().signal,
    });
    const check = (eventFilters = [FILTER], at = address) =>
      road.checkSubscription(loggedIn, at, { eventFilters, mailboxes: [], problems: [] });
    return { ledger, road, check };
  };
  const ids = () => platform.subscriptions.map(({ id }) => id);
  const changes = () => asked(platform).filter((each) => /^(POST|DELETE) (subscription|[-\da-f]{36})$/.test(each));
  return { platform, loggedIn, receiver, address, said, ids, changes, begin, ...begin() };
}

describe('the public address', () => {
  it('is found if it leads to this very process, which keeps that out of its access log', async () => {
    const { address, road, receiver } = await start();
    expect(await road.findAddress()).toBe(address);
    await receiver.post('', { 'Validation-Token': 'of somebody else' });
    expect(await receiver.said.match(/POST/)).toMatch(/ 200 "-"/);
    expect(receiver.said.lines).toHaveLength(1);
  });

  it('is none if another receiver answers there, with the same token', async () => {
    const { begin } = await start();
    const other = await serve(testApp({ token: TOKEN }).app);
    expect((await failureOf(begin(other).road.findAddress())).message).toBe(
      `Another receiver answers at ${other}/webhook: notifications go there. Stop it, or give this one its own address.`,
    );
  });

  it('is none if nothing answers there, and is asked for the next time again', async () => {
    const { begin, address, road } = await start();
    expect((await failureOf(begin(DEAD).road.findAddress())).message).toMatch(/nothing listens there/);
    expect(await road.findAddress()).toBe(address);
  });
});

describe('the subscription', () => {
  it('is made anew at each start, as nobody can read its token back, and only then', async () => {
    const { check, begin, ids, changes, said, address } = await start();
    await check();
    const [first] = ids();
    await check();
    expect(ids()).toEqual([first]);
    await begin().check();
    expect(ids()).toHaveLength(1);
    expect(ids()).not.toContain(first);
    expect(changes()).toEqual(['POST subscription', 'POST subscription', `DELETE ${first}`]);
    expect(said.filter((line) => line.startsWith('Subscribed'))).toEqual(
      Array(2).fill(expect.stringContaining(`Subscribed: ${address}, until 20`)),
    );
  });

  const gone = (platform: Platform) => (platform.subscriptions = []);
  const with_ = (overrides: object) => (platform: Platform) =>
    Object.assign(platform.subscriptions[0] ?? {}, overrides);
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();

  it.each([
    ['is gone', gone],
    ['is blacklisted', with_({ status: 'Blacklisted' })],
    ['is suspended', with_({ status: 'Suspended' })],
    ['has expired', with_({ expirationTime: inDays(-1) })],
    ['expires within a month', with_({ creationTime: inDays(-400), expirationTime: inDays(29) })],
    ['is over the half of a short life', with_({ creationTime: inDays(-4), expirationTime: inDays(3) })],
    ['brings fewer events than it did', with_({ eventFilters: [] })],
    ['lies elsewhere', with_({ deliveryMode: { transportType: 'WebHook', address: ELSEWHERE } })],
  ])('is made anew if it %s', async (_, change) => {
    const { platform, check, said, address } = await start();
    await check();
    change(platform);
    await check();
    expect(platform.subscriptions.map(({ status }) => status)).toEqual(['Active']);
    expect(platform.subscriptions[0]?.deliveryMode?.address).toBe(address);
    expect(said.at(-1)).toMatch(/^Subscribed again: /);
  });

  it.each([
    ['has a short life, of which it is the first half', with_({ creationTime: inDays(-3), expirationTime: inDays(4) })],
    ['has no end', with_({ expirationTime: undefined })],
  ])('stays if it %s', async (_, change) => {
    const { platform, check, changes } = await start();
    await check();
    change(platform);
    await check();
    expect(changes()).toEqual(['POST subscription']);
  });

  it('may be one that another run made later, which stays as the only one', async () => {
    const { platform, check, address, changes } = await start();
    await check();
    const [first] = platform.subscriptions;
    const other = earlier(address, { creationTime: inDays(1), eventFilters: first?.eventFilters });
    platform.subscriptions.push(other);
    await check();
    await check();
    expect(platform.subscriptions).toEqual([other]);
    expect(changes()).toEqual(['POST subscription', `DELETE ${first?.id}`]);
  });

  it('is made anew for other events, and for another address, where only what keep made goes', async () => {
    const { platform, check, begin, ids } = await start();
    const others = [earlier(ELSEWHERE), earlier(NGROK)];
    platform.subscriptions = [...others];
    await check();
    await check([FILTER, OTHERS]);
    expect(platform.subscriptions[2]?.eventFilters).toHaveLength(2);
    const [, , before] = ids();
    const moved = await serve(testApp({ token: TOKEN }).app);
    await begin().check([FILTER], `${moved}/webhook`);
    expect(ids()).not.toContain(before);
    expect(platform.subscriptions.slice(0, 2)).toEqual(others);
    expect(ids()).toHaveLength(3);
  });

  it('whose answer was lost goes, too, once the address has changed', async () => {
    const { platform, check, begin, address } = await start();
    const older = earlier(address);
    platform.onRequest = ({ method }) =>
      method === 'POST' && platform.subscriptions.push(earlier(address, { creationTime: platform.time }));
    platform.fail('POST', SUBSCRIPTIONS, 'cut', 1);
    await failureOf(check());
    platform.onRequest = () => {};
    platform.subscriptions.push(older);
    const moved = `${await serve(testApp({ token: TOKEN }).app)}/webhook`;
    await begin().check([FILTER], moved);
    expect(platform.subscriptions.map(({ deliveryMode }) => deliveryMode?.address)).toEqual([address, moved]);
    expect(platform.subscriptions[0]).toBe(older);
  });

  it.each(['disabled', 'SUB-405', 'CMN-102'] as const)(
    'that gets fewer events than asked for (%s) is said, and not made anew at each check, but when renewed',
    async (refusal) => {
      const { platform, check, road, changes, ids } = await start();
      platform.refusedFilters.set(OTHER_ID, refusal);
      await check([FILTER, OTHERS]);
      const before = changes().length;
      expect(road.refused).toEqual([expect.stringContaining(`RingCentral will send nothing for ${OTHERS}: `)]);
      await check([FILTER, OTHERS]);
      expect(changes()).toHaveLength(before);
      platform.refusedFilters.clear();
      road.renew();
      await check([FILTER, OTHERS]);
      expect(road.refused).toEqual([]);
      expect(ids()).toHaveLength(1);
      expect(platform.subscriptions[0]?.eventFilters).toHaveLength(2);
    },
  );

  it('that cannot be deleted is said, and tried again', async () => {
    const { platform, check, begin, ids } = await start();
    await check();
    platform.fail('DELETE', SUBSCRIPTION, { status: 503, body: '' }, 2);
    const { check: checkAgain } = begin();
    for (let i = 0; i < 2; i++) expect((await failureOf(checkAgain())).message).toMatch(/delete subscription/);
    expect(ids()).toHaveLength(2);
    await checkAgain();
    expect(ids()).toHaveLength(1);
  });
});

describe('earlier subscriptions of a mailbox that is new to the ledger', () => {
  const HOURS_AGO = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();
  const MAILBOXES = [EXTENSION_ID, OTHER_ID].map((id) => ({ id, label: id }));
  const blacklisted = { status: 'Blacklisted', blacklistedData: { blacklistedAt: HOURS_AGO(30) } };
  const expired = { expirationTime: HOURS_AGO(40) };
  const others = { eventFilters: [OTHERS] };

  it.each<[string, [string, object][], number[]]>([
    ['none', [], [1, 1]],
    ['a blacklisted one', [[NGROK, blacklisted]], [31, 1]],
    ['a blacklisted one of another extension', [[NGROK, { ...blacklisted, ...others }]], [1, 31]],
    ['an expired one', [[NGROK, expired]], [41, 1]],
    ['a suspended one', [[NGROK, { status: 'Suspended' }]], [24, 1]],
    ['a blacklisted and an expired one', [[NGROK, blacklisted], [NGROK, expired]], [41, 1]], // prettier-ignore
    ['a live one', [[NGROK, {}]], [24, 1]],
    ['a live one by the own id', [[NGROK, { eventFilters: [voicemailFilter(EXTENSION_ID)] }]], [24, 1]],
    ['a live one of two extensions', [[NGROK, { eventFilters: [FILTER, OTHERS] }]], [24, 24]],
    ['one of the address that is set', [['here', expired]], [41, 1]],
    ['one of an address that is not ours', [[ELSEWHERE, blacklisted]], [1, 1]],
    ['one of other events', [[NGROK, { ...blacklisted, eventFilters: ['/restapi/v1.0/x'] }]], [1, 1]],
  ])('%s', async (_, subscriptions, hours) => {
    const { platform, loggedIn, ledger, address, said } = await start();
    platform.subscriptions = subscriptions.map(([at, overrides]) => earlier(at === 'here' ? address : at, overrides));
    for (const { id } of MAILBOXES) ledger.meet(id, platform.now);
    const say = (line: string) => void said.push(line);
    await readEvidence(loggedIn, MAILBOXES, address, ledger, say);
    const found = MAILBOXES.map(({ id }) => Math.round((platform.now - ledger.since(id)) / HOUR_MS));
    expect(found).toEqual(hours);
    expect(said).toHaveLength(Math.max(...hours) > 1 ? 1 : 0);
    if (said.length > 0) expect(said[0]).toMatch(/^A live .* repeats|^RingCentral had ended .* comparing from /);
    // What is known of a mailbox by then stands.
    platform.subscriptions = [earlier(NGROK, { ...expired, expirationTime: HOURS_AGO(99) })];
    ledger.compared(OTHER_ID, platform.now);
    ledger.compared(EXTENSION_ID, platform.now);
    await readEvidence(loggedIn, MAILBOXES, address, ledger, say);
    expect(Math.round((platform.now - ledger.since(EXTENSION_ID)) / HOUR_MS)).toBe(1);
  });

  it('none that keep made itself: the ledger knows when it met the mailbox', async () => {
    const { platform, loggedIn, ledger, check, begin, address, said } = await start();
    ledger.meet(EXTENSION_ID, platform.now);
    await check();
    const next = begin();
    await readEvidence(loggedIn, MAILBOXES, address, next.ledger, (line) => void said.push(line));
    expect(Math.round((platform.now - next.ledger.since(EXTENSION_ID)) / HOUR_MS)).toBe(1);
    expect(said).toHaveLength(1);
  });
});
