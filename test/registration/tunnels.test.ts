import { afterEach, describe, expect, it } from '@jest/globals';
import { findAddress, isSameAddress, isTunnelName, NoTunnel } from '../../src/registration/tunnels.js';
import { closeAll, serve } from '../support/in-process.js';
import { DEAD, failureOf } from '../support/ringcentral.js';

const PORT = 8081;
const START = 'run `ngrok http 8081` or `cloudflared tunnel --url http://localhost:8081` in another terminal';
const NONE = `No tunnel to port 8081: ${START}, or set WEBHOOK_ADDRESS to the public address.`;
afterEach(closeAll);

/** A program that answers GETs of these paths as JSON, or with text as it is. Resolves to its URL. */
const program = (answers: Record<string, unknown>): Promise<string> =>
  serve((req, res) => {
    const answer = answers[req.url ?? ''];
    res.statusCode = req.method === 'GET' && answer !== undefined ? 200 : 404;
    res.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? { msg: 'Resource not found' }));
  });

const tunnel = (public_url: unknown, addr: unknown = `http://localhost:${PORT}`) => ({ public_url, config: { addr } });
const ngrok = (...tunnels: unknown[]) => program({ '/api/tunnels': { tunnels } });
const cloudflared = (hostname: string, ...ingress: unknown[]) =>
  program({ '/quicktunnel': { hostname }, '/config': { version: -1, config: { ingress } } });
const web = (hostname: string, service = `http://localhost:${PORT}`) => ({ hostname, path: null, service });

/** Finds the address by what answers at these URLs. */
const find = (ngrokApiUrls: string[], cloudflaredApiUrls: string[] = [], settings = {}, signal?: AbortSignal) =>
  findAddress(
    { address: undefined, port: PORT, isServerLocal: false, ngrokApiUrls, cloudflaredApiUrls, ...settings },
    signal,
  );

it('takes the address that is set, and asks nobody', async () => {
  let asked = 0;
  const url = await serve((_req, res) => void (asked++, res.end()));
  const address = 'https://hook.example.com/webhook';
  expect(await find([url], [url], { address })).toEqual({ address });
  expect(asked).toBe(0);
});

describe('finds the tunnel', () => {
  const found = { address: 'https://b.example.com/webhook', found: 'ngrok: https://b.example.com → localhost:8081' };

  it.each(['http://localhost:8081', 'http://localhost:8081/', 'localhost:8081', '127.0.0.1:8081', '8081', 8081])(
    'of ngrok to %s, among others and odd ones',
    async (addr) => {
      const odd = [null, 'text', {}, { public_url: 7, config: null }, tunnel('https://c.b.internal')];
      const others = [tunnel('https://a.example.com', 'http://localhost:18081'), tunnel('https://a.ngrok.io', '80810')];
      expect(await find([await ngrok(...odd, ...others, tunnel('https://b.example.com', addr))])).toEqual(found);
    },
  );

  it('of an ngrok that only knows endpoints', async () => {
    const upstream = { url: `http://localhost:${PORT}`, protocol: 'http1' };
    const endpoints = [{ name: 'command_line', url: 'https://b.example.com', upstream }];
    expect(await find([await program({ '/api/endpoints': { endpoints } })])).toEqual(found);
  });

  it.each([80, 443])('to localhost at the port %i, which goes without saying', async (port) => {
    const addr = port === 80 ? 'http://127.0.0.1' : 'https://localhost';
    const { address } = await find([await ngrok(tunnel('https://b.example.com', addr))], [], { port });
    expect(address).toBe(found.address);
  });

  it('by its https address, also if that is listed twice', async () => {
    const urls = ['http://b.example.com', 'https://b.example.com', 'https://b.example.com'].map((url) => tunnel(url));
    expect(await find([await ngrok(...urls)])).toEqual(found);
    expect((await find([await ngrok(...urls.slice(0, 1))])).address).toBe('http://b.example.com/webhook');
  });

  it.each([
    ['a quick tunnel', ['b.example.com', web('')]],
    ['a quick tunnel to an address', ['b.example.com', web('', 'http://127.0.0.1:8081'), web('', 'http_status:404')]],
    ['a named tunnel', ['', web('a.org', 'ssh://localhost:8081'), web('b.example.com'), web('', 'http_status:404')]],
  ] as const)('of cloudflared: %s', async (_, [hostname, ...ingress]) => {
    const said = 'cloudflared: https://b.example.com → localhost:8081';
    expect(await find([], [await cloudflared(hostname, ...ingress)])).toEqual({ ...found, found: said });
  });

  it('whichever of the usual ports it answers at', async () => {
    const others = [DEAD, await program({}), await ngrok(), await ngrok(tunnel('https://a.example.com', 3000))];
    expect(await find([...others, await ngrok(tunnel('https://b.example.com'))], [DEAD, ...others])).toEqual(found);
  });
});

