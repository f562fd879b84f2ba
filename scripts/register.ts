import { parseArgs } from 'node:util';
import { Failure } from '../src/failure.js';
import { checkAddress, deliveryAddress, findAddress } from '../src/public-address.js';
import { PERMISSIONS } from '../src/ringcentral/advice.js';
import { isRefusal, Session } from '../src/ringcentral/session.js';
import { createSubscription, deleteSubscription, listSubscriptions } from '../src/ringcentral/subscriptions.js';
import type { NewSubscription, Subscription } from '../src/ringcentral/subscriptions.js';
import { safeText } from '../src/safe-text.js';
import { addressSettings, eventFilters, ringCentralSettings, verificationToken } from '../src/settings.js';
import { run, UsageError, type Terminal } from './cli.js';

const USAGE = `Usage: npm run register [-- OPTIONS]

Subscribes the receiver to RingCentral's voicemail notifications, for 20 years, in place of its earlier subscriptions.

  --address URL   the receiver's public address, instead of WEBHOOK_ADDRESS or what ngrok says
  --no-check      do not try the address first: for one that this machine cannot reach
  --list          show all subscriptions
  --delete ID...  delete subscriptions
  --json          print the subscription, or the list, as RingCentral gave it
  --help          show this`;

const DAY_MS = 86_400_000;
const YEAR_DAYS = 365.25;
/** Names under which ngrok hands out addresses. Those of free tunnels change at every start. */
const NGROK = /\.ngrok(-free)?\.(app|dev|io)$/;

void run(USAGE, ['address', 'list', 'delete'], async (terminal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      address: { type: 'string' },
      'no-check': { type: 'boolean' },
      list: { type: 'boolean' },
      delete: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return terminal.print(`${USAGE}\n`);
  const allowed = values.list ? ['list', 'json'] : values.delete ? ['delete'] : ['address', 'no-check', 'json'];
  const odd = Object.keys(values).find((name) => !allowed.includes(name));
  if (odd) throw new UsageError(`--${odd} does not go with --${values.list ? 'list' : 'delete'}`);
  if (values.delete ? positionals.length === 0 : positionals.length > 0)
    throw new UsageError(
      values.delete
        ? '--delete takes the ids of subscriptions'
        : `Unexpected ${positionals[0]}: options go after a lone --`,
    );
  if (values.list) return list(terminal, values.json === true);
  if (values.delete) return deleteAll(terminal, positionals);
  return register(terminal, values.address, !values['no-check'], values.json === true);
});

async function register(terminal: Terminal, given: string | undefined, check: boolean, json: boolean): Promise<void> {
  const { readSettings, print, say } = terminal;
  const env = readSettings();
  const ringCentral = ringCentralSettings(env);
  const wanted: NewSubscription = {
    eventFilters: eventFilters(env),
    verificationToken: verificationToken(env) ?? '',
    address: given === undefined ? await findAddress(addressSettings(env), say) : deliveryAddress(given, '--address'),
  };
  const { address } = wanted;
  if (isPlainHttp(address)) say(`${address} is not https: voicemails cross the network readable for all on the way.`);
  if (check) say(`Checked ${address}: answers the handshake in ${await checkAddress(address)} ms`);

  const session = await Session.logIn(ringCentral, say);
  const { subscriptions } = await listSubscriptions(session);
  const before = subscriptions.filter(({ transportType }) => transportType === 'WebHook');
  const earlier = before.filter((each) => sameAddress(each.address, address));
  const subscription = await create(session, wanted, earlier, say);
  print(
    json ? asLines([JSON.stringify(subscription.raw)]) : describeNew(subscription, wanted.eventFilters, earlier.length),
  );
  for (const { id } of earlier) await deleteUnlessGone(session, id);
  const stray = before.filter((each) => !earlier.includes(each) && NGROK.test(hostname(each.address)));
  if (stray.length > 0)
    say(
      `${stray.length} more ${stray.length === 1 ? 'subscription leads' : 'subscriptions lead'} to another ngrok address, ` +
        'perhaps long gone.\nSee all: npm run register -- --list. Delete: npm run register -- --delete ID...',
    );
  failUnlessLive(subscription, wanted.eventFilters);
  if (check) await checkAddress(address, wanted.verificationToken);
  warnIfShort(subscription, say);
  const [since] = earlier.flatMap(({ blacklistedAt }) => blacklistedAt ?? []).sort();
  if (since) say(`RingCentral had given up the earlier one. What came since: npm run catch-up -- --since ${since}`);
  say('Call the number, leave a voicemail, and watch the receiver.');
}

/** Creates the new subscription, in the place of an earlier one of this address where there is no room for both. */
async function create(session: Session, wanted: NewSubscription, earlier: Subscription[], say: Terminal['say']) {
  try {
    return await createSubscription(session, wanted, say);
  } catch (error) {
    const given = earlier.find(({ blacklistedAt }) => blacklistedAt) ?? earlier[0];
    if (!given || !isRefusal(error, 'SUB-505')) throw error;
    say('20 subscriptions exist, the most that are allowed: deleting an earlier one of this address first.');
    await deleteUnlessGone(session, given.id);
    return createSubscription(session, wanted, say);
  }
}

