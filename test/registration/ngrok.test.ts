import { startNgrokAgent, tunnel } from '../../scripts/stand-in/ngrok-agent.js';
import { findAddress, isNgrok, isSameAddress } from '../../src/registration/ngrok.js';
import { closeAll, serve } from '../support/in-process.js';
import { DEAD, failureOf } from '../support/ringcentral.js';

const PORT = 8081;
const elsewhere = tunnel('https://a.ngrok-free.app', 'http://localhost:3000');
const forwarded = (publicUrl: string, name?: string) => tunnel(publicUrl, `http://localhost:${PORT}`, name);

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all([closeAll(), ...closers.splice(0).map((close) => close())]);
});

/** An agent that gives this answer. Resolves to the URL of its API. */
async function agent(answer: unknown): Promise<string> {
  const { url, close } = await startNgrokAgent(answer);
  closers.push(close);
  return url;
}

/** Looks for the address with these agents, the first that answers. */
const find = (...ngrokApiUrls: string[]) =>
  findAddress({ address: undefined, port: PORT, ngrokApiUrls }, { timeoutMs: 2000 });

it('takes the address that is set, and asks nobody', async () => {
  let asked = 0;
  const url = await serve((_req, res) => void (asked++, res.end()));
  const address = 'https://hook.example.com/webhook';
  expect(await findAddress({ address, port: PORT, ngrokApiUrls: [url] })).toEqual({ address });
  expect(asked).toBe(0);
});

it.each(['http://localhost:8081', 'http://localhost:8081/', 'localhost:8081', '127.0.0.1:8081', '8081', 8081])(
  'finds the tunnel to %s',
  async (addr) => {
    const it = { public_url: 'https://b.ngrok-free.app', config: { addr } };
    expect(await find(await agent({ tunnels: [elsewhere, it] }))).toEqual({
      address: 'https://b.ngrok-free.app/webhook',
      found: 'https://b.ngrok-free.app → localhost:8081',
    });
  },
);

it.each([
  ['http://localhost', 80],
  ['https://localhost', 443],
])('knows the port of %s', async (addr, port) => {
  const url = await agent({ tunnels: [tunnel('https://b.ngrok-free.app', addr)] });
  const found = await findAddress({ address: undefined, port, ngrokApiUrls: [url] });
  expect(found.address).toBe('https://b.ngrok-free.app/webhook');
});

it('does not take 18081 or 80810 for 8081', async () => {
  const others = ['http://localhost:18081', 'localhost:80810'].map((addr) => tunnel('https://a.ngrok-free.app', addr));
  expect((await failureOf(find(await agent({ tunnels: others })))).message).toMatch(
    /^No ngrok tunnel forwards to port/,
  );
});

it('prefers https if the same port has an http tunnel as well', async () => {
  const tunnels = ['http://b.ngrok.io', 'https://b.ngrok.io'].map((url) => forwarded(url));
  expect((await find(await agent({ tunnels }))).address).toBe('https://b.ngrok.io/webhook');
  expect((await find(await agent({ tunnels: tunnels.slice(0, 1) }))).address).toBe('http://b.ngrok.io/webhook');
});

it('does not mind a URL that is listed twice, or one that is not public', async () => {
  const urls = ['https://b.ngrok.app', 'https://b.ngrok.app', 'https://b.internal', 'https://c.b.internal'];
  const tunnels = urls.map((url, i) => forwarded(url, `command_line ${i}`));
  expect((await find(await agent({ tunnels }))).address).toBe('https://b.ngrok.app/webhook');
});

it('does not trip over odd tunnels', async () => {
  const tunnels = [null, 'text', {}, { public_url: 7, config: null }, forwarded('https://b.ngrok.app')];
  expect((await find(await agent({ tunnels }))).address).toBe('https://b.ngrok.app/webhook');
});

