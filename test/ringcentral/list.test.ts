import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { voicemail, type Fault, type Platform } from '../../scripts/fake/platform.js';
import { isUnanswered } from '../../src/ringcentral/errors.js';
import { itemKey, listAll } from '../../src/ringcentral/list.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, startSession } from '../support/in-process.js';
import { failureOf, STORE } from '../support/ringcentral.js';

let platform: Platform;
let session: Session;

beforeEach(async () => void ({ platform, session } = await startSession()));
afterEach(closeAll);

const list = (turn?: () => Promise<void>) =>
  listAll(session, 'list the messages', '/restapi/v1.0/account/~/extension/~/message-store', { x: 'y' }, turn);
const ids = async () => (await list()).map(({ id }) => id);
const pages = () => platform.requests.filter(({ path }) => STORE.test(path)).map(({ query }) => query.get('page'));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Messages with ids from 1, and nothing else. */
function fill(count: number): void {
  platform.messages = upTo(count).map((id) => ({ id }));
}

it('asks for 1000 at once, with what else is to be in the query, when it is the turn of a page', async () => {
  fill(1500);
  const before: number[] = [];
  await list(async () => void before.push(pages().length));
  expect(before).toEqual([0, 1]);
  expect(platform.requests.at(-1)?.query.toString()).toBe('x=y&perPage=1000&page=2');
});

it.each<[string, number, number, Partial<Platform>]>([
  ['the next one is named', 2500, 3, {}],
  ['the next one is named, with totals', 2500, 3, { totals: true }],
  ['only a full page says that there is more', 2500, 3, { nextPage: false }],
  ['pages are shorter than asked for', 250, 3, { maxMessagesPerPage: 100 }],
  ['pages are shorter, and only full ones say so', 250, 3, { nextPage: false, maxMessagesPerPage: 100 }],
  ['the last one is full, and says nothing', 1000, 2, { nextPage: false }],
  ['there is one', 999, 1, { nextPage: false }],
  ['there is nothing', 0, 1, {}],
])('all pages are read, and no more, if %s', async (_, count, pageCount, how) => {
  Object.assign(platform, how);
  fill(count);
  expect(await ids()).toEqual(upTo(count));
  expect(pages()).toEqual(upTo(pageCount).map(String));
});

it('all pages are read whatever the totals say', async () => {
  const paging = { page: 1, perPage: 1000, totalPages: 1, totalElements: 1 };
  const page = (id: number, navigation = {}) => ({ status: 200, body: { records: [{ id }], paging, navigation } });
  platform.fail('GET', STORE, page(2, { nextPage: { uri: 'https://hook.example.com/elsewhere' } }), 1);
  platform.fail('GET', STORE, page(1), 1);
  expect(await ids()).toEqual([2, 1]);
});

it('all pages have each item once if one comes while they are read, and shifts the rest', async () => {
  fill(1500);
  platform.onRequest = ({ query }) => {
    if (query.get('page') === '2') platform.messages.unshift(voicemail({ id: 9999 }));
  };
  expect(await ids()).toEqual(upTo(1500));
});

it('all pages end if one brings nothing new', async () => {
  const body = { records: [{ id: 1 }], navigation: { nextPage: { uri: 'x' } } };
  platform.fail('GET', STORE, { status: 200, body });
  expect(await ids()).toEqual([1]);
  expect(pages()).toHaveLength(2);
});

it('all pages are refused if there is no end to them', async () => {
  fill(101);
  platform.maxMessagesPerPage = 1;
  expect((await failureOf(list())).message).toMatch(/: RingCentral sent a list without an end\./);
});

it.each<Fault>(['cut', { status: 200, body: {} }])('all pages are nothing if one is %j', async (fault) => {
  fill(1500);
  platform.onRequest = ({ query }) => {
    if (query.get('page') === '2') platform.fail('GET', STORE, fault, 1);
  };
  expect((await failureOf(list())).message).toMatch(/^Could not list the messages: /);
});

it.each([{}, { records: {} }, [], { records: null }, 7])('%j is no list, and not an empty one', async (body) => {
  platform.fail('GET', STORE, { status: 200, body });
  const error = await failureOf(list());
  expect(isUnanswered(error)).toBe(true);
  expect(error.message).toMatch(/^Could not list the messages: RingCentral answered without a list\. Check/);
});

it('does not trip over odd records', async () => {
  platform.fail('GET', STORE, { status: 200, body: { records: [null, 'text', { id: 'a' }, { id: { toString: 1 } }] } });
  expect(await list()).toContainEqual({ id: 'a' });
});

it('knows an item by its id, a number or a string, and one without by all of it', () => {
  expect(itemKey({ id: 7 })).toBe(itemKey({ id: '7', readStatus: 'Read' }));
  expect(itemKey({ id: 7 })).not.toBe(itemKey({ id: 8 }));
  expect(itemKey({ type: 'VoiceMail' })).toBe(itemKey({ type: 'VoiceMail' }));
  expect(itemKey({ type: 'VoiceMail' })).not.toBe(itemKey({ type: 'Voicemail' }));
});
