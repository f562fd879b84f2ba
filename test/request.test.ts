import type { RequestListener } from 'node:http';
import { NoAnswer, request } from '../src/request.js';
import { closeAll, serve } from './support/in-process.js';

const { env } = process;
afterEach(async () => {
  process.env = env;
  await closeAll();
});

/** Why there is no answer. */
async function whyNot(answer: Promise<Response>): Promise<NoAnswer> {
  const error: unknown = await answer.catch((reason: unknown) => reason);
  if (error instanceof NoAnswer) return error;
  throw new Error('There is an answer');
}

const silent: RequestListener = () => {};

it('resolves to the whole answer', async () => {
  const url = await serve((req, res) =>
    res.writeHead(201, 'Made', { 'x-test': 'yes' }).end(`${req.method} ${req.url}`),
  );
  const answer = await request(`${url}/a`, { timeoutMs: 5000 }, { method: 'POST' });
  expect([answer.status, answer.statusText, answer.headers.get('x-test')]).toEqual([201, 'Made', 'yes']);
  expect(await answer.text()).toBe('POST /a');
});

it('takes a Request, and an answer without a body', async () => {
  const url = await serve((req, res) => res.writeHead(req.headers['x-test'] === 'yes' ? 204 : 500).end());
  const answer = await request(new Request(url, { headers: { 'x-test': 'yes' } }), { timeoutMs: 5000 });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
});

it.each([301, 302, 307, 308])('follows no redirect: %i', async (status) => {
  const targets: (string | undefined)[] = [];
  const url = await serve((req, res) => {
    targets.push(req.url);
    res.writeHead(status, { location: '/elsewhere' }).end();
  });
  const answer = await request(`${url}/start`, { timeoutMs: 5000 }, { method: 'POST', body: 'a password' });
  expect([answer.status, answer.headers.get('location')]).toEqual([status, '/elsewhere']);
  expect(targets).toEqual(['/start']);
});

it.each<[string, RequestListener]>([
  ['nothing comes', silent],
  ['the body never ends', (_req, res) => void res.writeHead(200).write('half')],
])('gives up after a time if %s', async (_, listener) => {
  const { code, message } = await whyNot(request(await serve(listener), { timeoutMs: 50 }));
  expect([code, message]).toEqual(['TIMEOUT', 'no answer within 0.05 seconds']);
});

it('stops at once if the program is told to stop, before or meanwhile', async () => {
  const stop = new AbortController();
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => (arrived = resolve));
  const url = await serve(() => arrived());
  const limits = { timeoutMs: 60_000, signal: stop.signal };
  const waiting = whyNot(request(url, limits));
  await arrival;
  stop.abort();
  expect((await waiting).code).toBe('STOPPED');
  expect((await whyNot(request(url, limits))).code).toBe('STOPPED');
});

it('leaves no listener behind on a signal that lives long', async () => {
  const { signal } = new AbortController();
  const [add, remove] = [jest.spyOn(signal, 'addEventListener'), jest.spyOn(signal, 'removeEventListener')];
  const url = await serve((_req, res) => res.end());
  await request(url, { timeoutMs: 5000, signal });
  await whyNot(request('http://127.0.0.1:1', { timeoutMs: 5000, signal }));
  expect(add.mock.calls).toHaveLength(2);
  expect(remove.mock.calls).toEqual(add.mock.calls);
});

it('says that the connection was cut', async () => {
  const url = await serve((req) => req.socket.destroy());
  expect((await whyNot(request(url, { timeoutMs: 5000 }))).message).toBe('the connection was cut');
});

it('says with the code of Node.js why it cannot connect, and adds that a proxy is not used', async () => {
  const url = await serve(silent);
  await closeAll();
  process.env = {};
  const error = await whyNot(request(url, { timeoutMs: 5000 }));
  expect([error.code, error.message, error.withProxyHint]).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
  process.env = { HTTPS_PROXY: 'http://proxy' };
  expect(error.withProxyHint).toMatch(/^ECONNREFUSED; HTTPS_PROXY is set, but/);
});
