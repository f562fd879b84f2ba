import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { createApp } from './app.js';
import { EventLog } from './event-log.js';
import { Failure } from './failure.js';
import { LineWriter } from './line-writer.js';
import { safeText, traceLine } from './safe-text.js';
import { readEnvironment, receiverSettings, type ReceiverSettings } from './settings.js';

/** How long a request may take to arrive, in milliseconds: a slow sender holds a connection no longer. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection is kept between requests: longer than load balancers keep theirs (60 s). */
const KEEP_ALIVE_MS = 65_000;
/** After a signal: how long connections between requests, and then all others, are kept, in milliseconds. */
const IDLE_GRACE_MS = 1000;
const STOP_MS = 4000;
/** How long the last lines may take, in milliseconds. */
const FLUSH_MS = 500;

const stdout = new LineWriter(1, (error) => {
  if (stopping) return;
  say(`stdout cannot be written any more (${error.message}): stopping, so that no event is lost unseen`);
  stop(1);
});
const stderr = new LineWriter(2);

/** Tells a person something, in one line, whatever text from outside is in it. */
function say(line: string): void {
  stderr.write(safeText(line));
}

const server = createServer({
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: KEEP_ALIVE_MS,
});
let stopping = false;

function start(settings: ReceiverSettings): void {
  const { logFormat = isatty(1) ? 'pretty' : 'json', verificationToken, corsOrigin } = settings;
  const app = createApp({ eventLog: new EventLog(stdout, logFormat), verificationToken, corsOrigin, say });
  server.on('request', (_req, res) => {
    if (stopping) res.setHeader('Connection', 'close');
  });
  server.on('request', app);
  server.on('error', (error: NodeJS.ErrnoException) => {
    say(whyNotListening(error, settings));
    void exit(1);
  });
  server.listen(settings.port, settings.host, () => greet(settings));
}

function greet({ verificationToken, webhookAddress }: ReceiverSettings): void {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  say(`Listening on http://localhost:${port}/webhook`);
  if (verificationToken === undefined)
    say(
      'Anyone who knows the address can send events: neither WEBHOOK_VERIFICATION_TOKEN nor RINGCENTRAL_CLIENT_SECRET is set.',
    );
  if (webhookAddress === undefined)
    say(`Next: \`ngrok http ${port}\` in a second terminal, then \`npm run register\` in a third.`);
}

function whyNotListening(error: NodeJS.ErrnoException, { port, host }: ReceiverSettings): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `PORT ${port} is in use: end the program that has it, or set PORT to another one`;
    case 'EACCES':
      return `PORT ${port} is not allowed to you: set PORT to 1024 or above`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST ${host} is not an address of this machine: leave HOST out to listen on all of them`;
    default:
      return `Cannot listen on HOST ${host ?? '(all)'}, PORT ${port}: ${error.message}`;
  }
}

/** Takes no new connections, lets requests under way finish, and exits. */
function stop(status: number): void {
  if (stopping) return;
  stopping = true;
  // close() of an HTTP server also destroys each connection between two requests, under load with one on its way.
  // Those here get an answer with "Connection: close", and only what then still sits idle is closed.
  NetServer.prototype.close.call(server, () => void exit(status));
  setTimeout(() => server.closeIdleConnections(), IDLE_GRACE_MS);
  setTimeout(() => server.closeAllConnections(), STOP_MS);
}

async function exit(status: number): Promise<never> {
  for (let waited = 0; (stdout.busy || stderr.busy) && waited < FLUSH_MS; waited += 10) await sleep(10);
  // exit() waits for the thread pool, and so for ever for a write that nobody reads.
  if (stdout.writing || stderr.writing) process.kill(process.pid, 'SIGKILL');
  process.exit(status);
}

process.on('uncaughtException', (error) => {
  say(`Unforeseen error, ending: ${traceLine(error)}`);
  void exit(1);
});
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
for (const signal of SIGNALS) {
  process.on(signal, () => {
    // A second signal does what it does by default: it ends the program at once.
    for (const each of SIGNALS) process.removeAllListeners(each);
    say(`Stopping on ${signal}`);
    stop(0);
  });
}
try {
  start(receiverSettings(readEnvironment()));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
  void exit(1);
}