describe('without a tunnel to the port', () => {
  it('says what to run, and nothing of ports where nobody has to be', async () => {
    const stranger = await program({ '/api/tunnels': '<p>Hello</p>', '/config': {}, '/quicktunnel': {} });
    const error = await failureOf(find([DEAD, stranger], [DEAD, stranger, DEAD]));
    expect(error).toBeInstanceOf(NoTunnel);
    expect(error.message).toBe(NONE);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['to another port', () => ngrok(tunnel('https://a.org', 'localhost:3')), 'ngrok: https://a.org → localhost:3.'],
    ['of another kind', () => ngrok(tunnel('tcp://a.org:1')), 'ngrok: tcp://a.org:1 → localhost:8081.'],
    ['with odd characters', () => ngrok(tunnel('https://\u001b\u009b', 1)), ': https://\\u001b\\u009b → localhost:1.'],
    ['of cloudflared', () => cloudflared('a.b', web('', 'http://[::1]:3')), 'cloudflared: https://a.b → localhost:3.'],
  ])('says what it found instead: one %s', async (_, start, said) => {
    const url = await start();
    const error = await failureOf(find([DEAD, url], [url, DEAD]));
    expect(error).toBeInstanceOf(NoTunnel);
    expect(error.message).toMatch(`${NONE}\nFound instead: `);
    expect(error.message).toMatch(said);
  });

  it('says what to run, and nothing of tunnels without a public name that is known', async () => {
    const agents = await Promise.all([ngrok(), ngrok(null, tunnel('https://b.internal'))]);
    const connectors = await Promise.all([cloudflared('', web('')), cloudflared('', web('*.a.org'))]);
    expect((await failureOf(find(agents, connectors))).message).toBe(NONE);
  });

  it('says that what is set does not lead to ngrok, or to cloudflared', async () => {
    const stranger = await program({ '/api/tunnels': { tunnels: 'none' } });
    const { message } = await failureOf(find([stranger], [stranger]));
    expect(message).toBe(`${NONE}\nFound instead: no ngrok at NGROK_API_URL; no cloudflared at CLOUDFLARED_API_URL.`);
  });

  it('waits for those that hang, all at the same time, until it takes too long or the program is told to stop', async () => {
    const hanging = await serve(() => {});
    const late = await failureOf(find([hanging]));
    expect(late.message).toMatch('no ngrok at NGROK_API_URL.');
    const end = new AbortController();
    let asked = 0;
    const url = await serve(() => void (++asked === 3 && end.abort()));
    await failureOf(find([url, url], [url], {}, end.signal));
  });
});

it('asks to choose one of several tunnels', async () => {
  const agents = [await ngrok(tunnel('https://a.org'), tunnel('https://b.org'))];
  const { message } = await failureOf(find(agents, [await cloudflared('c.org', web(''))]));
  expect(message).toBe(
    'More than one tunnel leads to port 8081: ngrok: https://a.org → localhost:8081; ngrok: https://b.org → ' +
      'localhost:8081; cloudflared: https://c.org → localhost:8081.\nChoose one with --address URL, or set WEBHOOK_ADDRESS.',
  );
});

it('takes no address that RingCentral cannot reach, unless that is here, too', async () => {
  const address = 'http://localhost:8081/webhook';
  const url = await ngrok(tunnel('http://10.1.2.3'));
  for (const refused of [find([], [], { address }), find([url])])
    expect((await failureOf(refused)).message).toMatch(
      /^RingCentral cannot reach http:.*\/webhook: .* this machine or /,
    );
  expect((await find([], [], { address, isServerLocal: true })).address).toBe(address);
});

it.each([
  ['https://4f1c.ngrok-free.app/webhook', true],
  ['https://4f1c.ngrok-free.dev', true],
  ['http://4f1c.eu.ngrok.io/webhook', true],
  ['https://some-words-of-four.trycloudflare.com/webhook', true],
  ['https://hook.example.com/webhook', false],
  ['https://4f1c.notngrok.app/webhook', false],
  ['https://4f1c.ngrok.app.example.com/webhook', false],
  ['https://example.com/x.ngrok.app', false],
  ['not a URL.ngrok.app', false],
])('knows whether ngrok or cloudflared hands out %s: %s', (address, is) => {
  expect(isTunnelName(address)).toBe(is);
});

it.each([
  ['https://hook.example.com/webhook', 'HTTPS://HOOK.example.com:443/webhook', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook/', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook#x', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook2', false],
  ['https://hook.example.com/webhook', 'https://hook.example.com/Webhook', false],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook?x', false],
  ['https://hook.example.com/webhook', 'http://hook.example.com/webhook', false],
  ['not a URL', 'not a URL', true],
])('knows whether %s and %s lead to the same receiver: %s', (one, other, is) => {
  expect(isSameAddress(one, other)).toBe(is);
  expect(isSameAddress(other, one)).toBe(is);
});
