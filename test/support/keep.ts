import { once } from 'node:events';
import { join } from 'node:path';
import { CREDENTIALS, type Platform } from '../../scripts/fake/platform.js';
import { startTunnel } from '../../scripts/fake/tunnel.js';
import { keep } from '../../src/keep/keep.js';
import { Ledger } from '../../src/keep/ledger.js';
import { Recordings } from '../../src/keep/recordings.js';
import { Transcripts } from '../../src/keep/transcripts.js';
import { eventLog, voicemailId, type WebhookEvent } from '../../src/log/event-log.js';
import { eventText } from '../../src/log/event-text.js';
import type { WriteLine } from '../../src/log/write-line.js';
import { startReceiver } from '../../src/receiver/listen.js';
import { voicemailExtension } from '../../src/ringcentral/event-filters.js';
import { Session } from '../../src/ringcentral/session.js';
import { addressSettings, ringCentralSettings, watched, type Environment } from '../../src/settings.js';
import { fieldsOf } from '../../src/unknown.js';
import { Said } from './app.js';
import { startPlatform, TOKEN } from './in-process.js';
import { temporaryFolder } from './temporary.js';

const enders = new Set<() => Promise<unknown>>();

/** Ends what startKeep() and publicTunnel() started: for afterEach, before the platform closes. */
export async function endKeeps(): Promise<void> {
  await Promise.all([...enders].map((end) => end()));
  enders.clear();
}

/** A session at the platform, and what it said. */
export async function session(platform: Platform): Promise<Session> {
  const settings = ringCentralSettings({ ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url });
  const made = new Session(settings, { say: () => {}, pauseMs: 1 });
  await made.logIn();
  return made;
}

/** The path of a ledger that is not there yet. */
export function ledgerFile(): string {
  return join(temporaryFolder(), '.keep.jsonl');
}

/** The ids of the messages in lines of JSON, as text. */
export function idsIn(lines: string[]): string[] {
  return lines.map((line) => String(fieldsOf(fieldsOf(JSON.parse(line) as unknown)['body'])['id']));
}

/** The log as keep has it: each voicemail once, by its id. `write` can be replaced. */
export function keepLog(ledger: Ledger, onLogged: (event: WebhookEvent, id: string) => string | undefined = () => '') {
  const stdout = new Said();
  const out = { stdout, write: ((line) => Promise.resolve(stdout.say(line))) as WriteLine };
  const made = eventLog({
    write: (line) => out.write(line),
    show: (event) => eventText(event, 'json'),
    keyOf: (event) => voicemailId(event) ?? event.uuid,
    known: ledger.logged.keys(),
    onLogged: (event) => {
      const id = voicemailId(event);
      if (id !== undefined) ledger.remember(id, onLogged(event, id) || undefined);
    },
  });
  return Object.assign(out, made);
}

/** Resolves once as many more requests with this method and path have come as given: all but the last are served then. */
export function requested(platform: Platform, method: string, path: RegExp, count = 1): Promise<void> {
  return new Promise((resolve) => {
    const { onRequest } = platform;
    let left = count;
    platform.onRequest = (request) => {
      onRequest(request);
      if (request.method === method && path.test(request.path) && --left === 0) resolve();
    };
  });
}

/** Resolves once what was said, or logged, is as a test wants it. */
export async function until(said: Said, isSo: (lines: string[]) => boolean): Promise<void> {
  while (!isSo(said.lines)) await once(said, 'line');
}

/** A platform, a tunnel from it to the keep that was started last, and a ledger file. */
export async function startWorld() {
  const platform = await startPlatform();
  const here: { url: string | undefined } = { url: undefined };
  const tunnel = await startTunnel(() => here.url);
  enders.add(() => tunnel.close().catch(() => {}));
  return { platform, tunnel, here, file: ledgerFile() };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Starts what `npm run keep` is made of, in this process. */
export async function startKeep(world: World, { env = {}, everyMs = 100, folder }: KeepOptions = {}) {
  const end = new AbortController();
  const { signal } = end;
  const said = new Said();
  const { say } = said;
  const environment = {
    ...CREDENTIALS,
    RINGCENTRAL_SERVER: world.platform.url,
    WEBHOOK_ADDRESS: world.tunnel.url,
    ...env,
  };
  const ledger = new Ledger(world.file);
  const write: WriteLine = (line) => out.write(line);
  const recordings = folder === undefined ? undefined : new Recordings(folder, signal);
  const transcripts = new Transcripts({ ledger, format: 'json', write, signal });
  const out = keepLog(ledger, (event, id) => {
    recordings?.want(voicemailExtension(event.event) ?? '', fieldsOf(event.body));
    return transcripts.follow(event, id);
  });
  const ownChecks = new Set<string>();
  const { log, has } = out;
  const receiver = await startReceiver({ port: 0, host: '127.0.0.1', log, verificationToken: TOKEN, say, ownChecks });
  world.here.url = receiver.url;
  const kept = keep({
    say,
    write,
    progress: () => {},
    signal,
    everyMs,
    settings: ringCentralSettings(environment),
    addressSettings: { ...addressSettings(environment), port: receiver.port },
    wanted: watched(environment),
    format: 'json',
    ledger,
    log,
    has,
    ownChecks,
    transcripts,
    recordings,
  });
  const stop = async () => {
    end.abort();
    await Promise.all([kept, receiver.stop()]);
  };
  enders.add(stop);
  return { said, out, stdout: out.stdout, ledger, kept, stop };
}

interface KeepOptions {
  env?: Environment;
  everyMs?: number;
  /** For the recordings. */
  folder?: string;
}
