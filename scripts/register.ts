import { failOnArguments, runProgram, UsageError, type Terminal } from '../src/program.js';
import { Failure } from '../src/errors.js';
import { checkAddress } from '../src/registration/handshake-check.js';
import { register } from '../src/registration/register.js';
import { findAddress, isSameAddress, isTunnelName } from '../src/registration/tunnels.js';
import { findWatched, listExtensions, withLabels, type Mailbox } from '../src/ringcentral/extensions.js';
import { withSession, type Session } from '../src/ringcentral/session.js';
import type { Subscription } from '../src/ringcentral/subscriptions.js';
import { deleteSubscription, isLive, listSubscriptions } from '../src/ringcentral/subscriptions.js';
import { missedSince, shownExpiry } from '../src/ringcentral/subscriptions.js';
import { addressSettings, isLocal, readEnvironment, ringCentralSettings, watchSettings } from '../src/settings.js';
import type { Environment, RingCentralSettings } from '../src/settings.js';
import { isoTime, plural, safeText } from '../src/show.js';

const HELP = `Usage: npm run register [-- OPTIONS]

Subscribes the receiver to RingCentral's voicemail notifications, for 20 years, in place of its earlier subscriptions.

  --address URL   the receiver's public address, instead of WEBHOOK_ADDRESS or a tunnel's
  --no-check      do not try the address first, for example if this machine cannot reach it
  --list          show all subscriptions
  --delete ID...  delete subscriptions
  --json          write the subscription, or the list, as RingCentral gave it
  --help          show this`;

const OPTIONS = {
  list: { type: 'boolean' },
  delete: { type: 'boolean' },
  json: { type: 'boolean' },
  'no-check': { type: 'boolean' },
  address: { type: 'string' },
  help: { type: 'boolean' },
} as const;

void runProgram(
  { command: 'npm run register', help: HELP, options: OPTIONS, kind: 'script' },
  async ({ values, positionals }, terminal) => {
    const allowed = values.list ? ['list', 'json'] : values.delete ? ['delete'] : ['address', 'no-check', 'json'];
    const unexpected = Object.keys(values).find((name) => !allowed.includes(name));
    if (unexpected) throw new UsageError(`--${unexpected} does not go with --${values.list ? 'list' : 'delete'}`);
    if (values.delete && positionals.length === 0) throw new UsageError('--delete takes the ids of subscriptions');
    if (!values.delete) failOnArguments(positionals);
    const env = readEnvironment();
    // Before anything is sent, so that wrong settings change nothing.
    const settings = ringCentralSettings(env);
    if (values.list) return withSession(settings, terminal, (session) => list(session, env, terminal, values.json));
    if (values.delete) return withSession(settings, terminal, (session) => deleteAll(session, positionals, terminal));
    return subscribe(env, settings, terminal, values);
  },
);

