import { runProgram, UsageError, type Terminal } from '../src/program.js';
import { Failure, messageOf } from '../src/errors.js';
import { checkAddress } from '../src/registration/handshake-check.js';
import { register } from '../src/registration/register.js';
import { findAddress, isSameAddress, isTunnelName, mayBeEarlier } from '../src/registration/tunnels.js';
import { findWatched, listExtensions, withLabels } from '../src/ringcentral/extensions.js';
import { createSession, withSession, type Session } from '../src/ringcentral/session.js';
import { deleteSubscription, isLive, listSubscriptions } from '../src/ringcentral/subscriptions.js';
import { missedSince, shownExpiry, YEAR_MS, type Subscription } from '../src/ringcentral/subscriptions.js';
import { addressSettings, isLocal, readEnvironment, ringCentralSettings, watchSettings } from '../src/settings.js';
import type { Environment, RingCentralSettings } from '../src/settings.js';
import { isoTime, plural, safeText } from '../src/show.js';

const help = `Subscribes the receiver to RingCentral's voicemail notifications, for 20 years, in place of its earlier subscriptions.

  --address URL   the receiver's public address, instead of WEBHOOK_ADDRESS or a tunnel's
  --no-check      do not try the address first, for example if this machine cannot reach it
  --list          show all subscriptions
  --delete ID...  delete subscriptions
  --json          write the subscription, or the list, as RingCentral gave it
  --help          show this`;

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;
const options = { list: FLAG, delete: FLAG, json: FLAG, 'no-check': FLAG, address: TEXT };
const program = { command: 'npm run register', help, options, kind: 'script', allowPositionals: true } as const;

const catchUpCommand = (ended: Subscription[], now: number) =>
  `npm run catch-up -- --since ${isoTime(new Date(missedSince(ended, now)))}`;

void runProgram(program, async ({ values, positionals }, terminal) => {
  const task = (['list', 'delete'] as const).find((name) => values[name]);
  const allowed = task === 'list' ? ['list', 'json'] : ['delete'];
  const unexpected = task && Object.keys(values).find((name) => !allowed.includes(name));
  if (unexpected) throw new UsageError(`--${unexpected} does not go with --${task}`);
  if (task === 'delete' && positionals.length === 0) throw new UsageError('--delete takes the ids of subscriptions');
  if (task !== 'delete' && positionals.length > 0) throw new UsageError(`Unexpected argument '${positionals[0]}'`);
  const env = readEnvironment();
  // Before anything is sent, so that wrong settings change nothing.
  const settings = ringCentralSettings(env);
  if (!task) return subscribe(env, settings, terminal, values);
  return withSession(createSession(settings, terminal), (session) =>
    task === 'list' ? list(session, env, terminal, values.json) : deleteAll(session, positionals, terminal),
  );
});

type Values = { address?: string; 'no-check'?: boolean; json?: boolean };

async function subscribe(env: Environment, settings: RingCentralSettings, { write, say }: Terminal, values: Values) {
  const wanted = watchSettings(env);
  const { address, found } = await findAddress(addressSettings(env, values.address));
  if (found) say(`Found ${found}`);
  if (address.startsWith('http:') && !isLocal(address))
    say(`${address} is not https: on the way, anyone can read the voicemails.`, 'warning');
  if (!values['no-check']) await checkAddress(address, settings.verificationToken, say);
  await withSession(createSession(settings, { say }), async (session) => {
    const { eventFilters, mailboxes, problems } = await findWatched(session, wanted);
    if (problems.length > 0) throw new Failure(problems.join('\n'));
    const { subscriptions } = await listSubscriptions(session);
    const ended = subscriptions.filter((each) => mayBeEarlier(each.address, address) && !isLive(each, session.now()));
    const missed = 'RingCentral had ended an earlier subscription. To see what you missed';
    if (ended.length > 0) say(`${missed}: ${catchUpCommand(ended, session.now())}`, 'warning');
    const need = 'extensions' in wanted && wanted.extensions === 'all' ? 'some' : 'all';
    const request = { address, eventFilters, verificationToken: settings.verificationToken, need } as const;
    const registered = await register(session, request, subscriptions, say).catch((error: unknown) => {
      throw new Failure(withLabels(messageOf(error), mailboxes));
    });
    const { subscription, granted, refused, replaced, left } = registered;
    const lines = [
      withLabels(`Subscribed to ${granted.join(', ')}`, mailboxes),
      `  id       ${subscription.id}`,
      `  expires  ${shownExpiry(subscription, session.now())}`,
      ...(replaced > 0 ? [`  replaces ${plural(replaced, 'earlier subscription')} of this address`] : []),
    ];
    for (const line of values.json ? [JSON.stringify(subscription.raw)] : lines) await write(safeText(line));
    const isLong = Date.parse(subscription.expirationTime) - session.now() > 2 * YEAR_MS;
    if (!isLong) say('RingCentral granted less than two years: run this again before it expires.', 'warning');
    for (const problem of refused) say(withLabels(problem, mailboxes), 'warning');
    const next = 'The new subscription works. Run this again to delete the others.';
    if (left.length > 0) throw new Failure([...left, next].join('\n'));
    say('Call the number, leave a voicemail, and watch the receiver.');
  });
}

async function list(session: Session, env: Environment, { write }: Terminal, json = false): Promise<void> {
  const { subscriptions, raw } = await listSubscriptions(session);
  if (json) return write(safeText(JSON.stringify(raw)));
  if (subscriptions.length === 0) return write('There is no subscription. To create one: npm run register');
  // The list is useful even without the own address, or without the names of extensions.
  const findOwn = async () => findAddress(addressSettings(env));
  const own = await findOwn().catch(() => undefined);
  const extensions = await listExtensions(session).catch(() => []);
  const now = session.now();
  for (const each of subscriptions) {
    const { address, blacklistedAt, blacklistReason } = each;
    const isOwn = own !== undefined && isSameAddress(address, own.address);
    const since = blacklistedAt && ` since ${blacklistedAt}`;
    const reason = blacklistReason && `: ${blacklistReason}`;
    const lines = [
      `${each.id}${isOwn ? '  (this receiver)' : ''}`,
      `  state    ${each.status}${since}${reason}`,
      `  expires  ${shownExpiry(each, now)}`,
      ...each.eventFilters.map((filter) => `  filter   ${withLabels(filter, extensions)}`),
      ...each.disabledFilters.map(({ filter, reason }) => `  disabled ${withLabels(filter, extensions)}: ${reason}`),
      `  address  ${address || each.transportType}`,
    ];
    // A tunnel's address may have changed since.
    const fix = `npm run register${isOwn || isTunnelName(address) ? '' : ' -- --address URL'}`;
    if (address && !isLive(each, now)) lines.push(`  to fix   ${fix}`, `           ${catchUpCommand([each], now)}`);
    for (const line of lines) await write(safeText(line));
  }
}

async function deleteAll(session: Session, ids: string[], { write }: Terminal): Promise<void> {
  const problems: string[] = [];
  for (const id of ids)
    await deleteSubscription(session, id).then(
      () => write(`Deleted ${safeText(id)}`),
      (error: unknown) => void problems.push(messageOf(error)),
    );
  const next = `Not deleted: ${problems.length} of ${ids.length}. See what there is: npm run register -- --list`;
  if (problems.length > 0) throw new Failure([...problems, next].join('\n'));
}
