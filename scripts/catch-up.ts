import { logMissed, voicemailExtensions } from '../src/missed.js';
import { eventFilters, logFormat, readEnvironment, ringCentralSettings } from '../src/settings.js';
import { Failure, localTime, plural } from '../src/text.js';
import { failIfSurplus, readDuration, runScript, UsageError, withSession } from './cli.js';

const USAGE = `Usage: npm run catch-up [-- OPTIONS]

Logs the voicemails that came while nobody listened, oldest first, as the receiver logs them.

  --since TIME    from when on: 90m, 24h, 7d (ago), 2026-11-24, 2026-11-24T08:00, 2026-11-24T08:00:00Z. Default: 24h
  --transcripts   with the text of those that RingCentral has transcribed
  --help          show this

A time without a zone is local.`;

const OPTIONS = {
  transcripts: { type: 'boolean', default: false },
  since: { type: 'string', default: '24h' },
  help: { type: 'boolean' },
} as const;

const ISO_TIME = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

void runScript(USAGE, OPTIONS, async ({ values: { since: given, transcripts }, positionals }, terminal) => {
  const { print, say } = terminal;
  failIfSurplus(positionals);
  const since = readTime(given, Date.now());
  const env = readEnvironment();
  const filters = eventFilters(env);
  if (voicemailExtensions(filters).length === 0)
    throw new Failure(
      `WEBHOOK_EVENT_FILTERS has no voicemail filter (${filters.join(', ')}): there is nothing to catch up on.`,
    );
  const missed = { eventFilters: filters, format: logFormat(env), transcripts, write: print, say };
  await withSession(ringCentralSettings(env), terminal, async (session) => {
    const logged = new Set<string>();
    const missing = await logMissed(session, since, missed, logged);
    const { day, time } = localTime(since);
    const without = missing > 0 ? `, ${missing} of them without the transcript` : '';
    say(`Logged ${plural(logged.size, 'voicemail')} since ${day} ${time.slice(0, 5)}${without}`);
  });
});

/** A time from the command line: how long ago, or an ISO 8601 date or time. Throws a UsageError. */
function readTime(given: string, now: number): Date {
  const [, date = '', time = 'T00:00'] = ISO_TIME.exec(given) ?? [];
  const when = new Date(date ? `${date}${time}` : now - readDuration(given));
  // JavaScript takes 30 February for 2 March.
  const exists = date === '' || new Date(`${date}T00:00Z`).getUTCDate() === Number(date.slice(8));
  if (Number.isNaN(when.getTime()) || !exists)
    throw new UsageError(`--since takes 90m, 24h, 7d, a date or a time, not ${JSON.stringify(given)}`);
  if (when.getTime() >= now) throw new UsageError(`--since ${given} is not in the past`);
  return when;
}
