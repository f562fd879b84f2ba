import { createHmac } from 'node:crypto';
import { voicemailFilter } from './contract.js';
import { consoleText, credentials } from './credentials.js';
import type { Environment } from './env-file.js';
import { Failure } from './errors.js';
import { withoutPassword } from './show.js';

export { missingEnvFile, readEnvironment, type Environment } from './env-file.js';

/** The settings of the receiver. Throws a Failure. */
export function receiverSettings(env: Environment) {
  return {
    port: port(env),
    host: env['HOST']?.replace(/^\[(.*)\]$/, '$1') || undefined,
    logFormat: logFormat(env),
    verificationToken: verificationToken(env),
    hasAddress: Boolean(env['WEBHOOK_ADDRESS']),
  };
}

function port(env: Environment): number {
  const value = env['PORT'] || '8081';
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw wrong('PORT', value, 'a port number, 0 to 65535');
  return Number(value);
}

const LOG_FORMATS = ['pretty', 'summary', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How events look: LOG_FORMAT, or else pretty on a terminal and json elsewhere. Throws a Failure. */
export function logFormat(env: Environment): LogFormat {
  const value = env['LOG_FORMAT'] || (process.stdout.isTTY ? 'pretty' : 'json');
  const format = LOG_FORMATS.find((each) => each === value);
  if (!format) throw wrong('LOG_FORMAT', value, 'pretty, summary or json');
  return format;
}

/**
 * What RingCentral gets at registration and sends back with every notification: the only proof of origin that there is (API
 * reference, "WebhookDeliveryModeRequest"). WEBHOOK_VERIFICATION_TOKEN, or else derived from RINGCENTRAL_CLIENT_SECRET,
 * which both programs know and nobody else does; undefined if neither is set. Throws a Failure.
 */
export function verificationToken(env: Environment): string | undefined {
  const token = env['WEBHOOK_VERIFICATION_TOKEN'];
  if (token && !/^[\x21-\x7e]{1,255}$/.test(token))
    throw new Failure(
      'WEBHOOK_VERIFICATION_TOKEN is too long, or has characters that a header cannot hold: use at most 32 letters and digits.',
    );
  // A secret that register refuses must be refused here, too: both derive the token from it.
  const secret = token ? undefined : consoleText(env, 'RINGCENTRAL_CLIENT_SECRET');
  if (!secret) return token || undefined;
  // RingCentral refuses 64 characters and takes 32; its documents name no limit.
  return createHmac('sha256', secret).update('webhook verification token').digest('hex').slice(0, 32);
}

function wrong(name: string, value: string | undefined, takes: string): Failure {
  return new Failure(`${name} is ${JSON.stringify(value)}: it takes ${takes}`);
}

export type RingCentralSettings = ReturnType<typeof ringCentralSettings>;

/** The settings of everything that logs in. Throws a Failure that names what is missing, and where to get it. */
export function ringCentralSettings(env: Environment) {
  return {
    ...credentials(env),
    server: server(env),
    verificationToken: verificationToken(env) ?? '',
    hasOwnToken: Boolean(env['WEBHOOK_VERIFICATION_TOKEN']),
  };
}

/** A second ngrok agent on the same machine takes the next port (ngrok documentation, "Agent API"). */
const NGROK_PORTS = [4040, 4041];
/** cloudflared's metrics server takes the first free one of these (its source, since 2024.12.1). */
const CLOUDFLARED_PORTS = [20241, 20242, 20243, 20244, 20245];

export type AddressSettings = ReturnType<typeof addressSettings>;

/** How to find the receiver's public address; `given` is the one on the command line, if any. Throws a Failure. */
export function addressSettings(env: Environment, given?: string) {
  const setting = given === undefined ? 'WEBHOOK_ADDRESS' : '--address';
  const value = given ?? (env['WEBHOOK_ADDRESS'] || undefined);
  const address = value === undefined ? undefined : deliveryAddress(value, setting);
  const receiverPort = port(env);
  if (!address && receiverPort === 0)
    throw new Failure('With PORT=0 the port changes at each start: give --address, or set WEBHOOK_ADDRESS.');
  return {
    port: receiverPort,
    address,
    ngrokApiUrls: apiUrls(env, 'NGROK_API_URL', NGROK_PORTS),
    cloudflaredApiUrls: apiUrls(env, 'CLOUDFLARED_API_URL', CLOUDFLARED_PORTS),
    /** Whether RingCentral is on this machine, as in the demo: then it reaches local addresses. */
    isServerLocal: isLocal(server(env)),
  };
}

function apiUrls(env: Environment, name: string, usualPorts: number[]): string[] {
  const usual = usualPorts.map((each) => `http://127.0.0.1:${each}`);
  return env[name] ? [httpUrl(name, env[name], String(usual[0])).origin] : usual;
}

const PRODUCTION = 'https://platform.ringcentral.com';

function server(env: Environment): string {
  return httpUrl('RINGCENTRAL_SERVER', env['RINGCENTRAL_SERVER'] || PRODUCTION, PRODUCTION).origin;
}

const LOCAL_NAME = /^(localhost|.+\.(localhost|local|internal))$/;
const LOCAL_IP =
  /^((127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+|0\.0\.0\.0|\[(::1?|f[cd]..:.*|fe80:.*)\])$/;

/** Whether a URL leads to this machine or its own network: RingCentral reaches nothing there. */
export function isLocal(url: string): boolean {
  const { hostname } = new URL(url);
  return LOCAL_NAME.test(hostname) || LOCAL_IP.test(hostname);
}

/** A delivery address as it is registered: without a path it leads to /webhook. Throws a Failure that names `setting`. */
export function deliveryAddress(given: string, setting: string): string {
  const url = httpUrl(setting, given, 'https://hook.example.com/webhook');
  if (url.username || url.password) throw new Failure(`${setting} takes a URL without user name and password`);
  url.hash = '';
  if (url.pathname === '/') url.pathname = '/webhook';
  return url.href;
}

/** The file in which keep remembers what was logged. */
export function keepFile(env: Environment): string {
  return env['KEEP_FILE'] || '.keep.jsonl';
}

/** Event filters, or the numbers of extensions whose voicemails to watch. */
export type WatchSettings = { eventFilters: string[] } | { extensions: string[] | 'all' };

/** What to watch: the voicemails of the user who logs in, unless something else is set. Throws a Failure. */
export function watchSettings(env: Environment): WatchSettings {
  const { WEBHOOK_EXTENSIONS: extensions, WEBHOOK_EVENT_FILTERS: filters } = env;
  if (extensions && filters)
    throw new Failure('WEBHOOK_EXTENSIONS and WEBHOOK_EVENT_FILTERS are both set: choose one.');
  if (extensions?.toLowerCase() === 'all') return { extensions: 'all' };
  const given = (extensions || filters || voicemailFilter('~')).split(',').map((each) => each.trim());
  if (!extensions) {
    if (given.every((filter) => /^\/restapi\/\S+$/.test(filter))) return { eventFilters: given };
    throw wrong('WEBHOOK_EVENT_FILTERS', filters, 'event filters that start with /restapi/, separated by commas');
  }
  if (given.every((number) => /^\d+$/.test(number))) return { extensions: [...new Set(given)] };
  throw wrong('WEBHOOK_EXTENSIONS', extensions, 'extension numbers, separated by commas, or all');
}

function httpUrl(name: string, value: string, example: string): URL {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value))
    throw wrong(name, withoutPassword(value), `a URL, such as ${example}`);
  return new URL(value);
}