/** Deletes a subscription that may be gone already: expired, or deleted by another run. */
async function deleteUnlessGone(session: Session, id: string): Promise<void> {
  try {
    await deleteSubscription(session, id);
  } catch (error) {
    if (!isRefusal(error, 'CMN-102')) throw error;
  }
}

function describeNew({ id, expirationTime }: Subscription, filters: string[], replaced: number): string {
  const lines = [`Subscribed to ${filters.join(', ')}`, `  id       ${id}`, `  expires  ${expiry(expirationTime)}`];
  if (replaced > 0)
    lines.push(`  replaces ${replaced} earlier ${replaced === 1 ? 'subscription' : 'subscriptions'} of this address`);
  return asLines(lines);
}

/** Throws a Failure where nothing, or not all, will come: a 200 is not yet success. */
function failUnlessLive({ status, disabledFilters, eventFilters: listed }: Subscription, asked: string[]): void {
  const [disabled] = disabledFilters;
  if (disabled)
    throw new Failure(
      `RingCentral will send nothing for ${disabledFilters.map(({ filter }) => filter).join(', ')}: ${disabled.reason}\n` +
        `${PERMISSIONS} Then run this again.`,
    );
  const missing = asked.filter((filter) => !listed.some((each) => withoutIds(each) === withoutIds(filter)));
  if (missing.length > 0)
    throw new Failure(`RingCentral left out ${missing.join(', ')}: correct WEBHOOK_EVENT_FILTERS.`);
  if (status !== 'Active')
    throw new Failure(`The new subscription is ${status || 'without a status'}: run this again.`);
}

/** RingCentral lists the ids of the user where `~` was asked for. */
function withoutIds(filter: string): string {
  return filter.replace(/\/(account|extension)\/[^/?]+/g, '/$1/~');
}

function warnIfShort({ expirationTime }: Subscription, say: Terminal['say']): void {
  // NaN, where it does not say, is not enough either.
  if (!(daysUntil(expirationTime) / YEAR_DAYS > 19))
    say('RingCentral granted less than the 20 years asked for: run `npm run register` again before it expires.');
}

async function list({ readSettings, print, say }: Terminal, json: boolean): Promise<void> {
  const env = readSettings();
  const session = await Session.logIn(ringCentralSettings(env), say);
  const { subscriptions, raw } = await listSubscriptions(session);
  if (json) return print(asLines([JSON.stringify(raw)]));
  if (subscriptions.length === 0) return print('There is no subscription. To create one: npm run register\n');
  // Not to know this receiver's address is no reason to fail here.
  const own = await findAddress(addressSettings(env), () => {}).catch(() => undefined);
  for (const each of subscriptions) print(describe(each, own !== undefined && sameAddress(each.address, own)));
}

function describe(subscription: Subscription, isOwn: boolean): string {
  const { id, status, blacklistedAt, blacklistReason = 'without a reason' } = subscription;
  return asLines([
    `${id}${isOwn ? '  (this receiver)' : ''}`,
    `  state    ${status}${blacklistedAt ? ` since ${blacklistedAt}: ${blacklistReason}` : ''}`,
    `  expires  ${expiry(subscription.expirationTime)}`,
    ...subscription.eventFilters.map((filter) => `  filter   ${filter}`),
    ...subscription.disabledFilters.map(({ filter, reason }) => `  disabled ${filter}: ${reason}`),
    `  address  ${subscription.address || subscription.transportType}`,
  ]);
}

async function deleteAll({ readSettings, print, say }: Terminal, ids: string[]): Promise<void> {
  const session = await Session.logIn(ringCentralSettings(readSettings()), say);
  let kept = 0;
  for (const id of ids) {
    try {
      await deleteSubscription(session, id);
      print(`Deleted ${safeText(id)}\n`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      kept++;
      say(error.message);
    }
  }
  if (kept > 0)
    throw new Failure(`Not deleted: ${kept} of ${ids.length}. See what there is: npm run register -- --list`);
}

function expiry(expirationTime: string | undefined): string {
  const days = daysUntil(expirationTime);
  if (Number.isNaN(days)) return 'unknown';
  const inDays = days < 2 * YEAR_DAYS ? `${Math.round(days)} days` : `${Math.round(days / YEAR_DAYS)} years`;
  return `${expirationTime?.slice(0, 10)} (in ${inDays})`;
}

function daysUntil(time: string | undefined): number {
  return (Date.parse(time ?? '') - Date.now()) / DAY_MS;
}

function asLines(lines: string[]): string {
  return `${lines.map(safeText).join('\n')}\n`;
}

/** Whether both lead to the same receiver, which does not mind a slash at the end. */
function sameAddress(one: string, other: string): boolean {
  const bare = (address: string) => (URL.canParse(address) ? new URL(address).href : address).replace(/\/?(#.*)?$/, '');
  return bare(one) === bare(other);
}

function hostname(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname : '';
}

function isPlainHttp(address: string): boolean {
  return address.startsWith('http:') && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname(address));
}
