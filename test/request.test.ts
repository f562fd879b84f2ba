import { afterEach, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { NoAnswer, request } from '../src/request.js';
import { closeAll, serve } from './support/in-process.js';
import { DEAD } from './support/ringcentral.js';

afterEach(closeAll);

/** Why there is no answer. */
async function whyNot(answer: Promise<Response>): Promise<NoAnswer> {
  const error: unknown = await answer.catch((reason: unknown) => reason);
  if (error instanceof NoAnswer) return error;
  throw new Error('There is an answer', { cause: error });
}

const limits = { timeoutMs: 20_000 };
const MIB = 1024 * 1024;

it('resolves to the whole answer, also to a Request, and without a body', async () => {
  const url = await serve((req, res) => res.writeHead(201, 'Made', { 'x-test': 'yes' }).end(req.headers['x-test']));
  const answer = await request(`${url}/a`, limits, { method: 'POST', headers: { 'x-test': 'no' } });
  expect(answer).toMatchObject({ status: 201, statusText: 'Made' });
  expect(answer.headers.get('x-test')).toBe('yes');
  expect(await answer.text()).toBe('no');
  expect(await (await request(new Request(url, { headers: { 'x-test': 'it' } }), limits)).text()).toBe('it');
  const empty = await request(await serve((_req, res) => res.writeHead(204).end()), limits);
  expect(await empty.text()).toBe('');
});

it.each([301, 302, 307, 308])('follows no redirect: %i', async (status) => {
  const targets: (string | undefined)[] = [];
  const url = await serve((req, res) => {
    targets.push(req.url);
    res.writeHead(status, { location: '/elsewhere' }).end();
  });
  const answer = await request(`${url}/start`, limits, { method: 'POST', body: 'a password' });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('location')).toBe('/elsewhere');
  expect(targets).toEqual(['/start']);
});

it.each<[string, RequestListener]>([
  ['nothing comes', () => {}],
  ['the body never ends', (_req, res) => void res.writeHead(200).write('half')],
])('gives up after a time if %s', async (_, listener) => {
  const error = await whyNot(request(await serve(listener), { timeoutMs: 50 }));
  expect(error).toMatchObject({ code: 'TIMEOUT', message: 'no answer within 0.05 seconds' });
});

it('reads no answer of more than 10 MiB, and hangs up on it', async () => {
  const answers: ServerResponse[] = [];
  const url = await serve((req, res) => {
    answers.push(res);
    res.write(Buffer.alloc(Number(req.url?.slice(1)) * MIB));
    if (req.url === '/10') res.end();
  });
  expect((await (await request(`${url}/10`, limits)).arrayBuffer()).byteLength).toBe(10 * MIB);
  const error = await whyNot(request(`${url}/11`, limits));
  expect(error).toMatchObject({ code: 'TOO_LARGE', message: 'an answer of more than 10 MiB' });
  const [, endless] = answers;
  if (endless && !endless.closed) await once(endless, 'close');
});

const saved: Uint8Array[] = [];
const save = async (chunk: Uint8Array) => void saved.push(chunk);
afterEach(() => void saved.splice(0));

it('a saved answer may take longer than the limit, if it is never silent for so long', async () => {
  const url = await serve(async (_req, res) => {
    for (const digit of '01234567') {
      res.write(digit);
      await sleep(100);
    }
    res.end();
  });
  const answer = await request(url, { timeoutMs: 500, save });
  expect(Buffer.concat(saved).toString()).toBe('01234567');
  expect(await answer.text()).toBe('');
});

it('a saved answer is given up on if it stalls in the middle', async () => {
  const url = await serve((_req, res) => void res.write('half'));
  expect((await whyNot(request(url, { timeoutMs: 200, save }))).code).toBe('TIMEOUT');
  expect(Buffer.concat(saved).toString()).toBe('half');
});

it('a saved answer is cut off at 100 MiB', async () => {
  const url = await serve((req, res) => void res.end(Buffer.alloc(Number(req.url?.slice(1)) * MIB)));
  expect((await request(`${url}/100`, { ...limits, save })).ok).toBe(true);
  expect((await whyNot(request(`${url}/101`, { ...limits, save }))).code).toBe('TOO_LARGE');
});

it('a saved answer comes one chunk at a time, and fails with what saving fails with', async () => {
  const full = new Error('no space left');
  const fail = jest.fn(() => sleep(20).then(() => Promise.reject(full)));
  const url = await serve((_req, res) => void res.end(Buffer.alloc(MIB)));
  await expect(request(url, { ...limits, save: fail })).rejects.toBe(full);
  expect(fail).toHaveBeenCalledTimes(1);
});

it('a saved answer is returned instead if it is an error', async () => {
  const url = await serve((_req, res) => void res.writeHead(404).end('gone'));
  expect(await (await request(url, { ...limits, save })).text()).toBe('gone');
  expect(saved).toEqual([]);
});

it('stops at once if the program is told to stop, before or meanwhile', async () => {
  const stop = new AbortController();
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => (arrived = resolve));
  const url = await serve(() => arrived());
  const waiting = whyNot(request(url, { ...limits, signal: stop.signal }));
  await arrival;
  stop.abort();
  expect((await waiting).code).toBe('STOPPED');
  expect((await whyNot(request(url, { ...limits, signal: stop.signal }))).code).toBe('STOPPED');
});

it('leaves no listener behind on a signal that lives long', async () => {
  const { signal } = new AbortController();
  const [add, remove] = [jest.spyOn(signal, 'addEventListener'), jest.spyOn(signal, 'removeEventListener')];
  const url = await serve((_req, res) => res.end());
  await request(url, { ...limits, signal });
  await whyNot(request('http://127.0.0.1:1', { ...limits, signal }));
  expect(add.mock.calls).toHaveLength(2);
  expect(remove.mock.calls).toEqual(add.mock.calls);
});

it('says that the connection was cut, or the code of Node.js, and adds that a proxy is not used', async () => {
  const url = await serve((req) => req.socket.destroy());
  expect((await whyNot(request(url, limits))).message).toBe('the connection was cut');
  const error = await whyNot(request(DEAD, limits));
  jest.replaceProperty(process, 'env', {});
  expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'ECONNREFUSED', withProxyHint: 'ECONNREFUSED' });
  jest.replaceProperty(process, 'env', { HTTPS_PROXY: 'http://proxy' });
  expect(error.withProxyHint).toMatch(/^ECONNREFUSED; HTTPS_PROXY is set, but/);
  jest.replaceProperty(process, 'env', { https_proxy: 'http://proxy' });
  expect(error.withProxyHint).toMatch(/^ECONNREFUSED; https_proxy is set, but/);
  jest.replaceProperty(process, 'env', { HTTPS_PROXY: 'http://proxy', NODE_USE_ENV_PROXY: '1' });
  expect(error.withProxyHint).toBe('ECONNREFUSED');
});
