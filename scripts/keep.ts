import { runProgram, UsageError } from '../src/program.js';
import { keep } from '../src/keep/keep.js';
import { DAY_MS, readDuration, SECOND_MS } from '../src/pace.js';
import { readEnvironment } from '../src/settings.js';

const HELP = `Usage: npm run keep [-- OPTIONS]

Receives as \`npm start\` does, registers as \`npm run register\` does, and compares RingCentral's message store with what
it logged: each voicemail is logged once, whatever happened meanwhile. It runs until you stop it (Ctrl-C).

  --every TIME         how often to check the way from RingCentral to here: 30s, 5m, 2h; from 1s to 24h. Default: 5m
  --address URL        the receiver's public address, instead of WEBHOOK_ADDRESS or a tunnel's
  --recordings FOLDER  save each voicemail's recording as a file there
  --help               show this`;

const OPTIONS = {
  every: { type: 'string', default: '5m' },
  address: { type: 'string' },
  recordings: { type: 'string' },
  help: { type: 'boolean' },
} as const;

void runProgram(
  { command: 'npm run keep', help: HELP, options: OPTIONS, kind: 'service' },
  async ({ values: { every, address, recordings: folder }, positionals }, terminal) => {
    const everyMs = readDuration(every);
    if (!(everyMs >= SECOND_MS && everyMs <= DAY_MS))
      throw new UsageError(`--every takes 30s, 5m or 2h, from 1s to 24h, not ${JSON.stringify(every)}`);
    if (positionals.length > 0) terminal.say(`Ignored, not an option: ${positionals.join(' ')}`, 'warning');
    await keep(readEnvironment(), { everyMs, address, folder }, terminal);
  },
);
