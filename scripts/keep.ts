import { runProgram, UsageError } from '../src/program.js';
import { keep } from '../src/keep/keep.js';
import { DAY_MS, readDuration, SECOND_MS } from '../src/pace.js';
import { readEnvironment } from '../src/settings.js';

const help = `Receives as \`npm start\` does, registers as \`npm run register\` does, and compares RingCentral's message store
with what it logged: each voicemail is logged once, whatever happened meanwhile. It runs until you stop it (Ctrl-C).

  --every TIME         how often to check the way from RingCentral to here: 30s, 5m, 2h; from 1s to 24h. Default: 5m
  --address URL        the receiver's public address, instead of WEBHOOK_ADDRESS or a tunnel's
  --recordings FOLDER  save each voicemail's recording as a file there
  --help               show this`;

const TEXT = { type: 'string' } as const;
const options = { every: { ...TEXT, default: '5m' }, address: TEXT, recordings: TEXT };
const program = { command: 'npm run keep', help, options, kind: 'service' } as const;

void runProgram(program, async ({ values: { every, address, recordings: folder } }, terminal) => {
  const everyMs = readDuration(every);
  if (!(everyMs >= SECOND_MS && everyMs <= DAY_MS))
    throw new UsageError(`--every takes 30s, 5m or 2h, from 1s to 24h, not ${JSON.stringify(every)}`);
  await keep(readEnvironment(), { everyMs, address, folder }, terminal);
});
