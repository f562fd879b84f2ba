import { NoAnswer, request } from '../request.js';
import { deliveryAddress, isLocal, type AddressSettings } from '../settings.js';
import { Failure } from '../errors.js';
import { safeText } from '../show.js';
import { fieldsOf, textOf, textOrNumberOf } from '../unknown.js';

/** No tunnel leads to the receiver's port. */
export class NoTunnel extends Failure {}

/**
 * The delivery address: the one in the settings, or else that of the tunnel to the receiver's port, which `found` shows.
 * Throws a Failure that says what to start or to set: NoTunnel if there is none.
 */
export async function findAddress(
  settings: AddressSettings,
  signal?: AbortSignal,
): Promise<{ address: string; found?: string }> {
  const { address, port, isServerLocal } = settings;
  const result = address === undefined ? await findTunnel(settings, signal) : { address };
  if (!isServerLocal && isLocal(result.address))
    throw new Failure(
      `RingCentral cannot reach ${result.address}: it is an address of this machine or its network.\n` +
        `Leave out WEBHOOK_ADDRESS and --address, and ${howToStart(port)}: the tunnel's address is found then.`,
    );
  return result;
}

const howToStart = (port: number) =>
  `run \`ngrok http ${port}\` or \`cloudflared tunnel --url http://localhost:${port}\` in another terminal`;

/** A public address, empty if the program does not know it, and the local port that it leads to. */
type Tunnel = { url: string; port: number };

async function findTunnel(settings: AddressSettings, signal: AbortSignal | undefined) {
  const { port, ngrokApiUrls, cloudflaredApiUrls } = settings;
  const answers = await Promise.all([
    ...ask('ngrok', 'NGROK_API_URL', ngrokApiUrls, ngrokTunnels, signal),
    ...ask('cloudflared', 'CLOUDFLARED_API_URL', cloudflaredApiUrls, cloudflaredTunnels, signal),
  ]);
  const tunnels = answers.flatMap((answer) => answer.tunnels);
  const here = tunnels.filter((each) => each.port === port && isWeb(each.url));
  const secure = here.filter(({ url }) => url.startsWith('https:'));
  // Newer agents of ngrok list one URL twice.
  const byUrl = new Map((secure.length > 0 ? secure : here).map((each) => [each.url, each]));
  const [chosen, ...others] = byUrl.values();
  if (!chosen) {
    const instead = [...tunnels.map(shownTunnel), ...answers.flatMap(({ problem }) => problem ?? [])].join('; ');
    throw new NoTunnel(
      `No tunnel to port ${port}: ${howToStart(port)}, or set WEBHOOK_ADDRESS to the public address.` +
        (instead && `\nFound instead: ${instead}.`),
    );
  }
  if (others.length > 0)
    throw new Failure(
      `More than one tunnel leads to port ${port}: ${[chosen, ...others].map(shownTunnel).join('; ')}.\n` +
        'Choose one with --address URL, or set WEBHOOK_ADDRESS.',
    );
  const { program, url } = chosen;
  const address = deliveryAddress(url, `The address of the ${program} tunnel`);
  return { address, found: `${program}: ${safeText(url)} → localhost:${port}` };
}

function isWeb(url: string): boolean {
  return /^https?:/.test(url);
}

function shownTunnel({ program, url, port }: Tunnel & { program: string }): string {
  const note = url === '' || isWeb(url) ? '' : ' (but RingCentral needs http)';
  return `${program} ${safeText(url) || '(public name unknown)'} → port ${port}${note}`;
}

/** Gets a path of a program's API. Resolves to the fields of the answer; none if it is not JSON. */
type Get = (path: string) => Promise<Record<string, unknown>>;

/** Asks each URL, all at the same time. `read` resolves to undefined if another program answers. */
function ask(
  program: string,
  setting: string,
  apiUrls: string[],
  read: (get: Get) => Promise<Tunnel[] | undefined>,
  signal: AbortSignal | undefined,
) {
  return apiUrls.map(async (apiUrl) => {
    const get: Get = async (path) => {
      const answer = await request(`${apiUrl}${path}`, { timeoutMs: 3000, signal });
      return fieldsOf(await answer.json().catch(() => undefined));
    };
    let why = `another program than ${program} answers there`;
    try {
      const found = await read(get);
      if (found)
        return {
          tunnels: found.map((each) => ({ program, ...each })),
          problem: found.length === 0 ? `${program} without a tunnel, at ${apiUrl}` : undefined,
        };
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      why = `nothing answers there (${error.message})`;
    }
    // At the usual ports anything may answer, or nothing: only a URL that was set has to be right.
    return { tunnels: [], problem: apiUrls.length === 1 ? `${setting} is ${apiUrl}, and ${why}` : undefined };
  });
}

/** The public tunnels of an ngrok agent (ngrok documentation, "Agent API"); undefined if it is another program. */
async function ngrokTunnels(get: Get): Promise<Tunnel[] | undefined> {
  const { tunnels } = await get('/api/tunnels');
  // The list of tunnels is deprecated in favour of the endpoints.
  const list = Array.isArray(tunnels) ? tunnels : (await get('/api/endpoints'))['endpoints'];
  if (!Array.isArray(list)) return undefined;
  const all = list.map(fieldsOf).map((each) => ({
    url: textOf(each['public_url']) ?? textOf(each['url']) ?? '',
    port: portOf(textOrNumberOf(fieldsOf(each['config'])['addr']) ?? textOf(fieldsOf(each['upstream'])['url']) ?? ''),
  }));
  // `*.internal` names are not public.
  return all.filter(({ url }) => url !== '' && !(URL.canParse(url) && new URL(url).hostname.endsWith('.internal')));
}

/** The tunnels of a cloudflared (its source: "metrics", "ingress"); undefined if it is another program. */
async function cloudflaredTunnels(get: Get): Promise<Tunnel[] | undefined> {
  const [{ hostname: quick }, { config }] = await Promise.all([get('/quicktunnel'), get('/config')]);
  const { ingress } = fieldsOf(config);
  if (typeof quick !== 'string' || !Array.isArray(ingress)) return undefined;
  return ingress.map(fieldsOf).flatMap((rule) => {
    // Others are `http_status:404`, `ssh://…`.
    const service = textOf(rule['service']) ?? '';
    if (!isWeb(service)) return [];
    // A named tunnel has its public names in the rules, unless they are configured elsewhere or `*.example.com`.
    const name = textOf(quick) ?? textOf(rule['hostname']);
    return { url: name && !name.includes('*') ? `https://${name}` : '', port: portOf(service) };
  });
}

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
