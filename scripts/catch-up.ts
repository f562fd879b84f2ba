import { parseArgs } from 'node:util';
import { eventText } from '../src/event-log.js';
import { Failure } from '../src/failure.js';
import { LineWriter } from '../src/line-writer.js';
import { listVoicemails, readTranscript, type Message } from '../src/ringcentral/message-store.js';
import { Session } from '../src/ringcentral/session.js';
import { safeText } from '../src/safe-text.js';
import { logFormat, ringCentralSettings, VOICEMAIL_EVENT } from '../src/settings.js';
import { run, UsageError, type Terminal } from './cli.js';

const USAGE = `Usage: npm run catch-up [-- OPTIONS]

Logs the voicemails that came while nobody listened, oldest first, as the receiver logs them.

  --since TIME    from when on: 90m, 24h, 7d (ago), 2026-11-24, 2026-11-24T08:00, 2026-11-24T08:00:00Z. Default: 24h
  --until TIME    until when. Default: now
  --transcripts   with the text of those that RingCentral has transcribed
  --help          show this

A time without a zone is local.`;

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const ISO_TIME = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

void run(USAGE, ['since', 'until', 'transcripts'], async (terminal) => {
  const { values } = parseArgs({
    options: {
      since: { type: 'string', default: '24h' },
      until: { type: 'string', default: '0m' },
      transcripts: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return terminal.print(`${USAGE}\n`);
  const now = Date.now();
  const [since, until] = [readTime('--since', values.since, now), readTime('--until', values.until, now)];
  if (since >= until) throw new UsageError(`--since ${values.since} is not before --until`);
  await catchUp(terminal, since, until, values.transcripts);
});

/** A point in time from the command line: how long ago, or an ISO 8601 date or time. */
function readTime(option: string, given: string, now: number): Date {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(given) ?? [];
  if (unit === 'm' || unit === 'h' || unit === 'd') return new Date(now - Number(count) * UNIT_MS[unit]);
  const [, date, time = 'T00:00'] = ISO_TIME.exec(given) ?? [];
  const when = new Date(`${date}${time}`);
  // JavaScript takes 30 February for 2 March.
  const exists = !Number.isNaN(when.getTime()) && new Date(`${date}T00:00Z`).toISOString().startsWith(date ?? '');
  if (!exists) throw new UsageError(`${option} takes 90m, 24h, 7d, a date or a time, not ${JSON.stringify(given)}`);
  return when;
}

async function catchUp({ readSettings, say }: Terminal, since: Date, until: Date, transcripts: boolean): Promise<void> {
  const env = readSettings();
  const format = logFormat(env) ?? (process.stdout.isTTY ? 'pretty' : 'json');
  const session = await Session.logIn(ringCentralSettings(env), say);
  const stdout = new LineWriter(1);
  let logged = 0;
  let found: number | undefined;
  try {
    const messages = await listVoicemails(session, since, until, showProgress);
    found = messages.length;
    for (const message of messages) {
      const transcript = transcripts ? await transcriptOf(session, message, say) : undefined;
      const json = JSON.stringify({ event: VOICEMAIL_EVENT, ...(transcript && { transcript }), body: message });
      const notification = { json, event: VOICEMAIL_EVENT, uuid: undefined, timestamp: undefined, body: message };
      await write(stdout, eventText(notification, format, transcript && wrap(transcript)));
      logged++;
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const far = found === undefined ? 'before anything was logged' : `after ${logged} of ${found} voicemails`;
    throw new Failure(`${error.message}\nStopped ${far}.`);
  }
  say(`Logged ${logged} ${logged === 1 ? 'voicemail' : 'voicemails'}, from ${local(since)} to ${local(until)}`);
}

function showProgress(page: number, pages: number | undefined): void {
  if (!process.stderr.isTTY) return;
  process.stderr.clearLine(0);
  process.stderr.write(page === pages || !pages ? '' : `Reading page ${page} of ${pages}\r`);
}

/** The transcript of a voicemail, where it has one. One that cannot be read costs only itself. */
async function transcriptOf(session: Session, message: Message, say: Terminal['say']): Promise<string | undefined> {
  try {
    return await readTranscript(session, message);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`Without the transcript of voicemail ${String(message['id'])}: ${error.message}`);
    return undefined;
  }
}

/** Text in lines that fit under a summary line. */
function wrap(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  const lines = words.match(/.{1,76}(?= |$)|[^ ]{76}/gu) ?? [];
  return lines.map((line) => `    ${safeText(line.trim())}`).join('\n');
}

function write(stdout: LineWriter, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(text, (error) => {
      if (error) reject(new Failure(`stdout cannot be written: ${error.message}`));
      else resolve();
    });
  });
}

function local(time: Date): string {
  return time.toLocaleString('sv').slice(0, 16);
}
