import { createHmac } from 'node:crypto';
import { config } from 'dotenv';
import type { LogFormat } from './event-log.js';
import { Failure } from './failure.js';

type Environment = Record<string, string | undefined>;

/**
 * What is set in the environment, and what `.env` in this folder adds to it.
 *
 * Throws a Failure where `.env` is there but cannot be read.
 */
export function readEnvironment(): Environment {
  const { error } = config({ quiet: true });
  if (error && error.code !== 'ENOENT') throw new Failure(`.env cannot be read: ${error.message}`);
  return process.env;
}

export type ReceiverSettings = ReturnType<typeof receiverSettings>;

/** The settings of the receiver. Throws a Failure. */
export function receiverSettings(env: Environment) {
  return {
    port: port(env),
    host: env['HOST'] || undefined,
    logFormat: logFormat(env),
    corsOrigin: corsOrigin(env),
    verificationToken: verificationToken(env),
    webhookAddress: env['WEBHOOK_ADDRESS'] || undefined,
  };
}

/** The port of the receiver. 0 is one that is free. */
function port(env: Environment): number {
  const value = env['PORT'] || '8081';
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw bad('PORT', value, 'a port number, 0 to 65535');
  return Number(value);
}

/** How events look; undefined leaves it to where they go. Throws a Failure. */
export function logFormat(env: Environment): LogFormat | undefined {
  const value = env['LOG_FORMAT'] || undefined;
  if (value !== undefined && value !== 'pretty' && value !== 'json') throw bad('LOG_FORMAT', value, 'pretty or json');
  return value;
}

function corsOrigin(env: Environment): string {
  const value = env['CORS_ORIGIN'] || '*';
  if (value !== '*' && !(URL.canParse(value) && new URL(value).origin === value))
    throw bad('CORS_ORIGIN', value, '* or one origin, such as https://example.com');
  return value;
}

/**
 * The token that RingCentral is given at registration and sends back with every notification: the only proof of origin
 * that there is (API reference, "WebhookDeliveryModeRequest").
 *
 * WEBHOOK_VERIFICATION_TOKEN, or else 43 characters derived from RINGCENTRAL_CLIENT_SECRET, which both programs know and
 * nobody else does; undefined where neither is set. Throws a Failure.
 */
export function verificationToken(env: Environment): string | undefined {
  const token = env['WEBHOOK_VERIFICATION_TOKEN'] || undefined;
  if (token !== undefined && !/^[\x21-\x7e]{1,255}$/.test(token))
    throw new Failure('WEBHOOK_VERIFICATION_TOKEN takes 1 to 255 printable ASCII characters without spaces');
  return token ?? derivedToken(env);
}

function derivedToken(env: Environment): string | undefined {
  const secret = env['RINGCENTRAL_CLIENT_SECRET'] || undefined;
  return secret && createHmac('sha256', secret).update('webhook verification token').digest('base64url');
}

function bad(name: string, value: string, takes: string): Failure {
  return new Failure(`${name} is ${JSON.stringify(value)}: it takes ${takes}`);
}

/** How to log in: with a JWT, or with a password where the account still allows it (discontinued on 2024-03-31). */
type Login = { jwt: string } | { username: string; password: string; extension?: string };

export type RingCentralSettings = ReturnType<typeof ringCentralSettings>;

/** RingCentral's form for a new app, filled in: JWT login, and the two permissions that voicemail webhooks need. */
const NEW_APP =
  'https://developers.ringcentral.com/new-app?name=Voicemail+Webhook&grantType=PersonalJWT&public=false&type=ServerOther' +
  '&permissions=SubscriptionWebhook,ReadMessages';

/** The settings of all that logs in. Throws a Failure that names all that are missing, and where to get them. */
export function ringCentralSettings(env: Environment) {
  const server = httpUrl(env, 'RINGCENTRAL_SERVER', 'https://platform.ringcentral.com').origin;
  const clientId = consoleText(env, 'RINGCENTRAL_CLIENT_ID');
  const clientSecret = consoleText(env, 'RINGCENTRAL_CLIENT_SECRET');
  const login = readLogin(env);
  if (clientId && clientSecret && login) return { server, clientId, clientSecret, login };
  const loginName = env['RINGCENTRAL_USERNAME'] ? 'RINGCENTRAL_PASSWORD' : 'RINGCENTRAL_JWT';
  const all = { RINGCENTRAL_CLIENT_ID: clientId, RINGCENTRAL_CLIENT_SECRET: clientSecret, [loginName]: login };
  const missing = Object.entries(all).flatMap(([name, value]) => (value ? [] : [name]));
  throw new Failure(
    `Not set: ${missing.join(', ')}. Put them into .env (\`cp .env.example .env\`).\n` +
      `The page of your app shows its client id and secret. To create one: ${NEW_APP}\n` +
      'The JWT is yours: https://developers.ringcentral.com/console, your name at the top right, Credentials, Create JWT.',
  );
}

function readLogin(env: Environment): Login | undefined {
  const jwt = consoleText(env, 'RINGCENTRAL_JWT');
  if (jwt) return { jwt };
  const { RINGCENTRAL_USERNAME: username, RINGCENTRAL_PASSWORD: password, RINGCENTRAL_EXTENSION: extension } = env;
  return username && password ? { username, password, ...(extension && { extension }) } : undefined;
}

/** Something to copy from RingCentral's developer console. */
function consoleText(env: Environment, name: string): string | undefined {
  const value = env[name] || undefined;
  if (value && /[^\x21-\x7e]/.test(value))
    throw new Failure(
      `${name} holds what the developer console never shows, such as a space or a curly quote: copy it again.`,
    );
  return value;
}

export type AddressSettings = ReturnType<typeof addressSettings>;

/** Where to find the receiver's public address. Throws a Failure. */
export function addressSettings(env: Environment) {
  return {
    port: port(env),
    address: env['WEBHOOK_ADDRESS'] || undefined,
    ngrokApiUrl: httpUrl(env, 'NGROK_API_URL', 'http://127.0.0.1:4040').origin,
  };
}

/** The voicemails of the user who logs in, as an event filter, and as the name of an event. */
export const VOICEMAIL_EVENT = '/restapi/v1.0/account/~/extension/~/voicemail';

/** What to be told of. Throws a Failure. */
export function eventFilters(env: Environment): string[] {
  const value = env['WEBHOOK_EVENT_FILTERS'] || VOICEMAIL_EVENT;
  const filters = value.split(',').map((filter) => filter.trim());
  if (!filters.every((filter) => /^\/restapi\/\S+$/.test(filter)))
    throw bad('WEBHOOK_EVENT_FILTERS', value, 'event filters that start with /restapi/, separated by commas');
  return filters;
}

function httpUrl(env: Environment, name: string, otherwise: string): URL {
  const value = env[name] || otherwise;
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) throw bad(name, value, `a URL, such as ${otherwise}`);
  return new URL(value);
}

/** What must never be shown, wherever it turns up. Shorter ones are no secrets, and would be found in every word. */
export function secrets(env: Environment): string[] {
  const names = ['RINGCENTRAL_CLIENT_SECRET', 'RINGCENTRAL_JWT', 'RINGCENTRAL_PASSWORD', 'WEBHOOK_VERIFICATION_TOKEN'];
  return [...names.map((name) => env[name] ?? ''), derivedToken(env) ?? ''].filter((secret) => secret.length > 5);
}
