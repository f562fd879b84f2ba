import { once } from 'node:events';
import { eventLog, voicemailId } from '../log/event-log.js';
import { eventText } from '../log/event-text.js';
import { SECOND_MS } from '../pace.js';
import type { Terminal } from '../program.js';
import { startReceiver } from '../receiver/listen.js';
import { voicemailExtension } from '../ringcentral/event-filters.js';
import { Session } from '../ringcentral/session.js';
import { addressSettings, keepFile, receiverSettings, ringCentralSettings, watchSettings } from '../settings.js';
import type { Environment } from '../settings.js';
import { fieldsOf } from '../unknown.js';
import { Recordings, Transcripts } from './attachments.js';
import { Ledger } from './ledger.js';
import { Loop } from './loop.js';
import { problemLog } from './problems.js';
import { Road } from './road.js';

/** How often each transcript is asked for, and how soon a recording, if `everyMs` is not shorter. */
const TRANSCRIPTS_EVERY_MS = 15 * SECOND_MS;
const RECORDINGS_EVERY_MS = 2 * SECOND_MS;

/**
 * Receives, registers and compares until the signal is aborted. What fails is said once, and tried again. `everyMs` is
 * how often the way from RingCentral to here is checked, `address` the one on the command line, `folder` for recordings.
 * Throws a Failure if a setting is wrong, or if it cannot listen.
 */
export async function keep(
  env: Environment,
  { everyMs, address, folder }: { everyMs: number; address?: string | undefined; folder?: string | undefined },
  { say, write, signal }: Terminal,
): Promise<void> {
  const settings = ringCentralSettings(env);
  const { port, host, logFormat: format, verificationToken } = receiverSettings(env);
  const where = addressSettings(env, address);
  const wanted = watchSettings(env);
  if ('eventFilters' in wanted && !wanted.eventFilters.some(voicemailExtension))
    say(
      `WEBHOOK_EVENT_FILTERS has no voicemail filter (${wanted.eventFilters.join(', ')}): keep cannot compare, and does not see what was missed.`,
      'warning',
    );
  const output = { write, format, signal, progress: () => {} };
  const recordings = folder === undefined ? undefined : new Recordings(folder, output);
  const ledger = new Ledger(keepFile(env));
  const transcripts = new Transcripts(ledger, output);
  const { log, has } = eventLog({
    write,
    show: (event) => eventText(event, format),
    keyOf: (event) => voicemailId(event) ?? event.uuid,
    known: ledger.logged.keys(),
    onLogged: (event) => {
      const id = voicemailId(event);
      if (id === undefined) return;
      ledger.remember(id, transcripts.follow(event, id));
      recordings?.want(voicemailExtension(event.event) ?? '', fieldsOf(event.body));
    },
  });
  const ownChecks = new Set<string>();
  const receiver = await startReceiver({ port, host, log, verificationToken, say, ownChecks });
  say(`Listening on ${receiver.url}/webhook`);
  const session = new Session(settings, { say: () => {}, signal });
  const problems = problemLog(say, signal);
  const shared = { session, ledger, say, signal };
  const here = { addressSettings: { ...where, port: receiver.port }, ownChecks };
  const road = new Road({ ...shared, ...here, verificationToken: settings.verificationToken });
  const loop = new Loop(road, { ...shared, log, has, recordings, problems, everyMs });
  try {
    const transcriptsMs = Math.min(everyMs, TRANSCRIPTS_EVERY_MS);
    const recordingsMs = Math.min(everyMs, RECORDINGS_EVERY_MS);
    await Promise.race([
      once(signal, 'abort'),
      loop.run(wanted),
      problems.repeat('the transcripts', transcriptsMs, () => transcripts.check(session)),
      ...(recordings ? [problems.repeat('the recordings', recordingsMs, () => recordings.saveDue(session))] : []),
    ]);
  } catch (error) {
    // Whatever waits then rejects.
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all([receiver.stop(), session.logOut()]);
  }
}
