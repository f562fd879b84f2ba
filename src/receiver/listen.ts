import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { errorOf, Failure } from '../errors.js';
import { createApp } from './app.js';
import type { WebhookOptions } from './webhook.js';

/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection is kept between requests: longer than load balancers keep theirs (60 s). */
const KEEP_ALIVE_MS = 65_000;
/** How long stop() leaves idle connections, and then all others, open, in milliseconds. */
const IDLE_GRACE_MS = 1000;
const STOP_MS = 4000;

export interface ReceiverOptions extends WebhookOptions {
  /** 0 picks a free one. */
  port: number;
  /** The address of this machine to listen on; undefined for all. */
  host: string | undefined;
}

/**
 * Starts a receiver. Resolves to its port and where a program on this machine reaches it, without a slash at the end; stop()
 * takes no new connections, and resolves once the requests under way are answered, after 4 seconds at the latest. Throws a
 * Failure if it cannot listen.
 */
export async function startReceiver({ port, host, ...options }: ReceiverOptions) {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  const app = oneAtATime(createApp(options));
  let isStopping = false;
  server.on('request', (req, res) => {
    if (isStopping) res.setHeader('Connection', 'close');
    app(req, res);
  });
  // Otherwise Node.js itself answers an Expect header that it does not know.
  server.on('checkExpectation', app);
  try {
    await once(server.listen(port, host), 'listening');
  } catch (error) {
    throw new Failure(whyNotListening(error, port, host));
  }
  const address = server.address();
  const realPort = typeof address === 'object' && address !== null ? address.port : port;
  const name = host?.includes(':') ? `[${host}]` : (host ?? 'localhost');
  const stop = async () => {
    isStopping = true;
    // The HTTP server's close() also destroys idle connections, even if a request is on its way.
    // Here, each next answer has "Connection: close", and only connections that stay idle are closed.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    const timers = [
      setTimeout(() => server.closeIdleConnections(), IDLE_GRACE_MS),
      setTimeout(() => server.closeAllConnections(), STOP_MS),
    ];
    await closed.finally(() => timers.forEach(clearTimeout));
  };
  return { port: realPort, url: `http://${name}:${realPort}`, stop };
}

/**
 * Closes a connection whose next request comes before the last one was answered: Node.js would work through thousands of
 * them before it serves any other connection. RingCentral and proxies send one at a time.
 */
function oneAtATime(app: RequestListener): RequestListener {
  const answers = new WeakMap<Socket, ServerResponse>();
  return (req, res) => {
    const { socket } = req;
    const last = answers.get(socket);
    if (socket.destroyed || (last && !last.writableFinished)) return void socket.destroy();
    answers.set(socket, res);
    app(req, res);
  };
}

function whyNotListening(error: unknown, port: number, host: string | undefined): string {
  switch (errorOf(error).code) {
    case 'EADDRINUSE':
      return (
        `PORT ${port} is in use: stop the program that uses it, perhaps an earlier receiver, or set PORT to another one.\n` +
        '`npm run keep` receives by itself: stop `npm start`.'
      );
    case 'EACCES':
      return `PORT ${port} needs root: set PORT to 1024 or above.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST ${host} is not an address of this machine: leave HOST out to listen on all addresses.`;
    default:
      return `Cannot listen on HOST ${host ?? '(all)'}, PORT ${port}: ${errorOf(error).message}`;
  }
}
