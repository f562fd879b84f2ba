import { jest } from '@jest/globals';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { close, listen } from '../../scripts/fake/local-server.js';
import { CREDENTIALS, Platform } from '../../scripts/fake/platform.js';
import { createSession } from '../../src/ringcentral/session.js';
import { ringCentralSettings, verificationToken, type Environment } from '../../src/settings.js';
import { testApp } from './app.js';

const closers: (() => Promise<void>)[] = [];

/** Closes all servers that a test started here, and ends all that it mocked: for afterEach. */
export async function closeAll(): Promise<void> {
  jest.restoreAllMocks();
  await Promise.all(closers.splice(0).map((closeIt) => closeIt()));
}

/** A server with this listener on a free port. Resolves to its URL, without a slash at the end. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  closers.push(() => close(server));
  return listen(server);
}

/** The token that a receiver and a registration with the fake's credentials agree on. */
export const TOKEN = verificationToken(CREDENTIALS) ?? '';

/** A receiver in this process that expects TOKEN, what it logged, and what it said. */
export async function startReceiver(expected: string | undefined = TOKEN) {
  const { app, events, said } = testApp({ token: expected });
  const url = await serve(app);
  return { url, port: Number(new URL(url).port), address: `${url}/webhook`, events, said: said.lines };
}

/** The fake of RingCentral. */
export async function startPlatform(): Promise<Platform> {
  const platform = await Platform.start();
  closers.push(() => platform.close());
  return platform;
}

/** A session at the platform that has not logged in yet, with what it said. */
export function newSession(platform: { url: string }, env: Environment = CREDENTIALS, options: object = {}) {
  const said: string[] = [];
  const settings = ringCentralSettings({ ...env, RINGCENTRAL_SERVER: platform.url });
  const session = createSession(settings, { say: (line) => said.push(line), ...options });
  return { session, said };
}

/** The same, logged in. */
export async function logIn(...args: Parameters<typeof newSession>) {
  const opened = newSession(...args);
  await opened.session.logIn();
  return opened;
}

/** A new platform, a session that is logged in at it, and what closeAll() aborts. */
export async function startSession(env?: Environment, options?: object) {
  const [platform, end] = [await startPlatform(), new AbortController()];
  closers.push(async () => end.abort());
  return { platform, end, ...(await logIn(platform, env, options)) };
}
