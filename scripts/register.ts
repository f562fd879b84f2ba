import { checkAddress } from '../src/registration/handshake-check.js';
import { findAddress, isNgrok, isSameAddress } from '../src/registration/ngrok.js';
import { missedSince, register } from '../src/registration/register.js';
import type { Session } from '../src/ringcentral/session.js';
import {
  deleteSubscription,
  isGivenUp,
  listSubscriptions,
  type Subscription,
} from '../src/ringcentral/subscriptions.js';
import {
  addressSettings,
  eventFilters,
  readEnvironment,
  ringCentralSettings,
  type Environment,
  type RingCentralSettings,
} from '../src/settings.js';
import { Failure, plural, safeText } from '../src/text.js';
import { failIfSurplus, isoTime, runScript, shownExpiry, UsageError, withSession, type Terminal } from './cli.js';

const USAGE = `Usage: npm run register [-- OPTIONS]

Subscribes the receiver to RingCentral's voicemail notifications, for 20 years, in place of its earlier subscriptions.

  --address URL   the receiver's public address, instead of WEBHOOK_ADDRESS or what ngrok says
  --no-check      do not try the address first: for one that this machine cannot reach
  --list          show all subscriptions
  --delete ID...  delete subscriptions
  --json          print the subscription, or the list, as RingCentral gave it
  --help          show this`;

const OPTIONS = {
  list: { type: 'boolean' },
  delete: { type: 'boolean' },
  json: { type: 'boolean' },
  'no-check': { type: 'boolean' },
  address: { type: 'string' },
  help: { type: 'boolean' },
} as const;

void runScript(USAGE, OPTIONS, async ({ values, positionals }, terminal) => {
  const allowed = values.list ? ['list', 'json'] : values.delete ? ['delete'] : ['address', 'no-check', 'json'];
  const odd = Object.keys(values).find((name) => !allowed.includes(name));
  if (odd) throw new UsageError(`--${odd} does not go with --${values.list ? 'list' : 'delete'}`);
  if (values.delete && positionals.length === 0) throw new UsageError('--delete takes the ids of subscriptions');
  if (!values.delete) failIfSurplus(positionals);
  const env = readEnvironment();
  // What is missing or wrong is said before anything is sent.
  const settings = ringCentralSettings(env);
  if (values.list)
    return withSession(settings, terminal, (session) => list(session, env, terminal, values.json === true));
  if (values.delete) return withSession(settings, terminal, (session) => deleteAll(session, positionals, terminal));
  return subscribe(env, settings, terminal, values);
});

async function subscribe(
  env: Environment,
  settings: RingCentralSettings,
  terminal: Terminal,
  { address: given, 'no-check': noCheck, json }: { address?: string; 'no-check'?: boolean; json?: boolean },
): Promise<void> {
  const { print, say } = terminal;
  const { verificationToken } = settings;
  const filters = eventFilters(env);
  const { address, found } = await findAddress(addressSettings(env, given));
  if (found) say(`Found ngrok: ${found}`);
  if (isPlainHttp(address)) say(`${address} is not https: on the way, anyone can read the voicemails.`);
  if (!noCheck) {
    const { result, warning } = await checkAddress(address, verificationToken);
    say(`Checked ${address}: ${result}`);
    if (warning) say(warning);
  }
  await withSession(settings, terminal, async (session) => {
    const { subscription, replaced, notReplaced, warnings } = await register(
      session,
      { address, eventFilters: filters, verificationToken },
      {
        say,
        onGivenUp: (since) =>
          say(`RingCentral had given up an earlier subscription. To see what you missed: ${catchUpCommand(since)}`),
      },
    );
    const lines = [
      `Subscribed to ${filters.join(', ')}`,
      `  id       ${subscription.id}`,
      `  expires  ${shownExpiry(subscription)}`,
      ...(replaced > 0 ? [`  replaces ${plural(replaced, 'earlier subscription')} of this address`] : []),
    ];
    for (const line of json ? [JSON.stringify(subscription.raw)] : lines) await print(safeText(line));
    warnings.forEach(say);
    if (notReplaced.length > 0)
      throw new Failure(`${notReplaced.join('\n')}\nThe new one works; run this again to clear the rest.`);
    say('Call the number, leave a voicemail, and watch the receiver.');
  });
}

function catchUpCommand(since: Date | undefined): string {
  return `npm run catch-up -- --since ${since ? isoTime(since) : '24h'}`;
}

async function list(session: Session, env: Environment, { print }: Terminal, json: boolean): Promise<void> {
  const { subscriptions, raw } = await listSubscriptions(session);
  if (json) return print(safeText(JSON.stringify(raw)));
  if (subscriptions.length === 0) return print('There is no subscription. To create one: npm run register');
  // The list is useful even if we don't know our own address.
  const own = await Promise.resolve(env)
    .then(addressSettings)
    .then((it) => findAddress(it))
    .catch(() => undefined);
  for (const each of subscriptions) {
    const isOwn = own !== undefined && isSameAddress(each.address, own.address);
    for (const line of description(each, isOwn)) await print(safeText(line));
  }
}

function description(subscription: Subscription, isOwn: boolean): string[] {
  const { id, status, address, blacklistedAt, blacklistReason = 'without a reason' } = subscription;
  const since = typeof blacklistedAt === 'string' ? ` since ${blacklistedAt}: ${blacklistReason}` : '';
  return [
    `${id}${isOwn ? '  (this receiver)' : ''}`,
    `  state    ${status}${since}`,
    `  expires  ${shownExpiry(subscription)}`,
    ...subscription.eventFilters.map((filter) => `  filter   ${filter}`),
    ...subscription.disabledFilters.map(({ filter, reason }) => `  disabled ${filter}: ${reason}`),
    `  address  ${address || subscription.transportType}`,
    ...cure(subscription, isOwn),
  ];
}

/** The commands that mend a subscription that RingCentral gave up. A free ngrok address is another by now. */
function cure(subscription: Subscription, isOwn: boolean): string[] {
  const { transportType, address } = subscription;
  if (transportType !== 'WebHook' || !isGivenUp(subscription)) return [];
  // What came is only shown in a command if no shell minds it.
  const shown = /^[\w.:/~%?=&-]+$/.test(address) ? `"${address}"` : 'URL';
  const option = isOwn || isNgrok(address) ? '' : ` -- --address ${shown}`;
  return [`  to mend  npm run register${option}`, `           ${catchUpCommand(missedSince([subscription]))}`];
}

async function deleteAll(session: Session, ids: string[], { print, say }: Terminal): Promise<void> {
  let stay = 0;
  for (const id of ids) {
    try {
      await deleteSubscription(session, id);
      await print(`Deleted ${safeText(id)}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      stay++;
      say(error.message);
    }
  }
  if (stay > 0)
    throw new Failure(`Not deleted: ${stay} of ${ids.length}. See what there is: npm run register -- --list`);
}

function isPlainHttp(address: string): boolean {
  return address.startsWith('http:') && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(address).hostname);
}
