import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { voicemailExtension } from '../contract.js';
import { eventLog, voicemailId, type WebhookEvent } from '../log/event-log.js';
import { eventText } from '../log/event-text.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../pace.js';
import type { Terminal } from '../program.js';
import { startReceiver } from '../receiver/listen.js';
import { NoTunnel } from '../registration/tunnels.js';
import { isRefused, isTemporary, retryAfterMs } from '../ringcentral/errors.js';
import { findWatched, type Watched } from '../ringcentral/extensions.js';
import { createSession } from '../ringcentral/session.js';
import { addressSettings, receiverSettings, ringCentralSettings, watchSettings } from '../settings.js';
import type { Environment, WatchSettings } from '../settings.js';
import { fieldsOf } from '../unknown.js';
import { awaitedFrom, recordingFolder, transcriptCheck } from './attachments.js';
import { compare, type Parts } from './compare.js';
import { openLedger } from './ledger.js';
import { problemLog } from './problems.js';
import { openRoad, type Road } from './road.js';

/** How often each transcript is asked for, and how soon a recording, if `everyMs` is not shorter. */
const TRANSCRIPTS_EVERY_MS = 15 * SECOND_MS;
const RECORDINGS_EVERY_MS = 2 * SECOND_MS;
/** How soon the address is checked again: without a tunnel, and the first time that it does not lead here. */
const NO_TUNNEL_MS = 5 * SECOND_MS;
const NOT_HERE_MS = 30 * SECOND_MS;
/** How many mailboxes are listed in a minute at most, and so in one comparison. */
const LISTS_PER_MINUTE = 20;

/** How often the way from RingCentral to here is checked, the address on the command line, the folder for recordings. */
type KeepOptions = { everyMs: number; address?: string | undefined; folder?: string | undefined };

/** Receives, registers and compares until the signal. What fails is tried again. Throws a Failure if it cannot start. */
export async function keep(env: Environment, options: KeepOptions, { say, write, signal }: Terminal): Promise<void> {
  const { everyMs, address, folder } = options;
  const settings = ringCentralSettings(env);
  const { port, host, logFormat: format, keepFile } = receiverSettings(env);
  const where = addressSettings(env, address);
  const wanted = watchSettings(env);
  if ('eventFilters' in wanted && !wanted.eventFilters.some(voicemailExtension))
    say('WEBHOOK_EVENT_FILTERS has no voicemail filter, so keep cannot compare.', 'warning');
  const output = { write, format, signal, progress: () => {} };
  const recordings = folder === undefined ? undefined : recordingFolder(folder, output);
  const ledger = openLedger(keepFile);
  const checkTranscripts = transcriptCheck(ledger, output);
  const writeEvent = async (event: WebhookEvent) => {
    await write(eventText(event, format));
    const id = voicemailId(event);
    if (id === undefined) return;
    ledger.remember(id, awaitedFrom(event));
    recordings?.want(voicemailExtension(event.event) ?? '', fieldsOf(event.body));
  };
  const { log, has } = eventLog(writeEvent, (event) => voicemailId(event) ?? event.uuid, ledger.logged.keys());
  const ownChecks = new Set<string>();
  const { verificationToken } = settings;
  const receiver = await startReceiver({ port, host, log, verificationToken, say, ownChecks });
  say(`Listening on ${receiver.url}/webhook`);
  const session = createSession(settings, { say: () => {}, signal });
  const problems = problemLog(say, signal);
  const parts = { session, ledger, log, has, recordings, problems, everyMs, say, signal };
  const road = openRoad({ ...parts, addressSettings: { ...where, port: receiver.port }, verificationToken, ownChecks });
  try {
    const follow = (about: string, pauseMs: number, step: () => Promise<string[]>) =>
      problems.repeat(about, Math.min(everyMs, pauseMs), step);
    await Promise.race([
      once(signal, 'abort'),
      loop(wanted, road, parts),
      follow('the transcripts', TRANSCRIPTS_EVERY_MS, () => checkTranscripts(session)),
      ...(recordings ? [follow('the recordings', RECORDINGS_EVERY_MS, () => recordings.saveDue(session))] : []),
    ]);
  } catch (error) {
    // Whatever waits then rejects.
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all([receiver.stop(), session.logOut()]);
  }
}

