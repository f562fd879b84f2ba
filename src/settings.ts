import { createHmac } from 'node:crypto';
import { voicemailFilter } from './contract.js';
import { overriddenSettings, whereToSet, type Environment } from './env-file.js';
import { Failure } from './errors.js';
import { withoutPassword } from './show.js';

export { readEnvironment, whereToSet, type Environment } from './env-file.js';

export type LogFormat = 'pretty' | 'summary' | 'json';
export type RingCentralSettings = ReturnType<typeof ringCentralSettings>;
export type AddressSettings = ReturnType<typeof addressSettings>;
/** Event filters, or the numbers of extensions whose voicemails to watch. */
export type WatchSettings = { eventFilters: string[] } | { extensions: string[] | 'all' };

/** The settings of the receiver, and of keep's memory. Throws a Failure. */
export function receiverSettings(env: Environment) {
  return {
    port: port(env),
    host: env['HOST']?.replace(/^\[(.*)\]$/, '$1') || undefined,
    logFormat: logFormat(env),
    verificationToken: verificationToken(env),
    hasAddress: Boolean(env['WEBHOOK_ADDRESS']),
    keepFile: env['KEEP_FILE'] || '.keep.jsonl',
  };
}

function port(env: Environment): number {
  const value = env['PORT'] || '8081';
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw wrong('PORT', value, 'a port number, 0 to 65535');
  return Number(value);
}

/** How events look: LOG_FORMAT, or else pretty on a terminal and json elsewhere. Throws a Failure. */
export function logFormat(env: Environment): LogFormat {
  const value = env['LOG_FORMAT'] || (process.stdout.isTTY ? 'pretty' : 'json');
  if (value === 'pretty' || value === 'summary' || value === 'json') return value;
  throw wrong('LOG_FORMAT', value, 'pretty, summary or json');
}

/** The proof of origin: WEBHOOK_VERIFICATION_TOKEN, or else derived from the client secret, if set. Throws a Failure. */
export function verificationToken(env: Environment): string | undefined {
  const token = env['WEBHOOK_VERIFICATION_TOKEN'] ?? '';
  if (!/^[\x21-\x7e]{0,255}$/.test(token))
    throw new Failure('WEBHOOK_VERIFICATION_TOKEN does not fit into a header: use at most 32 letters and digits.');
  if (token) return token;
  const secret = consoleText(env, 'RINGCENTRAL_CLIENT_SECRET');
  if (!secret) return undefined;
  // RingCentral refuses 64 characters and takes 32; its documents name no limit.
  return createHmac('sha256', secret).update('webhook verification token').digest('hex').slice(0, 32);
}

const APP_HELP =
  'The page of your app shows its client id and secret. To create an app: https://developers.ringcentral.com/new-app' +
  '?name=Voicemail+Webhook&grantType=PersonalJWT&public=false&type=ServerOther&permissions=SubscriptionWebhook,ReadMessages';
const JWT_HELP =
  'The JWT is yours: https://developers.ringcentral.com/console, your name at the top right, Credentials, Create JWT.';
/** Setting → where to get it, and its names in other programs, such as RingCentral's own samples (ringcentral-api-docs). */
const SOURCES: Record<string, [help: string, otherName: RegExp]> = {
  RINGCENTRAL_CLIENT_ID: [APP_HELP, /^((ringcentral|rc)_)?(app_|user_)?client_?id$/i],
  RINGCENTRAL_CLIENT_SECRET: [APP_HELP, /^((ringcentral|rc)_)?(app_|user_)?client_?secret$/i],
  RINGCENTRAL_JWT: [JWT_HELP, /^((ringcentral|rc)_)?(app_|user_)?jwt(_token|_assertion)?$/i],
  RINGCENTRAL_SERVER: ['', /^(ringcentral|rc)_server(_url)?$/i],
};

/** The settings of everything that logs in. Throws a Failure that names what is missing, and where to get it. */
export function ringCentralSettings(env: Environment) {
  const { RINGCENTRAL_USERNAME: username = '', RINGCENTRAL_PASSWORD: password = '' } = env;
  const jwt = consoleText(env, 'RINGCENTRAL_JWT', /^([^.]+\.[^.]+\.[^.]+)?$/);
  failIfNotSet(env, username && !jwt ? 'RINGCENTRAL_PASSWORD' : 'RINGCENTRAL_JWT');
  return {
    clientId: consoleText(env, 'RINGCENTRAL_CLIENT_ID'),
    clientSecret: consoleText(env, 'RINGCENTRAL_CLIENT_SECRET'),
    // RingCentral ended the password login on 2024-03-31: some accounts still have it.
    login: jwt ? { jwt } : { username, password, extension: env['RINGCENTRAL_EXTENSION'] ?? '' },
    server: server(env),
    verificationToken: verificationToken(env) ?? '',
    hasOwnToken: Boolean(env['WEBHOOK_VERIFICATION_TOKEN']),
    overridden: overriddenSettings(env),
  };
}

