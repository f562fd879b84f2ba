import { Failure } from '../errors.js';
import { NoAnswer, request } from '../request.js';
import { deliveryAddress, isLocal, type AddressSettings } from '../settings.js';
import { safeText } from '../show.js';
import { fieldsOf, textOf, textOrNumberOf } from '../unknown.js';

/** No tunnel leads to the receiver's port. */
export class NoTunnel extends Failure {}

/**
 * The delivery address: the one in the settings, or else that of the tunnel to the receiver's port, which `found` shows.
 * Throws a Failure that says what to start or to set: NoTunnel if there is none.
 */
export async function findAddress(settings: AddressSettings, signal?: AbortSignal) {
  const { address, port, isServerLocal } = settings;
  const result = address === undefined ? await findTunnel(settings, signal) : { address, found: undefined };
  if (!isLocal(result.address) || isServerLocal) return result;
  const why = 'it is on this machine or its network. Leave out WEBHOOK_ADDRESS and --address, and';
  throw new Failure(`RingCentral cannot reach ${result.address}: ${why} ${howToStart(port)}.`);
}

const WEB = /^https?:/;

const howToStart = (port: number) =>
  `run \`ngrok http ${port}\` or \`cloudflared tunnel --url http://localhost:${port}\` in another terminal`;

async function findTunnel({ port, ngrokApiUrls, cloudflaredApiUrls }: AddressSettings, signal?: AbortSignal) {
  const answers = await Promise.all([
    ...ask('ngrok', 'NGROK_API_URL', ngrokApiUrls, ngrokTunnels, signal),
    ...ask('cloudflared', 'CLOUDFLARED_API_URL', cloudflaredApiUrls, cloudflaredTunnels, signal),
  ]);
  const all = answers.flat();
  const here = all.filter((each) => each.port === port && WEB.test(each.url));
  const secure = here.filter(({ url }) => url.startsWith('https:'));
  // Newer agents of ngrok list one URL twice.
  const byUrl = new Map((secure.length > 0 ? secure : here).map((each) => [each.url, each]));
  const [chosen] = byUrl.values();
  const shown = (tunnels: Iterable<{ found: string }>) => Array.from(tunnels, ({ found }) => found).join('; ');
  const next = `${howToStart(port)}, or set WEBHOOK_ADDRESS to the public address.`;
  const instead = all.length > 0 ? `\nFound instead: ${shown(all)}.` : '';
  if (!chosen) throw new NoTunnel(`No tunnel to port ${port}: ${next}${instead}`);
  if (byUrl.size === 1) return { address: deliveryAddress(chosen.url, 'The tunnel'), found: chosen.found };
  const choose = 'Choose one with --address URL, or set WEBHOOK_ADDRESS.';
  throw new Failure(`More than one tunnel leads to port ${port}: ${shown(byUrl.values())}.\n${choose}`);
}

/** A public address, and the local port that it leads to. */
type Tunnel = { url: string; port: number };

/** Reads a program's tunnels, undefined if it is another program. `get` is a path of its API → the fields of its answer. */
type Read = (get: (path: string) => Promise<Record<string, unknown>>) => Promise<Tunnel[] | undefined>;

/** Asks a program at each URL, all at the same time. */
function ask(program: string, setting: string, apiUrls: string[], read: Read, signal: AbortSignal | undefined) {
  return apiUrls.map(async (apiUrl) => {
    const tunnels = await read(async (path) => {
      const answer = await request(`${apiUrl}${path}`, { timeoutMs: 3000, signal });
      return fieldsOf(await answer.json().catch(() => undefined));
    }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
    });
    // At the usual ports anything may answer, or nothing: only a URL that was set has to be right.
    if (!tunnels) return apiUrls.length > 1 ? [] : [{ url: '', port: NaN, found: `no ${program} at ${setting}` }];
    return tunnels.map((each) => ({ ...each, found: `${program}: ${safeText(each.url)} → localhost:${each.port}` }));
  });
}

/** An ngrok agent's (ngrok documentation, "Agent API"). Its list of tunnels is deprecated in favour of the endpoints. */
const ngrokTunnels: Read = async (get) => {
  const { tunnels } = await get('/api/tunnels');
  const list = Array.isArray(tunnels) ? tunnels : (await get('/api/endpoints'))['endpoints'];
  if (!Array.isArray(list)) return undefined;
  const all = list.map(fieldsOf).map((each) => {
    const to = textOrNumberOf(fieldsOf(each['config'])['addr']) ?? textOf(fieldsOf(each['upstream'])['url']) ?? '';
    return { url: textOf(each['public_url']) ?? textOf(each['url']) ?? '', port: portOf(to) };
  });
  // `*.internal` names are not public.
  return all.filter(({ url }) => url !== '' && !/\.internal(:\d+)?\/?$/.test(url));
};

/** A cloudflared's (its source: "metrics", "ingress"). */
const cloudflaredTunnels: Read = async (get) => {
  const [{ hostname: quick }, { config }] = await Promise.all([get('/quicktunnel'), get('/config')]);
  const { ingress } = fieldsOf(config);
  if (typeof quick !== 'string' || !Array.isArray(ingress)) return undefined;
  return ingress.map(fieldsOf).flatMap(({ hostname, service }) => {
    // A named tunnel has its public names in the rules, unless they are configured elsewhere or `*.example.com`.
    const name = textOf(quick) ?? textOf(hostname) ?? '*';
    // Other rules lead to `http_status:404`, `ssh://…`.
    const isUseful = WEB.test(String(service)) && !name.includes('*');
    return isUseful ? [{ url: `https://${name}`, port: portOf(String(service)) }] : [];
  });
};

/** The port in "http://localhost:8081", "localhost:8081" or "8081". */
function portOf(to: string): number {
  const [, port = to.startsWith('https:') ? 443 : 80] = /(?:^|:)(\d+)\/?$/.exec(to) ?? [];
  return Number(port);
}

/** Names that ngrok and cloudflared hand out. Most of them change at every start. */
export function isTunnelName(address: string): boolean {
  return URL.canParse(address) && /\.(ngrok(-free)?\.(app|dev|io)|trycloudflare\.com)$/.test(new URL(address).hostname);
}

/** Whether two addresses lead to the same receiver, which ignores a slash at the end. */
export function isSameAddress(one: string, other: string): boolean {
  const bare = (address: string) => (URL.canParse(address) ? new URL(address).href : address).replace(/\/?(#.*)?$/, '');
  return bare(one) === bare(other);
}
