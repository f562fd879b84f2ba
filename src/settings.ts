import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'dotenv';
import { voicemailFilter } from './contract.js';
import { codeOf, Failure, withoutPassword } from './text.js';

export type Environment = Record<string, string | undefined>;

/** What is set in the environment, and what `.env` in the current folder adds. Throws a Failure if that cannot be read. */
export function readEnvironment(): Environment {
  let file: Buffer;
  try {
    file = readFileSync('.env');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return process.env;
    throw new Failure(`.env cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  // Every ASCII character of UTF-16 has a null byte. PowerShell's `>` writes it.
  if (file.includes(0)) throw new Failure(`${resolve('.env')} is in UTF-16: save it in UTF-8.`);
  return { ...parse(file), ...process.env };
}

/** The path where `.env` was looked for and is not; undefined if it is there. */
export function missingEnvFile(): string | undefined {
  return existsSync('.env') ? undefined : resolve('.env');
}

/** What to add if something is not reached and a proxy is set that Node.js does not use; empty otherwise. */
export function proxyHint(): string {
  const name = ['HTTPS_PROXY', 'https_proxy'].find((each) => process.env[each]);
  if (!name || process.env['NODE_USE_ENV_PROXY'] === '1') return '';
  return `; ${name} is set, but Node.js only uses it from version 24 on, with NODE_USE_ENV_PROXY=1`;
}

export type ReceiverSettings = ReturnType<typeof receiverSettings>;

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

/** The port of the receiver. 0 is any free one. */
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
 * The token that RingCentral gets at registration and sends back with every notification: the only proof of origin
 * that there is (API reference, "WebhookDeliveryModeRequest").
 *
 * WEBHOOK_VERIFICATION_TOKEN, or else 32 hexadecimal digits derived from RINGCENTRAL_CLIENT_SECRET, which both programs
 * know and nobody else does; undefined if neither is set. Throws a Failure.
 */
export function verificationToken(env: Environment): string | undefined {
  const { WEBHOOK_VERIFICATION_TOKEN: token, RINGCENTRAL_CLIENT_SECRET: secret } = env;
  if (token && !/^[\x21-\x7e]{1,255}$/.test(token))
    throw new Failure(
      'WEBHOOK_VERIFICATION_TOKEN is too long, or no header can hold it: use at most 32 letters and digits.',
    );
  if (token || !secret) return token || undefined;
  // RingCentral refuses 64 characters and takes 32; its documents name no limit.
  return createHmac('sha256', secret).update('webhook verification token').digest('hex').slice(0, 32);
}

function wrong(name: string, value: string, takes: string): Failure {
  return new Failure(`${name} is ${JSON.stringify(value)}: it takes ${takes}`);
}

/** How to log in: with a JWT, or with a password if the account still allows it (discontinued on 2024-03-31). */
type Login = { jwt: string } | { username: string; password: string; extension?: string };

export type RingCentralSettings = ReturnType<typeof ringCentralSettings>;

const PRODUCTION = 'https://platform.ringcentral.com';
/** What is missing → where to get it. The link fills in RingCentral's form for a new app: JWT login, both permissions. */
const SOURCES: Record<string, string> = {
  RINGCENTRAL_CLIENT_ID:
    'The page of your app shows its client id and secret. To create an app: https://developers.ringcentral.com/new-app' +
    '?name=Voicemail+Webhook&grantType=PersonalJWT&public=false&type=ServerOther&permissions=SubscriptionWebhook,ReadMessages',
  RINGCENTRAL_JWT:
    'The JWT is yours: https://developers.ringcentral.com/console, your name at the top right, Credentials, Create JWT.',
};

/** The settings of everything that logs in. Throws a Failure that names all that are missing, and where to get them. */
export function ringCentralSettings(env: Environment) {
  if (env['RINGCENTRAL_SERVER_URL'] && !env['RINGCENTRAL_SERVER'])
    throw new Failure('RINGCENTRAL_SERVER_URL is not read: here it is called RINGCENTRAL_SERVER.');
  const server = httpUrl('RINGCENTRAL_SERVER', env['RINGCENTRAL_SERVER'] || PRODUCTION, PRODUCTION).origin;
  const clientId = consoleText(env, 'RINGCENTRAL_CLIENT_ID');
  const clientSecret = consoleText(env, 'RINGCENTRAL_CLIENT_SECRET');
  const jwt = consoleText(env, 'RINGCENTRAL_JWT');
  const { RINGCENTRAL_USERNAME: username, RINGCENTRAL_PASSWORD: password, RINGCENTRAL_EXTENSION: extension } = env;
  const user: Login | undefined =
    username && password ? { username, password, ...(extension && { extension }) } : undefined;
  const login = jwt ? { jwt } : user;
  const token = { verificationToken: verificationToken(env) ?? '', hasOwnToken: !!env['WEBHOOK_VERIFICATION_TOKEN'] };
  if (clientId && clientSecret && login) return { server, clientId, clientSecret, login, ...token };
  const loginName = username ? 'RINGCENTRAL_PASSWORD' : 'RINGCENTRAL_JWT';
  const all: Record<string, unknown> = {
    RINGCENTRAL_CLIENT_ID: clientId,
    RINGCENTRAL_CLIENT_SECRET: clientSecret,
    [loginName]: login,
  };
  const missing = Object.keys(all).filter((name) => !all[name]);
  const missingFile = missingEnvFile();
  const where = missingFile ? `There is no ${missingFile}: copy .env.example to it` : `Go to ${resolve('.env')}`;
  const sources = missing.flatMap((name) => SOURCES[name.replace('SECRET', 'ID')] ?? []);
  throw new Failure([`Not set: ${missing.join(', ')}. ${where}, and fill it in.`, ...new Set(sources)].join('\n'));
}

/** Something to copy from RingCentral's developer console. */
function consoleText(env: Environment, name: string): string | undefined {
  const value = env[name] || undefined;
  if (value && /[^\x21-\x7e]/.test(value))
    throw new Failure(
      `${name} has a character that RingCentral never uses, such as a space or a curly quote: copy it again.`,
    );
  return value;
}

/** A second agent on the same machine takes the next port (ngrok documentation, "Agent API"). */
const NGROK_API_URLS: [string, string] = ['http://127.0.0.1:4040', 'http://127.0.0.1:4041'];

export type AddressSettings = ReturnType<typeof addressSettings>;

/** How to find the receiver's public address; `given` is that of the command line, if any. Throws a Failure. */
export function addressSettings(env: Environment, given?: string) {
  const setting = given === undefined ? 'WEBHOOK_ADDRESS' : '--address';
  const value = given ?? (env['WEBHOOK_ADDRESS'] || undefined);
  const address = value === undefined ? undefined : deliveryAddress(value, setting);
  const receiverPort = port(env);
  if (!address && receiverPort === 0)
    throw new Failure('With PORT=0 the port changes at each start: give --address, or set WEBHOOK_ADDRESS.');
  const apiUrl = env['NGROK_API_URL'] && httpUrl('NGROK_API_URL', env['NGROK_API_URL'], NGROK_API_URLS[0]).origin;
  return { port: receiverPort, address, ngrokApiUrls: apiUrl ? [apiUrl] : NGROK_API_URLS };
}

/** A delivery address as it is registered: without a path it leads to /webhook. Throws a Failure in the name of `setting`. */
export function deliveryAddress(given: string, setting: string): string {
  const url = httpUrl(setting, given, 'https://hook.example.com/webhook');
  if (url.username || url.password) throw new Failure(`${setting} takes a URL without user name and password`);
  url.hash = '';
  if (url.pathname === '/') url.pathname = '/webhook';
  return url.href;
}

/** The event filters to subscribe to. Throws a Failure. */
export function eventFilters(env: Environment): string[] {
  const value = env['WEBHOOK_EVENT_FILTERS'] || voicemailFilter('~');
  const filters = value.split(',').map((filter) => filter.trim());
  if (!filters.every((filter) => /^\/restapi\/\S+$/.test(filter)))
    throw wrong('WEBHOOK_EVENT_FILTERS', value, 'event filters that start with /restapi/, separated by commas');
  return filters;
}

function httpUrl(name: string, value: string, example: string): URL {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value))
    throw wrong(name, withoutPassword(value), `a URL, such as ${example}`);
  return new URL(value);
}