function failIfNotSet(env: Environment, loginName: string): void {
  const missing = ['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_CLIENT_SECRET', loginName].filter((name) => !env[name]);
  const lines = missing.length > 0 ? [`Not set: ${missing.join(', ')}. ${whereToSet()}`] : [];
  // The server may be left out, but not be set under another name.
  for (const name of [...missing, 'RINGCENTRAL_SERVER'].filter((each) => !env[each])) {
    const [help = '', otherName] = SOURCES[name] ?? [];
    const other = Object.keys(env).find((each) => env[each] && otherName?.test(each));
    const line = other ? `${other} is not read: here it is called ${name}.` : help;
    if (line && !lines.includes(line)) lines.push(line);
  }
  if (lines.length > 0) throw new Failure(lines.join('\n'));
}

/** A value from RingCentral's developer console; empty if it is not set. Throws a Failure if it was copied wrongly. */
function consoleText(env: Environment, name: string, whole = /^/): string {
  const value = env[name] ?? '';
  if (/[^\x21-\x7e]|["'`]/.test(value) || !whole.test(value))
    throw new Failure(`${name} is cut off, or has a space or a quote in it: it is one line, copy it again.`);
  return value;
}

/** How to find the receiver's public address; `given` is the one on the command line, if any. Throws a Failure. */
export function addressSettings(env: Environment, given?: string) {
  const own = env['WEBHOOK_ADDRESS'] || undefined;
  return {
    port: port(env),
    address: given === undefined ? own && deliveryAddress(own, 'WEBHOOK_ADDRESS') : deliveryAddress(given, '--address'),
    // A second ngrok takes the next port (its documentation, "Agent API"), cloudflared the first free one (its source).
    ngrokApiUrls: apiUrls(env, 'NGROK_API_URL', [4040, 4041]),
    cloudflaredApiUrls: apiUrls(env, 'CLOUDFLARED_API_URL', [20241, 20242, 20243, 20244, 20245]),
    /** Whether RingCentral is on this machine, as in the demo: then it reaches local addresses. */
    isServerLocal: isLocal(server(env)),
  };
}

function apiUrls(env: Environment, name: string, ports: number[]): string[] {
  const usual = ports.map((each) => `http://127.0.0.1:${each}`);
  return env[name] ? [httpUrl(name, env[name], String(usual[0])).origin] : usual;
}

const PRODUCTION = 'https://platform.ringcentral.com';
const server = (env: Environment) =>
  httpUrl('RINGCENTRAL_SERVER', env['RINGCENTRAL_SERVER'] || PRODUCTION, PRODUCTION).origin;

const LOCAL_NAME = /^(localhost|.+\.(localhost|local|internal))$/;
const LOCAL_IP = /^((0|10|127|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+|\[(::1?|f[cd]..:.*|fe80:.*)\])$/;

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

/** What to watch: the voicemails of the user who logs in, unless something else is set. Throws a Failure. */
export function watchSettings(env: Environment): WatchSettings {
  const { WEBHOOK_EXTENSIONS: extensions, WEBHOOK_EVENT_FILTERS: filters } = env;
  if (extensions && filters) throw new Failure('Set WEBHOOK_EXTENSIONS or WEBHOOK_EVENT_FILTERS, not both.');
  if (extensions?.toLowerCase() === 'all') return { extensions: 'all' };
  const items = (extensions || filters || voicemailFilter('~')).split(',').map((each) => each.trim());
  if (extensions && !items.every((each) => /^\d+$/.test(each)))
    throw wrong('WEBHOOK_EXTENSIONS', extensions, 'extension numbers, separated by commas, or all');
  if (filters && !items.every((each) => /^\/restapi\/\S+$/.test(each)))
    throw wrong('WEBHOOK_EVENT_FILTERS', filters, 'event filters that start with /restapi/, separated by commas');
  return extensions ? { extensions: [...new Set(items)] } : { eventFilters: items };
}

function httpUrl(name: string, value: string, example: string): URL {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value))
    throw wrong(name, withoutPassword(value), `a URL, such as ${example}`);
  return new URL(value);
}

const wrong = (name: string, value: string, takes: string) =>
  new Failure(`${name} is ${JSON.stringify(value)}: it takes ${takes}`);
