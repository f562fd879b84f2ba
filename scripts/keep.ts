import { readDuration, runProgram, UsageError } from '../src/program.js';
import { once } from 'node:events';
import { keep } from '../src/keep/keep.js';
import { Ledger } from '../src/keep/ledger.js';
import { Recordings } from '../src/keep/recordings.js';
import { Transcripts } from '../src/keep/transcripts.js';
import { eventLog, voicemailId, type WebhookEvent } from '../src/log/event-log.js';
import { eventText } from '../src/log/event-text.js';
import { startReceiver } from '../src/receiver/listen.js';
import { voicemailExtension } from '../src/ringcentral/event-filters.js';
import {
  addressSettings,
  keepFile,
  readEnvironment,
  receiverSettings,
  ringCentralSettings,
  watched,
} from '../src/settings.js';
import { fieldsOf } from '../src/unknown.js';

const HELP = `Usage: npm run keep [-- OPTIONS]

Receives as \`npm start\` does, registers as \`npm run register\` does, and compares RingCentral's message store with what
it logged: each voicemail is logged once, whatever happened meanwhile. It runs until you stop it (Ctrl-C).

  --every TIME         how often to check the way from RingCentral to here: 30s, 5m, 2h; from 1s to 24h. Default: 5m
  --address URL        the receiver's public address, instead of WEBHOOK_ADDRESS or that of a tunnel
  --recordings FOLDER  save each voicemail's recording as a file there
  --help               show this`;

const OPTIONS = {
  every: { type: 'string', default: '5m' },
  address: { type: 'string' },
  recordings: { type: 'string' },
  help: { type: 'boolean' },
} as const;

const DAY_MS = 86_400_000;

void runProgram(
  { command: 'npm run keep', help: HELP, options: OPTIONS, kind: 'service' },
  async ({ values: { every, address, recordings: folder }, positionals }, terminal) => {
    const { say, write, signal } = terminal;
    const everyMs = readDuration(every);
    if (!(everyMs >= 1000 && everyMs <= DAY_MS))
      throw new UsageError(`--every takes 30s, 5m or 2h, from 1s to 24h, not ${JSON.stringify(every)}`);
    if (positionals.length > 0) say(`Not used, as it is no option: ${positionals.join(' ')}`, 'warning');
    const env = readEnvironment();
    const settings = ringCentralSettings(env);
    const { port, host, logFormat: format, verificationToken } = receiverSettings(env);
    const where = addressSettings(env, address);
    const wanted = watched(env);
    if ('eventFilters' in wanted && !wanted.eventFilters.some(voicemailExtension))
      say(
        `WEBHOOK_EVENT_FILTERS has no voicemail filter (${wanted.eventFilters.join(', ')}): nothing can be compared, and what is missed stays missed.`,
        'warning',
      );
    const recordings = folder === undefined ? undefined : new Recordings(folder, signal);
    const ledger = new Ledger(keepFile(env));
    const transcripts = new Transcripts({ ledger, format, write, signal });
    const onLogged = (event: WebhookEvent) => {
      const id = voicemailId(event);
      if (id === undefined) return;
      ledger.remember(id, transcripts.follow(event, id));
      recordings?.want(voicemailExtension(event.event) ?? '', fieldsOf(event.body));
    };
    const { log, has } = eventLog({
      write,
      show: (event) => eventText(event, format),
      keyOf: (event) => voicemailId(event) ?? event.uuid,
      known: ledger.logged.keys(),
      onLogged,
    });
    const ownChecks = new Set<string>();
    const receiver = await startReceiver({ port, host, log, verificationToken, say, ownChecks });
    say(`Listening on ${receiver.url}/webhook`);
    const kept = keep({
      ...terminal,
      everyMs,
      settings,
      addressSettings: { ...where, port: receiver.port },
      wanted,
      format,
      ledger,
      log,
      has,
      ownChecks,
      transcripts,
      recordings,
    });
    await Promise.all([kept, signal.aborted || once(signal, 'abort').then(() => receiver.stop())]);
  },
);
