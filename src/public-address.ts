import { randomUUID } from 'node:crypto';
import { isJson, MAX_ANSWER_BYTES } from './contract.js';
import { Failure } from './failure.js';
import { fields } from './fields.js';
import type { AddressSettings } from './settings.js';
import { NoAnswer, timedFetch } from './timed-fetch.js';

/** How long RingCentral waits for the answer to a handshake (Developer Guide, "Creating Webhooks"). */
const MAX_ANSWER_MS = 3000;
const NGROK_TIMEOUT_MS = 3000;

/**
 * A delivery address as it is registered: without a path it leads to /webhook.
 *
 * Throws a Failure, in the name of the setting, where it is not an http or https URL.
 */
export function deliveryAddress(given: string, setting: string): string {
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given))
    throw new Failure(
      `${setting} is ${JSON.stringify(given)}: it takes a URL, such as https://hook.example.com/webhook`,
    );
  const url = new URL(given);
  if (url.username || url.password) throw new Failure(`${setting} takes a URL without user name and password`);
  url.hash = '';
  if (url.pathname === '/') url.pathname = '/webhook';
  return url.href;
}

/**
 * The delivery address: the one that is set, or else that of the ngrok tunnel that forwards to the receiver's port.
 *
 * Throws a Failure that says what to start or to set where there is none, or more than one.
 */
export async function findAddress(settings: AddressSettings, say: (line: string) => void): Promise<string> {
  if (settings.address !== undefined) return deliveryAddress(settings.address, 'WEBHOOK_ADDRESS');
  const { port, ngrokApiUrl } = settings;
  if (port === 0)
    throw new Failure('With PORT=0 the port changes at each start: give --address, or set WEBHOOK_ADDRESS.');
  const instead = 'or set WEBHOOK_ADDRESS to the public address of the receiver.';
  const start = `Run \`ngrok http ${port}\` in another terminal, ${instead}`;
  const tunnels = await listTunnels(ngrokApiUrl, start);
  if (tunnels.length === 0) throw new Failure(`The ngrok agent at ${ngrokApiUrl} has no tunnel. ${start}`);
  const here = tunnels.filter((tunnel) => tunnel.port === port);
  if (here.length === 0) {
    const elsewhere = tunnels.map((tunnel) => `${tunnel.url} → port ${tunnel.port}`).join(', ');
    throw new Failure(
      `No ngrok tunnel forwards to port ${port} (${elsewhere}).\n` +
        `Run \`ngrok http ${port}\` in its place, or set PORT for both programs, ${instead}`,
    );
  }
  const secure = here.filter(({ url }) => url.startsWith('https:'));
  const [found, second] = secure.length > 0 ? secure : here;
  if (second) {
    const choices = here.map(({ url }) => url).join(', ');
    const choose = 'Choose: npm run register -- --address URL';
    throw new Failure(`More than one ngrok tunnel forwards to port ${port} (${choices}).\n${choose}`);
  }
  say(`Found ngrok: ${found?.url} → localhost:${port}`);
  return deliveryAddress(found?.url ?? '', 'The address of the ngrok tunnel');
}

/** All tunnels of a running agent, with the local port that each forwards to (ngrok documentation, "Agent API"). */
async function listTunnels(ngrokApiUrl: string, start: string): Promise<{ url: string; port: number }[]> {
  const response = await timedFetch(`${ngrokApiUrl}/api/tunnels`, NGROK_TIMEOUT_MS).catch((error: unknown) => {
    throw error instanceof NoAnswer
      ? new Failure(`No ngrok agent at ${ngrokApiUrl} (${error.message}). ${start}`)
      : error;
  });
  const { tunnels } = fields(await response.json().catch(() => undefined));
  if (!Array.isArray(tunnels))
    throw new Failure(
      `What answers at ${ngrokApiUrl} is not an ngrok agent: set NGROK_API_URL to its web_addr, or WEBHOOK_ADDRESS.`,
    );
  return tunnels.map((tunnel) => {
    const { public_url: url, config } = fields(tunnel);
    // "http://localhost:8081", "localhost:8081" or "8081".
    const addr = String(fields(config)['addr']);
    const [, port = addr.startsWith('https:') ? 443 : 80] = /(?:^|:)(\d+)\/?$/.exec(addr) ?? [];
    return { url: String(url), port: Number(port) };
  });
}

/**
 * Does a handshake as RingCentral will, and resolves to how long the answer took, in milliseconds. With a verification
 * token it asks whether the receiver expects that one.
 *
 * Throws a Failure that names the rule of the contract that the answer breaks, and what to do.
 */
export async function checkAddress(address: string, verificationToken?: string): Promise<number> {
  const fail = (what: string) => new Failure(`${address} ${what}`);
  const token = randomUUID();
  const headers = { 'Validation-Token': token, ...(verificationToken && { 'Verification-Token': verificationToken }) };
  const init: RequestInit = { method: 'POST', headers, redirect: 'manual' };
  const start = performance.now();
  const answer = await timedFetch(address, MAX_ANSWER_MS, init).catch((error: unknown) => {
    throw error instanceof NoAnswer ? fail(whyNoAnswer(error)) : error;
  });
  const elapsedMs = performance.now() - start;
  const { status, headers: given } = answer;
  const ngrokError = given.get('ngrok-error-code');
  if (status === 404 && ngrokError)
    throw fail(`is the address of a tunnel that is gone (${ngrokError}): start ngrok again, with its new address.`);
  if (status === 502) throw fail('answers 502, nothing listens behind it: start the receiver with `npm start`.');
  if (status === 401)
    throw fail('expects another verification token: restart the receiver, which has not seen the change of .env.');
  if (status !== 200)
    throw fail(`answers the handshake with ${status}, not 200: does it lead to POST /webhook of \`npm start\`?`);
  if (given.get('validation-token') !== token)
    throw fail('does not echo the Validation-Token: another program than `npm start` answers there.');
  if (!isJson(given.get('content-type') ?? ''))
    throw fail(`answers with Content-Type ${given.get('content-type')}, not application/json.`);
  const lines = [...given].map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`.length + (await answer.arrayBuffer()).byteLength;
  if (bytes >= MAX_ANSWER_BYTES)
    throw fail(
      `answers with ${bytes} bytes, headers included, and RingCentral takes fewer than ${MAX_ANSWER_BYTES}: have the proxy in front of it add fewer headers.`,
    );
  return Math.round(elapsedMs);
}

function whyNoAnswer({ code, message }: NoAnswer): string {
  if (code === 'TIMEOUT')
    return `gives ${message}, all that RingCentral waits: is the receiver stopped, or the tunnel slow?`;
  if (code === 'ECONNREFUSED') return 'cannot be reached, nothing listens there: start the receiver with `npm start`.';
  if (code === 'ENOTFOUND') return 'cannot be reached, its name is not known: is the address right, and the tunnel up?';
  if (code.startsWith('ERR_SSL_'))
    return `speaks no TLS (${message}): is it http, or is the tunnel or the proxy missing?`;
  if (/CERT|SIGNATURE|ISSUER|TLS/.test(code))
    return `has a certificate that is not valid (${message}). Often the intermediate certificate is missing: serve it too.`;
  return `cannot be reached (${message}): is the receiver (\`npm start\`) up, and the tunnel?`;
}