/** Checks the road every `everyMs`, and compares every minute. If something was missing, the road is checked earlier. */
async function loop(wanted: WatchSettings, road: Road, parts: Parts): Promise<never> {
  const { session, ledger, problems, everyMs, signal } = parts;
  let watched: Watched | undefined;
  /** RingCentral's time at the login, until the mailboxes are known. */
  let met: number | undefined;
  let notHereMs = NOT_HERE_MS / 2;
  let roadCheckedAt = 0;
  /** How many mailboxes could be compared since the last failure. */
  let compared = 0;

  /** Logs in, and looks up the mailboxes. Like the other steps, it resolves to the pause until the next time. */
  const findMailboxes = async () => {
    const failure = await problems.attempt('the extensions', async () => {
      await session.logIn();
      met ??= session.now();
      const found = await findWatched(session, wanted);
      for (const { id } of found.mailboxes) ledger.meet(id, met);
      await road.readEvidence(found.mailboxes).catch((error: unknown) => {
        // Then the registration is refused, too, and says so.
        if (!isRefused(error)) throw error;
      });
      watched = found;
      met = undefined;
      steps.road.at = steps.comparison.at = 0;
      return found.problems;
    });
    if (failure && !isTemporary(failure))
      problems.set('the extensions', `${failure.message}\nThen restart keep: by itself, it tries again in an hour.`);
    if (isTemporary(failure)) return Math.max(Math.min(everyMs, MINUTE_MS), retryAfterMs(failure));
    return failure ? HOUR_MS : DAY_MS;
  };

  const checkRoad = async () => {
    roadCheckedAt = performance.now();
    let address = '';
    const notHere = await problems.attempt('the public address', async () => {
      address = await road.proveAddress();
    });
    if (notHere instanceof NoTunnel) return Math.min(everyMs, NO_TUNNEL_MS);
    // Each pause is twice as long, because tunnels limit the requests.
    notHereMs = notHere ? notHereMs * 2 : NOT_HERE_MS / 2;
    if (notHere) return Math.min(everyMs, notHereMs);
    const current = watched;
    if (!current || current.eventFilters.length === 0) return everyMs;
    const failure = await problems.attempt('the subscription', () => road.checkSubscription(address, current));
    return Math.max(everyMs, retryAfterMs(failure));
  };

  const compareNext = async () => {
    const all = watched?.mailboxes ?? [];
    const next = all.splice(0, LISTS_PER_MINUTE);
    all.push(...next);
    const { missing, failure } = await compare(next, parts);
    compared = failure ? 0 : compared + next.length;
    // They take turns: one that fails may not be among these.
    if (failure || compared >= all.length) problems.set('the comparison', failure?.message);
    if (missing > 0) steps.road.at = Math.min(steps.road.at, roadCheckedAt + MINUTE_MS);
    // Several mailboxes share the lists of a minute; a single one may be listed more often.
    const shareMs = all.length > 1 ? (MINUTE_MS / LISTS_PER_MINUTE) * next.length : 0;
    return Math.max(Math.min(everyMs, MINUTE_MS), shareMs, retryAfterMs(failure));
  };

  /** `at` is when a step is due, by performance.now(). */
  const steps = {
    mailboxes: { run: findMailboxes, at: 0 },
    road: { run: checkRoad, at: 0 },
    comparison: { run: compareNext, at: 0 },
  };
  for (;;) {
    for (const step of Object.values(steps)) {
      if (step.at > performance.now()) continue;
      const pauseMs = await step.run();
      step.at = performance.now() + pauseMs;
    }
    problems.set('the ledger', ledger.problem());
    const nextMs = Math.min(...Object.values(steps).map(({ at }) => at)) - performance.now();
    await sleep(Math.max(nextMs, 0), undefined, { signal });
  }
}
