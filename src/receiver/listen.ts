import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { errorOf, Failure } from '../errors.js';
import { createApp } from './app.js';
import type { WebhookOptions } from './webhook.js';

/** How long a request may take to arrive, in milliseconds, and how often that is checked. */
const LIMITS = { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 1000 };
/** How long a connection is kept between requests, in milliseconds: longer than load balancers keep theirs (60 s). */
const KEEP_ALIVE_MS = 65_000;

/** Port 0 picks a free one; `host` is an address of this machine, undefined for all. */
export type ReceiverOptions = WebhookOptions & { port: number; host: string | undefined };

/**
 * Starts a receiver. Resolves to its port and its URL on this machine, without a path. stop() takes no new connections, and
 * resolves once the requests under way are answered, after 4 seconds at the latest. Throws a Failure if it cannot listen.
 */
export async function startReceiver({ port: wanted, host, ...options }: ReceiverOptions) {
  const app = createApp(options);
  const server = createServer({ ...LIMITS, keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    // An answer has no socket while it waits for the one before it: Node.js would work through thousands of such requests
    // before it serves any other connection. RingCentral and proxies send one at a time.
    if (res.socket) app(req, res);
    else req.socket.destroy();
  });
  await once(server.listen(wanted, host), 'listening').catch((error: unknown) => {
    throw new Failure(whyNotListening(error, wanted, host));
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : wanted;
  const name = host?.includes(':') ? `[${host}]` : (host ?? 'localhost');
  const stop = async () => {
    server.prependListener('request', (_req, res) => res.setHeader('Connection', 'close'));
    setTimeout(() => server.closeIdleConnections(), 1000).unref();
    setTimeout(() => server.closeAllConnections(), 4000).unref();
    // The HTTP server's close() would at once destroy idle connections, even if a request is on its way.
    await new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  };
  return { port, url: `http://${name}:${port}`, stop };
}

function whyNotListening(error: unknown, port: number, host = '(all)'): string {
  if (errorOf(error).code !== 'EADDRINUSE')
    return `Cannot listen on HOST ${host}, PORT ${port}: ${errorOf(error).message}.
HOST takes an address of this machine (all if left out); a PORT below 1024 needs root.`;
  return `PORT ${port} is in use: stop the program that uses it, perhaps an earlier receiver, or set PORT to another one.
\`npm run keep\` receives by itself: stop \`npm start\`.`;
}
