import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { createApp } from './receiver/app.js';
import { eventLog } from './receiver/event-log.js';
import { eventText } from './receiver/event-text.js';
import { outputWriters } from './receiver/write-line.js';
import { missingEnvFile, readEnvironment, receiverSettings, type ReceiverSettings } from './settings.js';
import { codeOf, Failure, localTime, safeText, traceLine, usageProblem } from './text.js';

const USAGE = `Usage: npm start

Answers RingCentral on POST /webhook and logs its notifications: events to stdout, everything else to stderr.
It has no options. Settings come from .env or the environment: PORT, HOST, LOG_FORMAT (pretty, summary or json),
RINGCENTRAL_CLIENT_SECRET, WEBHOOK_VERIFICATION_TOKEN. .env.example explains them.`;

/** How long a request may take to arrive, in milliseconds: a slow sender holds a connection no longer. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection is kept between requests: longer than load balancers keep theirs (60 s). */
const KEEP_ALIVE_MS = 65_000;
/** After a signal: how long connections between requests, and then all others, are kept, in milliseconds. */
const IDLE_GRACE_MS = 1000;
const STOP_MS = 4000;
/** How long the last lines may take, in milliseconds. */
const FLUSH_MS = 500;

const { writeOut, writeErr } = outputWriters();
let lastLine: Promise<void> = Promise.resolve();

/** Tells a person something, in one line with the time before it, whatever text from outside is in it. */
function say(line: string, faint?: 'faint'): void {
  const text = `${localTime().time}  ${safeText(line)}`;
  lastLine = writeErr(faint ? styleText('dim', text, { stream: process.stderr }) : text).catch(() => {});
}

const server = createServer({
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: 1000,
  keepAliveTimeout: KEEP_ALIVE_MS,
});
let stopping = false;

function start(settings: ReceiverSettings): void {
  const { logFormat, verificationToken } = settings;
  const logEvent = eventLog(writeOut, (notification) => eventText(notification, logFormat));
  server.on('request', (_req, res) => {
    if (stopping) res.setHeader('Connection', 'close');
  });
  const app = createApp({ logEvent, verificationToken, say });
  server.on('request', app);
  // Node.js would answer an Expect header that it does not know by itself.
  server.on('checkExpectation', app);
  server.on('error', (error) => {
    say(whyNotListening(error, settings));
    void exit(1);
  });
  server.listen(settings.port, settings.host, () => greet(settings));
}

function greet({ host, verificationToken, hasAddress }: ReceiverSettings): void {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const name = host?.includes(':') ? `[${host}]` : (host ?? 'localhost');
  say(`Listening on http://${name}:${port}/webhook`);
  if (verificationToken === undefined) {
    const file = missingEnvFile();
    say(
      'Anyone who knows the address can send events: neither RINGCENTRAL_CLIENT_SECRET nor WEBHOOK_VERIFICATION_TOKEN is set' +
        (file ? `, and there is no ${file}.` : '.'),
    );
  }
  const tunnel = `\`ngrok http ${port}\` in a second terminal, then \`npm run register\` in a third`;
  say(`Next: ${hasAddress ? '`npm run register` in a second terminal' : tunnel} (safe to repeat).`);
}

function whyNotListening(error: Error, { port, host }: ReceiverSettings): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `PORT ${port} is in use: stop the program that uses it, perhaps an earlier receiver, or set PORT to another one`;
    case 'EACCES':
      return `PORT ${port} needs root: set PORT to 1024 or above`;
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

/** Exits once stderr has the last line, or soon after: a pipe that nobody reads may never take it. */
async function exit(status: number): Promise<never> {
  await Promise.race([lastLine, sleep(FLUSH_MS)]);
  process.exit(status);
}

process.stdout.on('error', (error) => {
  if (stopping) return;
  say(`stdout cannot be written any more (${error.message}): stopping, so that no event is lost unseen`);
  stop(1);
});
// Without stderr, the access log and the advice are lost, and nothing else.
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  say(`Unforeseen error, stopping: ${traceLine(error)}`);
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
// Node.js undoes nohup's ignoring of SIGHUP. It stays installed: a terminal that closes can hang up twice.
process.on('SIGHUP', () => {
  if (stopping || !(process.stdout.isTTY || process.stderr.isTTY)) return;
  say('Stopping on SIGHUP: the terminal was closed');
  stop(0);
});

try {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
  if (values.help) void writeOut(USAGE);
  else start(receiverSettings(readEnvironment()));
} catch (error) {
  const problem = usageProblem(error);
  if (problem) {
    for (const line of [problem, '', ...USAGE.split('\n')]) say(line);
    void exit(2);
  } else if (error instanceof Failure) {
    say(error.message);
    void exit(1);
  } else throw error;
}
