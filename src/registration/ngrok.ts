import { NoAnswer, request, type Limits } from '../request.js';
import { deliveryAddress, type AddressSettings } from '../settings.js';
import { Failure, fieldsOf, safeText, textOf, textOrNumberOf } from '../text.js';

/**
 * The delivery address: the one that is set, or else that of the ngrok tunnel that forwards to the receiver's port.
 * `found` says which tunnel that is.
 *
 * Throws a Failure that says what to start or to set if there is none, or more than one.
 */
export async function findAddress(
  settings: AddressSettings,
  limits: Partial<Limits> = {},
): Promise<{ address: string; found?: string }> {
  const { address, port, ngrokApiUrls } = settings;
  if (address !== undefined) return { address };
  const instead = 'or set WEBHOOK_ADDRESS to the public address of the receiver.';
  const start = `Run \`ngrok http ${port}\` in another terminal, ${instead}`;
  const tunnels = await askAgents(ngrokApiUrls, start, limits);
  const here = tunnels.filter((tunnel) => tunnel.port === port).map(({ url }) => url);
  if (here.length === 0) {
    const elsewhere = tunnels.map((tunnel) => `${safeText(tunnel.url)} → port ${tunnel.port}`).join(', ');
    throw new Failure(
      `No ngrok tunnel forwards to port ${port} (${elsewhere}).\n` +
        `Run \`ngrok http ${port}\` in its place, or set PORT for both programs, ${instead}`,
    );
  }
  const secure = here.filter((url) => url.startsWith('https:'));
  // Newer agents list one URL twice.
  const [url = '', ...others] = new Set(secure.length > 0 ? secure : here);
  if (others.length > 0)
    throw new Failure(
      `More than one ngrok tunnel forwards to port ${port} (${safeText([url, ...others].join(', '))}).\n` +
        'Choose one with --address URL, or set WEBHOOK_ADDRESS.',
    );
  return {
    address: deliveryAddress(url, 'The address of the ngrok tunnel'),
    found: `${safeText(url)} → localhost:${port}`,
  };
}

interface Tunnel {
  url: string;
  /** The local port that it forwards to. */
  port: number;
}

/** The public tunnels of all agents that answer (ngrok documentation, "Agent API"). Another program may have the first port. */
async function askAgents(apiUrls: string[], start: string, limits: Partial<Limits>): Promise<Tunnel[]> {
  const agents: string[] = [];
  const strangers: string[] = [];
  const silent: string[] = [];
  const found: Tunnel[] = [];
  for (const apiUrl of apiUrls) {
    try {
      const response = await request(`${apiUrl}/api/tunnels`, { timeoutMs: 3000, ...limits });
      const tunnels = await readTunnels(response);
      (tunnels ? agents : strangers).push(apiUrl);
      found.push(...(tunnels ?? []));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      silent.push(`${apiUrl} (${error.message})`);
    }
  }
  if (found.length > 0) return found;
  if (agents.length > 0) throw new Failure(`The ngrok agent at ${agents.join(' or ')} has no tunnel. ${start}`);
  if (strangers.length === 0) throw new Failure(`No ngrok agent at ${silent.join(' or ')}. ${start}`);
  throw new Failure(
    `What answers at ${strangers.join(' or ')} is not an ngrok agent: set NGROK_API_URL to its web_addr, or WEBHOOK_ADDRESS.`,
  );
}

/** The public tunnels in an agent's answer; undefined if it is another program's. */
async function readTunnels(response: Response): Promise<Tunnel[] | undefined> {
  const { tunnels } = fieldsOf(await response.json().catch(() => undefined));
  if (!Array.isArray(tunnels)) return undefined;
  const all = tunnels.map((tunnel) => {
    const { public_url: url, config } = fieldsOf(tunnel);
    // "http://localhost:8081", "localhost:8081" or "8081".
    const addr = textOrNumberOf(fieldsOf(config)['addr']) ?? '';
    const [, port = addr.startsWith('https:') ? 443 : 80] = /(?:^|:)(\d+)\/?$/.exec(addr) ?? [];
    return { url: textOf(url) ?? '', port: Number(port) };
  });
  // Those to `*.internal` are not public.
  return all.filter(({ url }) => !(URL.canParse(url) && new URL(url).hostname.endsWith('.internal')));
}

/** Names that ngrok hands out. Those of free tunnels change at every start. */
export function isNgrok(address: string): boolean {
  return URL.canParse(address) && /\.ngrok(-free)?\.(app|dev|io)$/.test(new URL(address).hostname);
}

/** Whether both lead to the same receiver, which does not mind a slash at the end. */
export function isSameAddress(one: string, other: string): boolean {
  const bare = (address: string) => (URL.canParse(address) ? new URL(address).href : address).replace(/\/?(#.*)?$/, '');
  return bare(one) === bare(other);
}
