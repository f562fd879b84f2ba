import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { close, listen } from '../scripts/fake/local-server.js';
import { Platform } from '../scripts/fake/platform.js';

// What the fakes must not get wrong: it would hide a mistake of the product, of which nothing is used here.

const STORE = '/restapi/v1.0/account/~/extension/~/message-store';
const COLLEAGUE = '823476228763';
const SUBSCRIPTIONS = '/restapi/v1.0/subscription';

const receiver = createServer(({ headers: { 'validation-token': token } }, res) => {
  res.writeHead(200, { 'Content-Type': 'application/json', ...(token && { 'Validation-Token': token }) }).end();
});
let platform: Platform;
let address: string;

beforeEach(async () => {
  [platform, address] = await Promise.all([Platform.start(), listen(receiver)]);
  platform.validTokens.add('mine').add('theirs');
  platform.tokenOwners.set('theirs', COLLEAGUE);
});
afterEach(() => Promise.all([platform.close(), close(receiver)]));

async function ask(path: string, { token = 'mine', body }: { token?: string; body?: object } = {}) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const sent = body && { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(new URL(path, platform.url), { ...sent, headers });
  const text = await answer.text();
  return { status: answer.status, date: answer.headers.get('date'), text, ...(text[0] === '{' && JSON.parse(text)) };
}

function subscribe(extension: string, token = 'mine') {
  const eventFilters = [`/restapi/v1.0/account/~/extension/${extension}/voicemail`];
  return ask(SUBSCRIPTIONS, { token, body: { eventFilters, deliveryMode: { transportType: 'WebHook', address } } });
}

it('has one clock for all that it says', async () => {
  platform.clockOffsetMs = Date.parse('2100-06-01') - Date.now();
  const [{ creationTime }, subscription] = [platform.store(), await subscribe('~')];
  const { date, records } = await ask(STORE);
  expect(records).toHaveLength(1);
  for (const time of [date, creationTime, subscription.creationTime]) expect(time).toContain('2100');
});

it('lists a message later than it has it', async () => {
  platform.listLagMs = Infinity;
  const { id } = platform.store();
  expect((await ask(`${STORE}/${id}`)).id).toBe(id);
  expect((await ask(STORE)).records).toEqual([]);
});

it('gives a recording to whoever is logged in, while its message is there, and cuts it off as it is told to', async () => {
  const { attachments: [{ uri = '' } = {}] = [] } = platform.store();
  expect((await ask(uri, { token: '' })).status).toBe(401);
  expect((await ask(uri)).text).toHaveLength(4170);
  platform.onChunk = (sent) => sent > 0 && 'cut';
  await expect(ask(uri)).rejects.toThrow('terminated');
  platform.messages = [];
  expect((await ask(uri)).status).toBe(404);
});

it('has fewer extensions on a page than were asked for, and says so', async () => {
  platform.maxExtensionsPerPage = 2;
  const page = await ask('/restapi/v1.0/account/~/extension?perPage=1000');
  expect(page).toMatchObject({ records: [{}, {}], paging: { perPage: 2 } });
});

it('takes ~ for whoever asks, shows nobody the subscriptions of others, and knows no extension by its number', async () => {
  expect((await subscribe('102')).errorCode).toBe('SUB-408');
  expect((await subscribe('~', 'theirs')).eventFilters[0]).toContain(COLLEAGUE);
  expect((await ask(SUBSCRIPTIONS)).records).toEqual([]);
  expect((await platform.leaveVoicemail()).deliveries).toEqual([]);
  platform.lostDeliveries = 1;
  expect((await platform.leaveVoicemail({}, COLLEAGUE)).deliveries).toMatchObject([{ accepted: false }]);
  expect((await platform.leaveVoicemail({}, COLLEAGUE)).deliveries).toMatchObject([{ accepted: true }]);
  expect((await ask(STORE, { token: 'theirs' })).records).toHaveLength(2);
});