it.each<[string, unknown, RegExp[]]>([
  ['has no tunnel', { tunnels: [] }, [/at AGENT has no tunnel\./, /`ngrok http 8081`/, /set WEBHOOK_ADDRESS/]],
  ['has none that is public', { tunnels: [forwarded('https://b.internal')] }, [/has no tunnel/, /`ngrok http 8081`/]],
  [
    'forwards to another port',
    { tunnels: [elsewhere] },
    [/to port 8081 \(https:\/\/a\.ngrok-free\.app → port 3000\)/, /`ngrok http 8081`/, /set PORT /, /WEBHOOK_ADDRESS/],
  ],
  [
    'has several',
    { tunnels: [forwarded('https://a.ngrok.app'), forwarded('https://b.ngrok.app')] },
    [/^More than one .* 8081 \(https:\/\/a\.ngrok\.app, https:\/\/b\.ngrok\.app\)/, /--address URL/],
  ],
  ['is another program', 'html', [/answers at AGENT is not an ngrok agent: set NGROK_API_URL .*, or WEBHOOK_ADDRESS/]],
  ['speaks another JSON', { status: 'ok' }, [/answers at AGENT is not an ngrok agent/]],
  ['speaks JSON null', null, [/answers at AGENT is not an ngrok agent/]],
  [
    'has an odd address',
    { tunnels: [forwarded('tcp://1.tcp.ngrok.io:1')] },
    [/^The address of the ngrok tunnel is "tcp:/],
  ],
])('says what mends it if the agent %s', async (_, answer, said) => {
  const url = await agent(answer);
  const { message } = await failureOf(find(url));
  for (const line of said) expect(message.replace(url, 'AGENT')).toMatch(line);
  expect(message.split('\n').length).toBeLessThanOrEqual(2);
});

it('shows control characters of an agent as what they are', async () => {
  const url = (name: string) => `https://${name}\u001b[2J\u009b.ngrok.app`;
  const config = { addr: PORT };
  const several = ['a', 'b'].map((name) => ({ public_url: url(name), config }));
  for (const tunnels of [several, [{ public_url: url('a'), config: { addr: 3000 } }]])
    expect((await failureOf(find(await agent({ tunnels })))).message).toContain('https://a\\u001b[2J\\u009b.ngrok.app');
});

describe('if no agent answers', () => {
  it('says how to start one', async () => {
    expect((await failureOf(find(DEAD))).message).toBe(
      `No ngrok agent at ${DEAD} (ECONNREFUSED). Run \`ngrok http 8081\` in another terminal, ` +
        'or set WEBHOOK_ADDRESS to the public address of the receiver.',
    );
  });

  it('does not wait for ever', async () => {
    const url = await agent('hang');
    const found = findAddress({ address: undefined, port: PORT, ngrokApiUrls: [url] }, { timeoutMs: 50 });
    expect((await failureOf(found)).message).toMatch(`No ngrok agent at ${url} (no answer within 0.05 seconds). Run `);
  });

  it('stops waiting once the program is told to stop', async () => {
    const end = new AbortController();
    const url = await serve(() => end.abort());
    const settings = { address: undefined, port: PORT, ngrokApiUrls: [url] };
    expect((await failureOf(findAddress(settings, { signal: end.signal }))).message).toMatch('told to stop');
  });

  it('asks the next one, and names both if that does not answer either', async () => {
    const next = await agent({ tunnels: [forwarded('https://b.ngrok.app')] });
    expect((await find(DEAD, next)).address).toBe('https://b.ngrok.app/webhook');
    expect((await failureOf(find(DEAD, DEAD))).message).toMatch(
      `No ngrok agent at ${DEAD} (ECONNREFUSED) or ${DEAD} (ECONNREFUSED). Run `,
    );
  });

  it.each([
    ['has the tunnel of something else', { tunnels: [elsewhere] }],
    ['has no tunnel', { tunnels: [] }],
    ['is another program', 'html'],
  ])('asks the next one, too, if the first %s', async (_, first) => {
    const next = await agent({ tunnels: [forwarded('https://b.ngrok.app')] });
    expect((await find(await agent(first), next)).address).toBe('https://b.ngrok.app/webhook');
  });
});

it.each([
  ['https://4f1c.ngrok-free.app/webhook', true],
  ['https://4f1c.ngrok-free.dev', true],
  ['https://4f1c.ngrok.app/', true],
  ['http://4f1c.eu.ngrok.io/webhook', true],
  ['https://hook.example.com/webhook', false],
  ['https://4f1c.ngrok.app.example.com/webhook', false],
  ['https://notngrok.app/webhook', false],
  ['https://example.com/x.ngrok.app', false],
  ['not a URL.ngrok.app', false],
  ['', false],
])('knows whether ngrok hands out %s: %s', (address, is) => {
  expect(isNgrok(address)).toBe(is);
});

it.each([
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook', true],
  ['https://hook.example.com/webhook', 'HTTPS://HOOK.example.com:443/webhook', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook/', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook#x', true],
  ['https://hook.example.com/webhook/', 'https://hook.example.com/webhook/#x', true],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook2', false],
  ['https://hook.example.com/webhook', 'https://hook.example.com/Webhook', false],
  ['https://hook.example.com/webhook', 'https://hook.example.com/webhook?x', false],
  ['https://hook.example.com/webhook', 'http://hook.example.com/webhook', false],
  ['https://hook.example.com/webhook', 'https://hook.example.com:8443/webhook', false],
  ['https://hook.example.com/webhook', '', false],
  ['not a URL', 'not a URL', true],
])('knows whether %s and %s lead to the same receiver: %s', (one, other, is) => {
  expect([isSameAddress(one, other), isSameAddress(other, one)]).toEqual([is, is]);
});
