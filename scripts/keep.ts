import { logMissed } from '../src/missed.js';
import { keep } from '../src/registration/keep.js';
import { Session } from '../src/ringcentral/session.js';
import { addressSettings, eventFilters, logFormat, readEnvironment, ringCentralSettings } from '../src/settings.js';
import { localTime, plural, shownTime } from '../src/text.js';
import { failIfSurplus, readDuration, runScript, shownExpiry, UsageError } from './cli.js';

const USAGE = `Usage: npm run keep [-- OPTIONS]

Registers the receiver as \`npm run register\` does, and keeps it registered: after anything that was down, it registers
again if it has to, and logs the voicemails that came meanwhile. It runs until you stop it (Ctrl-C).

  --every TIME    how often to look: 30s, 5m, 2h; from 1s to 24h. Default: 5m
  --address URL   the receiver's public address, instead of WEBHOOK_ADDRESS or what ngrok says
  --transcripts   log voicemails with the text of those that RingCentral has transcribed
  --help          show this`;

const OPTIONS = {
  transcripts: { type: 'boolean', default: false },
  every: { type: 'string', default: '5m' },
  address: { type: 'string' },
  help: { type: 'boolean' },
} as const;

const DAY_MS = 86_400_000;
const STOP_MS = 3000;

void runScript(
  USAGE,
  OPTIONS,
  async ({ values: { every, address, transcripts }, positionals }, { print, say }) => {
    failIfSurplus(positionals);
    const everyMs = readDuration(every);
    if (!(everyMs >= 1000 && everyMs <= DAY_MS))
      throw new UsageError(`--every takes 30s, 5m or 2h, from 1s to 24h, not ${JSON.stringify(every)}`);
    const env = readEnvironment();
    const settings = ringCentralSettings(env);
    const filters = eventFilters(env);
    const missed = { eventFilters: filters, format: logFormat(env), transcripts, write: print, say };
    const logged = new Set<string>();
    const end = new AbortController();
    const { signal } = end;
    for (const name of ['SIGTERM', 'SIGINT'] as const)
      process.on(name, () => {
        end.abort();
        // Also if nobody reads stdout.
        setTimeout(() => process.exit(), STOP_MS).unref();
      });
    // Node.js undoes nohup's ignoring of SIGHUP.
    process.on('SIGHUP', () => (process.stdout.isTTY || process.stderr.isTTY) && end.abort());
    process.stdout.on('error', (error) => {
      say(`stdout cannot be written: ${error.message}`);
      process.exitCode = 1;
      end.abort();
    });
    say(`Checking every ${every}, until you stop this with Ctrl-C.`);
    await keep(everyMs, {
      addressSettings: addressSettings(env, address),
      eventFilters: filters,
      verificationToken: settings.verificationToken,
      signal,
      say,
      logIn: (tell) => Session.logIn(settings, { say: tell, signal }),
      onRegistered: ({ subscription, warnings }, isFirst) => {
        say(`Subscribed${isFirst ? '' : ' again'}: ${subscription.address}, until ${shownExpiry(subscription)}`);
        if (isFirst) warnings.forEach(say);
      },
      logMissed: async (session, since) => {
        const found = (count: number) =>
          count > 0 && say(`${plural(count, 'voicemail')} came since ${shownTime(since)}:`);
        const missing = await logMissed(session, since, missed, logged, found);
        if (missing > 0) say(`${plural(missing, 'transcript')} could not be read.`);
      },
    });
  },
  () => `${localTime().time}  `,
);
