import { afterEach, expect, it, jest } from '@jest/globals';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { close, listen } from '../../scripts/fake/local-server.js';
import { checkAddress, shakeHands } from '../../src/registration/handshake-check.js';
import { closeAll, serve, startReceiver, TOKEN } from '../support/in-process.js';
import { DEAD, failureOf } from '../support/ringcentral.js';

const ADDRESS = 'https://hook.example.com/webhook';

afterEach(closeAll);

/** Answers a handshake as it should, apart from what a test wants otherwise. */
const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): RequestListener =>
  (req, res) => {
    const token = String(req.headers['validation-token']);
    res.writeHead(status, { 'Validation-Token': token, 'Content-Type': 'application/json', ...headers }).end(body);
  };

/** The right answer, with exactly so many bytes in all. */
const sized =
  (bytes: number): RequestListener =>
  ({ headers }, { socket }) => {
    const token = headers['validation-token'];
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nValidation-Token: ${token}\r\nConnection: close\r\nX: `;
    socket?.end(`${head.padEnd(bytes - 4, 'x')}\r\n\r\n`);
  };

/** Answers by the verification token: none, ours or another. */
const byToken =
  (none: RequestListener, ours: RequestListener, another: RequestListener): RequestListener =>
  (req, res) => {
    const token = req.headers['verification-token'];
    (token === undefined ? none : token === TOKEN ? ours : another)(req, res);
  };

/** What the check of an address says. */
async function check(address: string): Promise<string[]> {
  const said: string[] = [];
  await checkAddress(address, TOKEN, (line) => said.push(line.replace(address, 'ADDRESS').replace(/\d+ ms/, 'n ms')));
  return said;
}

/** What the check of a server with this listener says against it, without its URL. */
async function refusal(listener: RequestListener): Promise<string> {
  const url = await serve(listener);
  const { message } = await failureOf(check(`${url}/webhook`));
  expect(message.startsWith(`${url}/webhook `)).toBe(true);
  expect(message).not.toContain('\n');
  return message.slice(`${url}/webhook `.length);
}

/** An error of fetch() with this code, as Node.js hides it. */
const fetchFails = (code: string) => {
  const cause = Object.assign(new Error(code), { code });
  jest.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed', { cause }));
};

/** base64 as PEM. */
const pem = (what: string, base64: string) =>
  `-----BEGIN ${what}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${what}-----`;
// For a server on this machine that lives as long as a test: self-signed, valid from 2020 to 2120.
const KEY = pem(
  'PRIVATE KEY',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYf78ywbXS1iV2s3TCpkMKpL/QbSlRRKGeBuWqIHyU7uhRANCAARb8kD0yQOIpAMN' +
    'JaT75Dqs1xhFKn4/HmASQZgxsQX5toMzLF2Yqy0ocMUG0D8OWWtZtsvuZuSY3H31hlatHDew',
);
const CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBSzCB8aADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCTEyNy4wLjAuMTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFow' +
    'FDESMBAGA1UEAwwJMTI3LjAuMC4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEW/JA9MkDiKQDDSWk++Q6rNcYRSp+Px5gEkGYMbEF+baDMyxd' +
    'mKstKHDFBtA/DllrWbbL7mbkmNx99YZWrRw3sKMyMDAwDwYDVR0RBAgwBocEfwAAATAdBgNVHQ4EFgQUaPlhIb5zqWwcy0NRedDeE9ExtHgwCgYI' +
    'KoZIzj0EAwIDSQAwRgIhAJmbRVNvULBMiOH7Kui5uSqOW41kQElEv9OkbcZFZ92jAiEA/EXRgg7ec4OM6QdmwvHciQjt11XiOyuR2zr4J0Rb57E=',
);

it('a receiver passes if it was started with our verification token, and logs nothing of it', async () => {
  const { address, events } = await startReceiver();
  expect(await check(address)).toEqual(['Checked ADDRESS: answers in n ms and expects the right verification token']);
  expect(events).toEqual([]);
});

it('a receiver is asked as RingCentral asks, then with our token, then with a wrong one', async () => {
  const asked: unknown[] = [];
  const tokens = new Set<unknown>();
  const url = await serve((req, res) => {
    const { 'verification-token': token, 'content-length': length = '0' } = req.headers;
    tokens.add(req.headers['validation-token']);
    asked.push([req.method, req.url, length, token === TOKEN ? 'ours' : token && 'another']);
    answer(token === undefined || token === TOKEN ? 200 : 401)(req, res);
  });
  await check(`${url}/webhook?x=1`);
  expect(asked).toEqual([undefined, 'ours', 'another'].map((token) => ['POST', '/webhook?x=1', '0', token]));
  expect(tokens.size).toBe(3);
});

it('a receiver with another token answers a plain handshake, but does not pass, and is to be restarted', async () => {
  const { address } = await startReceiver('another-token');
  const said =
    `${address} expects another verification token. Restart the receiver: it was started with another ` +
    'RINGCENTRAL_CLIENT_SECRET or WEBHOOK_VERIFICATION_TOKEN.';
  expect((await failureOf(check(address))).message).toBe(said);
  expect(await shakeHands(address)).toBe(true);
  expect(await shakeHands(address, { verificationToken: TOKEN })).toBe(false);
  expect(await shakeHands(address, { verificationToken: 'another-token' })).toBe(true);
});

it('a receiver that takes any token passes with a warning', async () => {
  const url = await serve(answer(200));
  const warning = 'It takes notifications from anyone: restart it in this folder, with this .env.';
  expect(await check(`${url}/webhook`)).toEqual(['Checked ADDRESS: answers in n ms', warning]);
});

it('a receiver that fails only at a wrong token does not pass', async () => {
  expect(await refusal(byToken(answer(200), answer(200), answer(503)))).toMatch(/^answers 503, not 200: /);
  expect(await refusal(byToken(answer(200), answer(403), answer(401)))).toMatch(/^answers 403, not 200/);
});

it('a server that asks for a login is not taken for a receiver with another token', async () => {
  const said = await refusal(byToken(answer(401), answer(200), answer(401)));
  expect(said).toMatch(/^answers 401, not 200: .* asks for a login: let POST \/webhook through/);
});

it.each<[string, RequestListener, RegExp]>([
  ['never answers', () => {}, /^gives no .* \(no answer within 3 seconds\): is .*RingCentral .* -- --no-check$/],
  ['never ends its answer', (_req, res) => res.writeHead(200).write(' '), /^gives no .* within 3 seconds\)/],
  ['cuts the connection', (_req, res) => res.destroy(), /^gives no .*\): .* running\? .* -- --no-check$/],
  ['was a tunnel of ngrok', answer(404, { 'ngrok-error-code': 'ERR_NGROK_3200' }), /its tunnel is gone: start it /],
  ['was a tunnel of cloudflared', answer(530, {}, 'error code: 1033'), /its tunnel is gone: start it /],
  ['is another path', answer(404), /^answers 404, not 200: .*POST \/webhook of the receiver/],
  ['redirects', answer(308, { Location: 'https://b.net/' }), /^answers 308 \(to https:\/\/b\.net\/\), not 200/],
  ['redirects nowhere', answer(302), /^answers 302, not 200: .* no redirects/],
  ['refuses', answer(403), /^answers 403, not 200: something in front of the receiver answered/],
  ['answers with 204', answer(204), /^answers 204, not 200/],
  ['echoes nothing', answer(200, { 'Validation-Token': '' }), /^does not echo the Validation-Token: another program/],
  ['echoes another', answer(200, { 'Validation-Token': 'x' }), /^does not echo the Validation-Token/],
  ['answers with text', answer(200, { 'Content-Type': 'text/plain' }), /Content-Type text\/plain, not application/],
  ['answers with no type', answer(200, { 'Content-Type': '' }), /Content-Type missing, not application\/json/],
  ['has a long body', answer(200, {}, ' '.repeat(1024)), /^answers with 1\d{3} bytes, .* fewer than 1024: .*proxy/],
  ['answers with 1024 bytes', sized(1024), /^answers with 1024 bytes/],
])('an address does not pass if it %s', async (_, listener, said) => {
  expect(await refusal(listener)).toMatch(said);
});

it.each([502, 503, 504, 520, 523, 527, 530])('a tunnel to nothing does not pass: %i', async (status) => {
  const said = await refusal(answer(status));
  expect(said).toMatch(`answers ${status}, not 200: nothing listens behind it: is the receiver (\`npm start\` or `);
});

