import { runProgram, UsageError } from '../src/program.js';
import { Failure, messageOf } from '../src/errors.js';
import { recordingFolder } from '../src/keep/attachments.js';
import { eventText } from '../src/log/event-text.js';
import { perMinute, readDuration } from '../src/pace.js';
import { isRefused } from '../src/ringcentral/errors.js';
import { findWatched } from '../src/ringcentral/extensions.js';
import { byTime, eventOf, listVoicemails, readTranscript, transcription } from '../src/ringcentral/message-store.js';
import { createSession, withSession } from '../src/ringcentral/session.js';
import { logFormat, readEnvironment, ringCentralSettings, watchSettings } from '../src/settings.js';
import { plural, shownTime } from '../src/show.js';

const help = `Logs the voicemails that came while nobody listened, oldest first, as the receiver logs them.

  --since TIME         since when: 90m, 24h, 7d (ago), 2026-11-24, 2026-11-24T08:00, 2026-11-24T08:00:00Z. Default: 24h
  --transcripts        show the text of each voicemail that RingCentral has transcribed
  --recordings FOLDER  save each voicemail's recording as a file there
  --help               show this

A time without a zone is local.`;

const TEXT = { type: 'string' } as const;
const options = { since: { ...TEXT, default: '24h' }, transcripts: { type: 'boolean' }, recordings: TEXT } as const;
const program = { command: 'npm run catch-up', help, options, kind: 'script' } as const;

void runProgram(program, async ({ values }, terminal) => {
  if (Number.isNaN(readTime(values.since, 0)))
    throw new UsageError(`--since takes 90m, 24h, 7d, a date or a time, not ${JSON.stringify(values.since)}`);
  const env = readEnvironment();
  const output = { ...terminal, format: logFormat(env) };
  const wanted = watchSettings(env);
  const recordings = values.recordings === undefined ? undefined : recordingFolder(values.recordings, output);
  const { say, write, progress } = terminal;
  await withSession(createSession(ringCentralSettings(env), { say }), async (session) => {
    const now = session.now();
    const since = readTime(values.since, now);
    if (since >= now) throw new UsageError(`--since ${values.since} is not in the past`);
    const { eventFilters, mailboxes, problems } = await findWatched(session, wanted);
    if (problems.length > 0) throw new Failure(problems.join('\n'));
    if (mailboxes.length === 0)
      throw new Failure(`WEBHOOK_EVENT_FILTERS has no voicemail filter (${eventFilters.join()}): nothing to log.`);
    // Under the limit of their rate group.
    const turn = perMinute(20);
    const due = [];
    let refusedMailboxes = 0;
    for (const [i, { id: extension, label }] of mailboxes.entries()) {
      const nextPage = (page: number) => {
        const more = page > 1 ? `, page ${page}` : '';
        progress(`Mailbox ${i + 1} of ${mailboxes.length}${more}`);
        return turn();
      };
      const items = await listVoicemails(session, extension, since, nextPage).catch((error: unknown) => {
        if (!isRefused(error)) throw error;
        say(`${label}: ${error.message}`, 'error');
        refusedMailboxes++;
        return [];
      });
      for (const message of items) due.push({ extension, message });
    }
    due.sort((one, other) => byTime(one.message, other.message));
    let logged = 0;
    let textless = 0;
    let isDown = false;
    const withoutText = (error: unknown): undefined => {
      say(messageOf(error), 'error');
      isDown = !isRefused(error);
    };
    try {
      for (const { extension, message } of due) {
        progress(`Voicemail ${logged + 1} of ${due.length}`);
        const hasText = values.transcripts && transcription(message) === 'done';
        // Once RingCentral is down, voicemails are still logged, and no more texts are asked for.
        const text = hasText && !isDown ? await readTranscript(session, message).catch(withoutText) : undefined;
        await write(eventText(eventOf(message, extension, text), output.format));
        logged++;
        if (hasText && text === undefined) textless++;
        recordings?.want(extension, message);
      }
    } finally {
      if (logged < due.length) say(`Stopped after ${logged} of ${plural(due.length, 'voicemail')}.`);
    }
    const without = textless > 0 ? `, ${textless} of them without the transcript` : '';
    say(`Logged ${plural(logged, 'voicemail')} since ${shownTime(new Date(since))}${without}`);
    const unsaved = (await recordings?.saveDue(session)) ?? [];
    for (const failure of unsaved) say(failure, 'error');
    if (refusedMailboxes > 0) throw new Failure(`Mailboxes not read: ${refusedMailboxes} of ${mailboxes.length}.`);
    if (unsaved.length > 0) throw new Failure(`Not saved: ${plural(unsaved.length, 'recording')}. Run this again.`);
  });
});

/** A time so long before `now`, or an ISO 8601 date or time, in milliseconds; NaN if it is neither. */
function readTime(given: string, now: number): number {
  const [day = '', time = '00:00'] = given.split('T');
  // JavaScript takes 30 February for 2 March.
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && new Date(day).toJSON()?.startsWith(day);
  return isDay ? Date.parse(`${day}T${time}`) : now - readDuration(given);
}
