import { once } from 'node:events';
import { join } from 'node:path';
import { CREDENTIALS, type Platform } from '../../scripts/fake/platform.js';
import { startTunnel } from '../../scripts/fake/tunnel.js';
import { keep } from '../../src/keep/keep.js';
import type { Ledger } from '../../src/keep/ledger.js';
import { eventLog, voicemailId, type WebhookEvent } from '../../src/log/event-log.js';
import { eventText } from '../../src/log/event-text.js';
import type { WriteLine } from '../../src/log/write-line.js';
import type { Environment } from '../../src/settings.js';
import { fieldsOf } from '../../src/unknown.js';
import { Said } from './app.js';
import { closeAll, startPlatform } from './in-process.js';
import { temporaryFolder } from './temporary.js';

const enders: (() => Promise<unknown>)[] = [];

/** Ends what was started here, and then what closeAll() closes: for afterEach. */
export async function endKeeps(): Promise<void> {
  await Promise.all(enders.splice(0).map((end) => end()));
  await closeAll();
}

/** The path of a ledger that is not there yet. */
export function ledgerFile(): string {
  return join(temporaryFolder(), '.keep.jsonl');
}

/** The ids of the messages in lines of JSON, as text. */
export function idsIn(lines: string[]): string[] {
  return lines.map((line) => String(fieldsOf(fieldsOf(JSON.parse(line))['body'])['id']));
}

/** The log as keep has it: each voicemail once, by its id. `write` can be replaced. */
export function keepLog(ledger: Ledger) {
  const stdout = new Said();
  const out = { stdout, write: ((line) => Promise.resolve(stdout.say(line))) as WriteLine };
  const writeEvent = async (event: WebhookEvent) => {
    await out.write(eventText(event, 'json'));
    const id = voicemailId(event);
    if (id !== undefined) ledger.remember(id);
  };
  const keyOf = (event: WebhookEvent) => voicemailId(event) ?? event.uuid;
  return Object.assign(out, eventLog(writeEvent, keyOf, ledger.logged.keys()));
}

/** Resolves once so many more requests with this method and path have come: all but the last are answered then. */
export function requested(platform: Platform, method: string, path: RegExp, count = 1): Promise<void> {
  return new Promise((resolve) => {
    const { onRequest } = platform;
    platform.onRequest = (request) => {
      onRequest(request);
      if (request.method === method && path.test(request.path) && --count === 0) resolve();
    };
  });
}

/** Resolves once so many lines were logged. */
export async function logged(stdout: Said, count: number): Promise<void> {
  while (stdout.lines.length < count) await once(stdout, 'line');
}

/** A platform, a tunnel from it to the keep that was started last, and a ledger file. */
export async function startWorld() {
  const platform = await startPlatform();
  const here: { url: string | undefined } = { url: undefined };
  const tunnel = await startTunnel(() => here.url);
  enders.push(() => tunnel.close());
  return { platform, tunnel, here, file: ledgerFile() };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Starts a keep in this process; `folder` is for recordings. */
export async function startKeep(
  { platform, tunnel, here, file }: World,
  { env = {}, everyMs = 100, folder }: { env?: Environment; everyMs?: number; folder?: string } = {},
) {
  const end = new AbortController();
  const [said, stdout] = [new Said(), new Said()];
  const where = { RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: tunnel.url, HOST: '127.0.0.1', PORT: '0' };
  const write: WriteLine = (line) => Promise.resolve(stdout.say(line));
  const kept = keep(
    { ...CREDENTIALS, ...where, KEEP_FILE: file, LOG_FORMAT: 'json', ...env },
    { everyMs, folder },
    { say: said.say, write, progress: () => {}, signal: end.signal },
  );
  const stop = () => {
    end.abort();
    return kept;
  };
  enders.push(stop);
  const listening = await said.match(/^Listening on /);
  const url = /http:[^ ]+(?=\/webhook)/.exec(listening)?.[0] ?? '';
  here.url = url;
  return { said, stdout, url, stop };
}