async function subscribe(
  env: Environment,
  settings: RingCentralSettings,
  { write, say }: Terminal,
  { address: given, 'no-check': noCheck, json }: { address?: string; 'no-check'?: boolean; json?: boolean },
): Promise<void> {
  const { verificationToken } = settings;
  const wanted = watchSettings(env);
  const { address, found } = await findAddress(addressSettings(env, given));
  if (found) say(`Found ${found}`);
  if (address.startsWith('http:') && !isLocal(address))
    say(`${address} is not https: on the way, anyone can read the voicemails.`, 'warning');
  if (!noCheck) {
    const { result, warning } = await checkAddress(address, verificationToken);
    say(`Checked ${address}: ${result}`);
    if (warning) say(warning, 'warning');
  }
  await withSession(settings, { say }, async (session) => {
    const { eventFilters, mailboxes, problems } = await findWatched(session, wanted);
    if (problems.length > 0) throw new Failure(problems.join('\n'));
    const need = 'extensions' in wanted && wanted.extensions === 'all' ? 'some' : 'all';
    const request = { address, eventFilters, verificationToken, need } as const;
    const registered = await register(session, request, say).catch((error: unknown) => {
      throw error instanceof Failure ? new Failure(withLabels(error.message, mailboxes)) : error;
    });
    const { subscription, refused, replaced, left, ended, warnings } = registered;
    const now = session.now();
    const missed = 'RingCentral had ended an earlier subscription. To see what you missed';
    if (ended.length > 0) say(`${missed}: ${catchUpCommand(ended, now)}`, 'warning');
    const lines = [
      withLabels(
        `Subscribed to ${eventFilters.filter((filter) => !refused.some((each) => each.filter === filter)).join(', ')}`,
        mailboxes,
      ),
      `  id       ${subscription.id}`,
      `  expires  ${shownExpiry(subscription, now)}`,
      ...(replaced > 0 ? [`  replaces ${plural(replaced, 'earlier subscription')} of this address`] : []),
    ];
    for (const line of json ? [JSON.stringify(subscription.raw)] : lines) await write(safeText(line));
    for (const { filter, reason } of refused)
      say(withLabels(`RingCentral will send nothing for ${filter}: ${reason}`, mailboxes), 'warning');
    for (const warning of warnings) say(warning, 'warning');
    if (left.size > 0)
      throw new Failure(
        `${[...left.values()].join('\n')}\nThe new subscription works. Run this again to delete the others.`,
      );
    say('Call the number, leave a voicemail, and watch the receiver.');
  });
}

function catchUpCommand(ended: Subscription[], now: number): string {
  return `npm run catch-up -- --since ${isoTime(new Date(missedSince(ended, now)))}`;
}

async function list(session: Session, env: Environment, { write }: Terminal, json = false): Promise<void> {
  const { all, raw } = await listSubscriptions(session);
  if (json) return write(safeText(JSON.stringify(raw)));
  if (all.length === 0) return write('There is no subscription. To create one: npm run register');
  // The list is useful even without the own address, or without the names of extensions.
  const own = await (async () => findAddress(addressSettings(env)))().catch(() => undefined);
  const extensions = await listExtensions(session).catch(() => []);
  for (const each of all) {
    const isOwn = own !== undefined && isSameAddress(each.address, own.address);
    for (const line of description(each, isOwn, session.now(), extensions)) await write(safeText(line));
  }
}

function description(subscription: Subscription, isOwn: boolean, now: number, extensions: Mailbox[]): string[] {
  const { id, status, address, blacklistedAt, blacklistReason = 'without a reason' } = subscription;
  const since = typeof blacklistedAt === 'string' ? ` since ${blacklistedAt}: ${blacklistReason}` : '';
  return [
    `${id}${isOwn ? '  (this receiver)' : ''}`,
    `  state    ${status}${since}`,
    `  expires  ${shownExpiry(subscription, now)}`,
    ...subscription.eventFilters.map((filter) => `  filter   ${withLabels(filter, extensions)}`),
    ...subscription.disabledFilters.map((each) => `  disabled ${withLabels(each.filter, extensions)}: ${each.reason}`),
    `  address  ${address || subscription.transportType}`,
    ...replacement(subscription, isOwn, now),
  ];
}

/** The commands that replace a subscription that RingCentral ended. A tunnel's address may have changed since. */
function replacement(subscription: Subscription, isOwn: boolean, now: number): string[] {
  const { transportType, address } = subscription;
  if (transportType !== 'WebHook' || isLive(subscription, now)) return [];
  // An address from outside is only shown in a command if it is harmless in every shell.
  const shown = /^[\w.:/~%?=&-]+$/.test(address) ? `"${address}"` : 'URL';
  const option = isOwn || isTunnelName(address) ? '' : ` -- --address ${shown}`;
  return [`  to fix   npm run register${option}`, `           ${catchUpCommand([subscription], now)}`];
}

async function deleteAll(session: Session, ids: string[], { write, say }: Terminal): Promise<void> {
  let stay = 0;
  for (const id of ids) {
    try {
      await deleteSubscription(session, id);
      await write(`Deleted ${safeText(id)}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      stay++;
      say(error.message);
    }
  }
  if (stay > 0)
    throw new Failure(`Not deleted: ${stay} of ${ids.length}. See what there is: npm run register -- --list`);
}
