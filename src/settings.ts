import { createHmac } from 'node:crypto';
import { config } from 'dotenv';
import type { LogFormat } from './event-log.js';

/** Settings that cannot be used: the message names the variables and what they take, a line each. */
export class SettingsError extends Error {}

type Environment = Record<string, string | undefined>;

/**
 * What is set in the environment, and what `.env` in this folder adds to it. Variables without a value are left out.
 *
 * Throws a SettingsError where `.env` is there but cannot be read.
 */
export function readEnvironment(): Environment {
  const { error } = config({ quiet: true });
  if (error && error.code !== 'ENOENT') throw new SettingsError(`.env cannot be read: ${error.message}`);
  return process.env;
}

export interface ReceiverSettings {
  port: number;
  host: string | undefined;
  logFormat: LogFormat | undefined;
  corsOrigin: string;
  verificationToken: string | undefined;
  webhookAddress: string | undefined;
}

/** The settings of the receiver. Throws a SettingsError. */
export function receiverSettings(env: Environment): ReceiverSettings {
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

function logFormat(env: Environment): LogFormat | undefined {
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
 * nobody else does; undefined where neither is set. Throws a SettingsError.
 */
export function verificationToken(env: Environment): string | undefined {
  const token = env['WEBHOOK_VERIFICATION_TOKEN'] || undefined;
  if (token !== undefined && !/^[\x21-\x7e]{1,255}$/.test(token))
    throw new SettingsError('WEBHOOK_VERIFICATION_TOKEN takes 1 to 255 printable ASCII characters without spaces');
  const secret = env['RINGCENTRAL_CLIENT_SECRET'];
  return (
    token ??
    (secret ? createHmac('sha256', secret).update('webhook verification token').digest('base64url') : undefined)
  );
}

function bad(name: string, value: string, takes: string): SettingsError {
  return new SettingsError(`${name} is ${JSON.stringify(value)}: it takes ${takes}`);
}
