import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  apiError,
  CREDENTIALS,
  PASSWORD_CREDENTIALS,
  type Fault,
  type Platform,
  type Subscription,
} from '../../scripts/fake/platform.js';
import { voicemailFilter } from '../../src/contract.js';
import { Failure } from '../../src/errors.js';
import { TOKEN } from './in-process.js';

// A proxy of who runs the tests would be named in messages.
for (const name of ['HTTPS_PROXY', 'https_proxy']) delete process.env[name];

export const FILTER = voicemailFilter('~');
/** fetch() refuses port 1, and no program listens on port 2. */
export const DEAD = 'http://127.0.0.1:2';

/** Paths to make fail. */
export const TOKEN_PATH = /\/oauth\/token$/;
export const SUBSCRIPTIONS = /\/subscription$/;
export const SUBSCRIPTION = /\/subscription\/[^/]+$/;
export const STORE = /\/message-store$/;

/** The environment of an account that still logs in with a password. */
export const PASSWORD = { ...CREDENTIALS, ...PASSWORD_CREDENTIALS, RINGCENTRAL_JWT: '' };

const SECRETS = [
  CREDENTIALS.RINGCENTRAL_CLIENT_SECRET,
  CREDENTIALS.RINGCENTRAL_JWT,
  PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD,
  TOKEN,
];

/** The Failure that `work` throws. What holds for each of them is checked here. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    (value) => new Error(`It did not fail: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw error;
  const { message } = error;
  expect(SECRETS.filter((secret) => message.includes(secret))).toEqual([]);
  expect(message).not.toMatch(/access-[-\da-f]{36}/);
  // oxlint-disable-next-line no-control-regex
  expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(message).not.toMatch(/^ +at /m);
  return error;
}

/** What was asked of the platform: method and last part of the path. */
export function asked({ requests }: Platform): string[] {
  return requests.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`);
}

/** The bodies of what was sent with this method to this path. */
export function sentTo({ requests }: Platform, method: string, path: RegExp): unknown[] {
  return requests.filter((each) => each.method === method && path.test(each.path)).map(({ body }) => body);
}

/** A subscription of earlier: a live one, and what a test wants otherwise. */
export function earlier(address: string, overrides: object = {}): Subscription {
  return {
    id: randomUUID(),
    status: 'Active',
    creationTime: '2026-01-02T03:04:05.000Z',
    expirationTime: '2040-01-02T03:04:05.000Z',
    eventFilters: [FILTER],
    deliveryMode: { transportType: 'WebHook', encryption: false, address },
    ...overrides,
  };
}

/** Too many requests, with this Retry-After if one is given. */
export function tooMany(retryAfter?: number): Fault {
  const { status, body } = apiError(429, 'CMN-301', 'Request rate exceeded');
  return { status, body, headers: retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) } };
}
