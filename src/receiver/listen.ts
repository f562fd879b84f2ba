import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server as NetServer } from 'node:net';
import { errorOf, Failure } from '../errors.js';
import { createApp } from './app.js';
import type { WebhookOptions } from './webhook.js';

/** How long a request may take to arrive, and how often that is checked, in milliseconds. */
const LIMITS = { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 1000 };

/** Port 0 picks a free one; `host` is an address of this machine, undefined for all. */
export type ReceiverOptions = WebhookOptions & { port: number; host: string | undefined };

/** Resolves to its port, its URL without a path, and stop(), which lets requests end for 4 seconds. Throws a Failure. */
export async function startReceiver({ port: wanted, host, ...options }: ReceiverOptions) {
  const app = createApp(options);
  // Load balancers keep a connection for 60 s between requests: this has to be longer.
  const server = createServer({ ...LIMITS, keepAliveTimeout: 65_000 }, app);
  // Node.js itself would answer an unknown Expect header, and any number of such requests on one connection.
  server.on('checkExpectation', app);
  await once(server.listen(wanted, host), 'listening').catch((error: unknown) => {
    const { code, message } = errorOf(error);
    const cure = 'stop what uses it (keep receives by itself: stop `npm start`), or set another PORT';
    if (code === 'EADDRINUSE') throw new Failure(`PORT ${wanted} is in use: ${cure}.`);
    throw new Failure(`Cannot listen (${message}): HOST takes an address of this machine, PORT under 1024 needs root.`);
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