it.each([200, 302, 401, 404, 429, 502, 530])('no answer of ngrok itself passes: %i', async (status) => {
  const url = await serve((_req, res) => res.writeHead(status, { 'ngrok-error-code': 'ERR_NGROK_727' }).end());
  const { message } = await failureOf(shakeHands(url, { verificationToken: TOKEN }));
  expect(message).toMatch(/ ngrok says why: https:\/\/ngrok\.com\/docs\/errors\/err_ngrok_727$/);
});

it('an address does not pass if another program sends endless data there', async () => {
  const said = await refusal((_req, res) => void res.write(Buffer.alloc(11 * 1024 * 1024)));
  expect(said).toMatch(/^gives no valid answer \(an answer of more than 10 MiB\): another program /);
});

it('an address does not pass if nothing listens', async () => {
  const { message } = await failureOf(check(`${DEAD}/webhook`));
  expect(message).toMatch(/gives no valid answer .*: nothing listens there: are .* and the tunnel running\? /);
});

it('an address does not pass if it is https and its certificate is not valid', async () => {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, answer(200));
  const url = (await listen(server)).replace('http:', 'https:');
  const { message } = await failureOf(check(url));
  await close(server);
  expect(message).toMatch(/ \(DEPTH_ZERO_SELF_SIGNED_CERT\): its certificate is not valid\. .* intermediate /);
});

