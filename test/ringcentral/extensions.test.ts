import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { apiError, EXTENSION_ID, type Platform } from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { findWatched, listExtensions, mailboxesOf } from '../../src/ringcentral/extensions.js';
import type { Session } from '../../src/ringcentral/session.js';
import { closeAll, startSession } from '../support/in-process.js';
import { failureOf } from '../support/ringcentral.js';

const [ADA, CHARLES, , QUEUE] = Array.from({ length: 5 }, (_, i) => String(Number(EXTENSION_ID) + i));

let platform: Platform;
let session: Session;

beforeEach(async () => void ({ platform, session } = await startSession()));
afterEach(closeAll);

const find = (extensions: string[] | 'all') => findWatched(session, { extensions });
const idsOf = async (extensions: string[] | 'all') => (await find(extensions)).mailboxes.map(({ id }) => id);

it('has all extensions by id, of every page, with a label that is safe to show', async () => {
  platform.maxExtensionsPerPage = 2;
  platform.nextPage = false;
  for (const odd of ['{"id":6,"type":{"toString":1}}', '{"id":{"toString":1}}'])
    platform.extensions.push(JSON.parse(odd));
  platform.extensions.push({ id: '7', name: 'x\u001b[2J' }, { id: 'eight', extensionNumber: '8' }, {});
  const all = await listExtensions(session);
  expect(all.map(({ id }) => id)).toEqual([...platform.extensions.slice(0, 6).map(({ id }) => String(id)), '7']);
  expect(all[0]).toMatchObject({ number: '101', label: 'ext. 101, Ada Byron' });
  expect(all.at(-1)).toMatchObject({ number: undefined, label: 'extension 7, x\\u001b[2J' });
});

it('extensions by number are found, each as an event filter and a mailbox, in an order that stays', async () => {
  const found = await find(['102', '101']);
  expect(found.eventFilters).toEqual([ADA, CHARLES].map((id = '') => voicemailFilter(id)));
  expect(found.mailboxes.map(({ id, number }) => `${number}: ${id}`)).toEqual([`101: ${ADA}`, `102: ${CHARLES}`]);
  expect(found.problems).toEqual([]);
  platform.extensions.reverse();
  expect(await find(['101', '102'])).toMatchObject({ eventFilters: found.eventFilters });
});

it.each([
  ['103', /^There is no extension 103; the nearest: ext\. 102, Charles Babbage; ext\. 104, [^;]*; ext\. 101, [^;]*$/],
  ['10', /^There is no extension 10; the nearest: ext\. 101, .* Correct WEBHOOK_EXTENSIONS\.$/],
  ['0101', /^There is no extension 0101; the nearest: ext\. 101, /],
  ['300', /^ext\. 300, .* has no mailbox: leave 300 out of WEBHOOK_EXTENSIONS\.$/],
  ['104', /^ext\. 104, Luigi Menabrea is not enabled: leave 104 out of WEBHOOK_EXTENSIONS\.$/],
])('extensions by number that cannot be had are named, and the others are found: %s', async (number, said) => {
  // One without a number.
  platform.extensions.unshift({ id: 90, status: 'Enabled' });
  const { mailboxes, problems } = await find([number, '101']);
  expect(mailboxes).toMatchObject([{ id: ADA }]);
  expect(problems).toEqual([expect.stringMatching(said)]);
});

it('extensions by number that do not exist in an account without extensions are named all the same', async () => {
  platform.extensions = [];
  expect((await find(['101'])).problems.join()).toMatch(
    /^There is no extension 101; the nearest: none\. Correct \w+\.$/,
  );
});

it('has, of all, those that are enabled and can have a mailbox: also of a type that nobody knows', async () => {
  expect(await idsOf('all')).toEqual([ADA, CHARLES, QUEUE]);
  const types = 'User DigitalUser Department Voicemail SharedLinesGroup Limited NewKind'.split(' ');
  const without = 'IvrMenu Announcement ParkLocation PagingOnly Site FaxUser Bot TieLine'.split(' ');
  platform.extensions = [...types, ...without].map((type, id) => ({ id, type, status: 'Enabled' }));
  platform.extensions.push({ id: 90, type: 'User' }, { id: 91, type: 'User', status: 'NotActivated' });
  expect(await idsOf('all')).toEqual(types.map((_, id) => String(id)));
  platform.extensions = platform.extensions.slice(types.length);
  const problems = ['This account has no extension with a mailbox.'];
  expect(await find('all')).toEqual({ eventFilters: [], mailboxes: [], problems });
});

it.each([
  ['CMN-401', 'application needs to have [ReadAccounts] permission', /Read Accounts/],
  ['CMN-408', 'user needs to have [ViewUsers] permission', /ask its administrator/],
])('says what is needed to look them up: %s', async (code, words, said) => {
  platform.fail('GET', /\/extension$/, apiError(403, code, words));
  const { message } = await failureOf(find('all'));
  expect(message).toMatch(`Could not look up the extensions: ${code} ${words}.\n`);
  expect(message.split('\n')[1]).toMatch(said);
});

it('asks for nothing if event filters are given: they name the mailboxes, ~ that of the user', async () => {
  const [own, other] = [voicemailFilter('~'), voicemailFilter('7')];
  const eventFilters = [other, '/restapi/v1.0/account/~/presence', own, voicemailFilter(EXTENSION_ID), other];
  const mailboxes = [
    { id: '7', label: 'extension 7' },
    { id: EXTENSION_ID, label: 'your extension' },
  ];
  expect(await findWatched(session, { eventFilters })).toEqual({ eventFilters, mailboxes, problems: [] });
  expect(platform.requests).toHaveLength(1);
  expect(mailboxesOf([own], { ownerId: '~' })).toMatchObject([{ id: '~', label: 'your extension' }]);
});
