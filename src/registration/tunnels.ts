import { Failure } from '../errors.js';
import { request } from '../request.js';
import { deliveryAddress, isLocal, type AddressSettings } from '../settings.js';
import { safeText } from '../show.js';
import { fieldsOf, parseJson, textOf, textOrNumberOf } from '../unknown.js';

/** No tunnel leads to the receiver's port. */
export class NoTunnel extends Failure {}

/** The delivery address that is set, or else that of the tunnel to the receiver, which `found` names. Throws a Failure. */
export async function findAddress(settings: AddressSettings, signal?: AbortSignal) {
  const { address, port, isServerLocal } = settings;
  const result = address === undefined ? await findTunnel(settings, signal) : { address, found: undefined };
  if (!isLocal(result.address) || isServerLocal) return result;
  const why = 'it is on this machine or its network. Leave out WEBHOOK_ADDRESS and --address, and';
  throw new Failure(`RingCentral cannot reach ${result.address}: ${why} ${howToStart(port)}.`);
}

const howToStart = (port: number) =>
  `run \`ngrok http ${port}\` or \`cloudflared tunnel --url http://localhost:${port}\` in another terminal`;

async function findTunnel({ port, ngrokApiUrls, cloudflaredApiUrls }: AddressSettings, signal?: AbortSignal) {
  const answers = await Promise.all([
    ...ask('ngrok', 'NGROK_API_URL', ngrokApiUrls, ngrokTunnels, signal),
    ...ask('cloudflared', 'CLOUDFLARED_API_URL', cloudflaredApiUrls, cloudflaredTunnels, signal),
  ]);
  const all = answers.flat();
  const here = all.filter((each) => each.port === port && each.url.startsWith('http'));
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

function ask(program: string, setting: string, apiUrls: string[], read: typeof ngrokTunnels, signal?: AbortSignal) {
  return apiUrls.map(async (apiUrl) => {
    const tunnels = await read(apiUrl, signal).catch(() => undefined);
    // At the usual ports anything may answer, or nothing: only a URL that was set has to be right. This says that it is not.
    if (!tunnels) return apiUrls.length > 1 ? [] : [{ url: '', port: NaN, found: `no ${program} at ${setting}` }];
    return tunnels.map((each) => ({ ...each, found: `${program}: ${safeText(each.url)} → localhost:${each.port}` }));
  });
}

async function getJson(url: string, signal?: AbortSignal) {
  const answer = await request(url, { timeoutMs: 3000, signal });
  return fieldsOf(parseJson(await answer.text()));
}

/** The tunnels of an ngrok agent (ngrok documentation, "Agent API"); undefined if it is another program. */
async function ngrokTunnels(apiUrl: string, signal?: AbortSignal) {
  const { tunnels } = await getJson(`${apiUrl}/api/tunnels`, signal);
  // The list of tunnels is deprecated in favour of the endpoints.
  const list = Array.isArray(tunnels) ? tunnels : (await getJson(`${apiUrl}/api/endpoints`, signal))['endpoints'];
  if (!Array.isArray(list)) return undefined;
  const all = list.map(fieldsOf).map((each) => {
    const to = textOrNumberOf(fieldsOf(each['config'])['addr'] ?? fieldsOf(each['upstream'])['url']);
    return { url: textOf(each['public_url'] ?? each['url']) ?? '', port: portOf(to ?? '') };
  });
  // `*.internal` names are not public.
  return all.filter(({ url }) => url !== '' && !/\.internal(:\d+)?\/?$/.test(url));
}

/** The tunnels of a cloudflared (its source: "metrics", "ingress"); undefined if it is another program. */
async function cloudflaredTunnels(apiUrl: string, signal?: AbortSignal) {
  const { hostname: quick } = await getJson(`${apiUrl}/quicktunnel`, signal);
  const { config } = await getJson(`${apiUrl}/config`, signal);
  const { ingress } = fieldsOf(config);
  if (!Array.isArray(ingress)) return undefined;
  return ingress.map(fieldsOf).flatMap(({ hostname, service }) => {
    // A named tunnel has its public names in the rules, unless they are configured elsewhere or `*.example.com`.
    const name = textOf(quick) ?? textOf(hostname) ?? '*';
    // Other rules lead to `http_status:404`, `ssh://…`.
    const to = textOf(service) ?? '';
    const isUseful = /^https?:/.test(to) && !name.includes('*');
    return isUseful ? [{ url: `https://${name}`, port: portOf(to) }] : [];
  });
}

/** The port in "http://localhost:8081", "localhost:8081" or "8081". */
function portOf(to: string): number {
  const [, port = to.startsWith('https:') ? 443 : 80] = /(?:^|:)(\d+)\/?$/.exec(to) ?? [];
  return Number(port);
}

/** Whether ngrok or cloudflared handed out the name of an address. Some of these change at every start. */
export const isTunnelName = (address: string) =>
  URL.canParse(address) && /\.(ngrok(-free)?\.(app|dev|io)|trycloudflare\.com)$/.test(new URL(address).hostname);

/** Whether a subscription's address may be an earlier one of a receiver: it is the `own` one, or a tunnel's. */
export const mayBeEarlier = (address: string, own: string | undefined) =>
  isTunnelName(address) || (own !== undefined && isSameAddress(address, own));

/** Whether two addresses lead to the same receiver, which ignores a slash at the end, and gets no fragment (#…). */
export function isSameAddress(one: string, other: string): boolean {
  const bare = (address: string) => (URL.canParse(address) ? new URL(address).href : address).replace(/\/?(#.*)?$/, '');
  return bare(one) === bare(other);
}
