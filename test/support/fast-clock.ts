/**
 * Loaded into a program before it starts (`node --require`): all its time limits pass ten times faster, so that a test can
 * wait for them.
 */
import http from 'node:http';

const FACTOR = 10;

const { setTimeout: setRealTimeout } = globalThis;
Object.assign(globalThis, {
  setTimeout: Object.assign(
    (callback: () => void, ms = 0, ...rest: []) => setRealTimeout(callback, ms / FACTOR, ...rest),
    setRealTimeout,
  ),
});

const { createServer } = http;
Object.assign(http, {
  createServer: (options: http.ServerOptions, onRequest: http.RequestListener) => {
    const names = ['requestTimeout', 'headersTimeout', 'connectionsCheckingInterval'] as const;
    const limits = names.map((name) => [name, (options[name] ?? 0) / FACTOR]);
    return createServer({ ...options, ...Object.fromEntries(limits) }, onRequest);
  },
});