const invalid =
  'CERT_HAS_EXPIRED ERR_TLS_CERT_ALTNAME_INVALID SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE ' +
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
it.each(invalid.split(' '))('an address does not pass if its certificate is not valid otherwise: %s', async (code) => {
  fetchFails(code);
  const { message } = await failureOf(check(ADDRESS));
  expect(message).toMatch(new RegExp(`gives no valid answer \\(${code}.*\\): its certificate is not valid\\.`));
  // An office proxy signs by itself: Node.js has to know its certificate.
  expect(/; behind a proxy .*NODE_EXTRA_CA_CERTS /.test(message)).toBe(/^(UNABLE|SELF)/.test(code));
});

it('an address does not pass if it is https and there is only http, for which no certificate is blamed', async () => {
  const url = (await serve(answer(200))).replace('http', 'https');
  const { message } = await failureOf(check(url));
  expect(message).toMatch(/ \(ERR_SSL_\w+\): it does not speak TLS: is it http, /);
  expect(message).not.toMatch(/certificate/);
});

const out = ['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ECONNREFUSED', 'ECONNRESET', 'UND_ERR_CONNECT_TIMEOUT', 'late'];
it.each(out)('an address out of reach brings up --no-check, and a proxy that is not used: %s', async (code) => {
  jest.replaceProperty(process, 'env', { HTTPS_PROXY: 'http://proxy.example.com:3128' });
  const address = code === 'late' ? await serve(() => {}) : ADDRESS;
  if (address === ADDRESS) fetchFails(code);
  const { message } = await failureOf(check(address));
  expect(message).toMatch(/^\S+ gives no valid .* HTTPS_PROXY is set, but Node\.js only uses it .* -- --no-check$/);
  // Only `npm run register` has it.
  expect((await failureOf(shakeHands(address))).message).not.toMatch(/--no-check/);
});

it.each<[string, RequestListener]>([
  ['has 1023 bytes', sized(1023)],
  ['names a charset', answer(200, { 'Content-Type': 'application/json; charset=utf-8' })],
  ['writes its type otherwise', answer(200, { 'Content-Type': 'Application/JSON' })],
])('an address passes if its answer %s', async (_, listener) => {
  expect((await check(await serve(listener)))[0]).toMatch(/^Checked /);
});

it('follows no redirect with our token', async () => {
  let asked = 0;
  const other = await serve((req, res) => {
    asked++;
    answer(200)(req, res);
  });
  const redirect = answer(307, { Location: `${other}/webhook` });
  expect(await refusal(byToken(answer(200), redirect, answer(401)))).toMatch(`answers 307 (to ${other}/webhook)`);
  expect(asked).toBe(0);
});

it('shows what an address answers with control characters escaped, and without a password', async () => {
  const url = 'https://user:hunter2@b.example.com/\u009b';
  const said = await refusal(answer(302, { Location: url }));
  expect(said).toMatch(/^answers 302 \(to https:\/\/b\.example\.com\/\S*\), not 200/);
  expect(said).not.toMatch(/hunter2/);
  expect(await refusal(answer(200, { 'Content-Type': 'text/\u009b' }))).toMatch('Content-Type text/\\u009b, not');
  expect(await refusal(answer(404, { 'ngrok-error-code': 'ERR_NGROK_1\u009b' }))).not.toMatch(/ngrok says/);
});

it('a single handshake has the nonce that it is given', async () => {
  const url = await serve((req, res) => answer(req.headers['validation-token'] === 'own' ? 200 : 400)(req, res));
  expect(await shakeHands(url, { nonce: 'own' })).toBe(true);
});

it('a single handshake ends once the program is told to stop', async () => {
  const end = new AbortController();
  const url = await serve(() => end.abort());
  const { message } = await failureOf(shakeHands(url, { signal: end.signal }));
  expect(message).toMatch('the program was told to stop');
});
