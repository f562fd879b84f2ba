import { once } from 'node:events';
import { runProgram } from './program.js';
import { eventLog } from './log/event-log.js';
import { eventText } from './log/event-text.js';
import { startReceiver } from './receiver/listen.js';
import { readEnvironment, receiverSettings, whereToSet } from './settings.js';

const help = `Answers RingCentral on POST /webhook and logs its notifications: events to stdout, everything else to stderr.
It has no options. Settings come from .env or the environment: PORT, HOST, LOG_FORMAT (pretty, summary or json),
RINGCENTRAL_CLIENT_SECRET, WEBHOOK_VERIFICATION_TOKEN. .env.example explains them.`;

const program = { command: 'npm start', help, options: {}, kind: 'service' } as const;

void runProgram(program, async (_, { say, write, signal }) => {
  const { logFormat, verificationToken, hasAddress, ...where } = receiverSettings(readEnvironment());
  const { log } = eventLog((event) => write(eventText(event, logFormat)));
  const { port, url, stop } = await startReceiver({ ...where, log, verificationToken, say });
  say(`Listening on ${url}/webhook`);
  if (verificationToken === undefined) {
    const unset = 'neither RINGCENTRAL_CLIENT_SECRET nor WEBHOOK_VERIFICATION_TOKEN is set';
    say(`Anyone who knows the address can send events: ${unset}. ${whereToSet()}`, 'warning');
  }
  const tunnel = `\`ngrok http ${port}\` in a second terminal, then \`npm run register\` in a third`;
  say(`Next: ${hasAddress ? '`npm run register` in a second terminal' : tunnel} (safe to repeat).`);
  if (!signal.aborted) await once(signal, 'abort');
  await stop();
});
