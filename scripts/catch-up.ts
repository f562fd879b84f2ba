import { failOnArguments, readDuration, runProgram, UsageError, type Terminal } from '../src/program.js';
import { Failure } from '../src/errors.js';
import { Recordings } from '../src/keep/attachments.js';
import { eventText } from '../src/log/event-text.js';
import { perMinute } from '../src/pace.js';
import { isRefused, isTemporary } from '../src/ringcentral/errors.js';
import { findWatched, type Mailbox } from '../src/ringcentral/extensions.js';
import {
  byTime,
  eventOf,
  listVoicemails,
  readTranscript,
  transcription,
  type Message,
} from '../src/ringcentral/message-store.js';
import { withSession, type Session } from '../src/ringcentral/session.js';
import { logFormat, readEnvironment, ringCentralSettings, watchSettings } from '../src/settings.js';
import { localTime, plural } from '../src/show.js';

const HELP = `Usage: npm run catch-up [-- OPTIONS]

Logs the voicemails that came while nobody listened, oldest first, as the receiver logs them.

  --since TIME         since when: 90m, 24h, 7d (ago), 2026-11-24, 2026-11-24T08:00, 2026-11-24T08:00:00Z. Default: 24h
  --transcripts        show the text of each voicemail that RingCentral has transcribed
  --recordings FOLDER  save each voicemail's recording as a file there
  --help               show this

A time without a zone is local.`;

const OPTIONS = {
  transcripts: { type: 'boolean', default: false },
  since: { type: 'string', default: '24h' },
  recordings: { type: 'string' },
  help: { type: 'boolean' },
} as const;

const ISO_TIME = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;
/** Lists of messages a minute: under the limit of their rate group. */
const LISTS_PER_MINUTE = 20;

void runProgram(
  { command: 'npm run catch-up', help: HELP, options: OPTIONS, kind: 'script' },
  async ({ values: { since: given, transcripts, recordings: folder }, positionals }, terminal) => {
    failOnArguments(positionals);
    const sinceAt = readTime(given);
    const env = readEnvironment();
    const format = logFormat(env);
    const wanted = watchSettings(env);
    const settings = ringCentralSettings(env);
    const recordings = folder === undefined ? undefined : new Recordings(folder, { ...terminal, format });
    const { say, write, progress } = terminal;
    await withSession(settings, { say }, async (session) => {
      const since = sinceAt(session.now());
      const { eventFilters, mailboxes, problems } = await findWatched(session, wanted);
      if (problems.length > 0) throw new Failure(problems.join('\n'));
      if (mailboxes.length === 0)
        throw new Failure(
          `WEBHOOK_EVENT_FILTERS has no voicemail filter (${eventFilters.join(', ')}): there is nothing to catch up on.`,
        );
      const { due, unread } = await listMailboxes(session, mailboxes, since, terminal);
      let [logged, textless, isDown] = [0, 0, false];
      // A voicemail is logged even if its transcript cannot be read. Once RingCentral is down, no more are asked for.
      const readText = async (message: Message): Promise<string | undefined> => {
        if (!transcripts || transcription(message) !== 'done') return undefined;
        try {
          if (!isDown) return await readTranscript(session, message);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          isDown = isTemporary(error);
          say(error.message, 'error');
        }
        textless++;
        return undefined;
      };
      for (const { mailbox, message } of due) {
        progress(`Voicemail ${logged + 1} of ${due.length}`);
        const event = eventOf(message, mailbox.id, await readText(message));
        await write(eventText(event, format)).catch((error: unknown) => {
          say(`Stopped after ${logged} of ${plural(due.length, 'voicemail')}.`);
          throw error;
        });
        logged++;
        recordings?.numbers.set(mailbox.id, mailbox.number);
        recordings?.want(mailbox.id, message);
      }
      const { day, time } = localTime(new Date(since));
      const without = textless > 0 ? `, ${textless} of them without the transcript` : '';
      say(`Logged ${plural(logged, 'voicemail')} since ${day} ${time.slice(0, 5)}${without}`);
      const unsaved = (await recordings?.saveDue(session)) ?? [];
      for (const failure of unsaved) say(failure, 'error');
      if (unread > 0) throw new Failure(`Not read: ${unread} of ${plural(mailboxes.length, 'mailbox')}.`);
      if (unsaved.length > 0) throw new Failure(`Not saved: ${plural(unsaved.length, 'recording')}. Run this again.`);
    });
  },
);

/** The voicemails of all mailboxes since a time, oldest first; says which mailboxes are refused, and counts them. */
async function listMailboxes(session: Session, mailboxes: Mailbox[], since: number, { say, progress }: Terminal) {
  const turn = perMinute(LISTS_PER_MINUTE);
  const due: { mailbox: Mailbox; message: Message }[] = [];
  let unread = 0;
  for (const [i, mailbox] of mailboxes.entries()) {
    try {
      const { items } = await listVoicemails(session, mailbox.id, since, (page) => {
        progress(`Mailbox ${i + 1} of ${mailboxes.length}${page > 1 ? `, page ${page}` : ''}`);
        return turn();
      });
      for (const message of items) due.push({ mailbox, message });
    } catch (error) {
      if (!isRefused(error)) throw error;
      say(`${mailbox.label}: ${error.message}`, 'error');
      unread++;
    }
  }
  return { due: due.sort((one, other) => byTime(one.message, other.message)), unread };
}

/**
 * Reads a time from the command line: how long ago, or an ISO 8601 date or time. Returns a function of RingCentral's now.
 * Throws a UsageError.
 */
function readTime(given: string): (now: number) => number {
  const [, date = '', time = 'T00:00'] = ISO_TIME.exec(given) ?? [];
  const when = Date.parse(`${date}${time}`);
  // JavaScript takes 30 February for 2 March.
  const exists = date !== '' && new Date(`${date}T00:00Z`).getUTCDate() === Number(date.slice(8));
  const ago = readDuration(given);
  if (Number.isNaN(exists ? when : ago))
    throw new UsageError(`--since takes 90m, 24h, 7d, a date or a time, not ${JSON.stringify(given)}`);
  return (now) => {
    if (exists ? when >= now : ago === 0) throw new UsageError(`--since ${given} is not in the past`);
    return exists ? when : now - ago;
  };
}
