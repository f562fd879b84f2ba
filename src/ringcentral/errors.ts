import type { RingCentralSettings } from '../settings.js';
import { Failure } from '../errors.js';
import { shownText } from '../show.js';
import { fieldsOf, itemsOf } from '../unknown.js';

const PAGE_OF_APP = 'on the page of your app (https://developers.ringcentral.com/console)';
export const PERMISSIONS = `Add the permissions "Webhook Subscriptions" and "Read Messages" ${PAGE_OF_APP}, under Security.`;
export const TRY_AGAIN = 'Check RINGCENTRAL_SERVER, or try again later: https://status.ringcentral.com';

const WATCHED = 'WEBHOOK_EXTENSIONS or WEBHOOK_EVENT_FILTERS';
const NO_EXTENSION = `An extension in ${WATCHED} does not exist, or this user may not see it: correct it.`;

/** Error codes, or else a parameter → what to do (API reference, "Errors"; Developer Guide, "Troubleshooting webhooks"). */
const ADVICE_OF = {
  'SUB-521': 'RingCentral cannot reach the address: it must be public, and its tunnel and the receiver running.',
  'SUB-522': 'The address must answer the handshake with 200: does it lead to POST /webhook of the receiver?',
  'SUB-524':
    'The certificate of the address is not valid. Often its intermediate certificate is missing: serve it too.',
  'SUB-520 SUB-525':
    'The address answers the handshake wrongly: does it lead to the receiver, with nothing in between?',
  'SUB-505':
    'There is no room for another subscription: `npm run register -- --list` shows them, `-- --delete ID` makes room.',
  'SUB-507': 'The subscription has expired: `npm run register` creates a new one.',
  'SUB-508': `RingCentral does not know one of the event filters: correct ${WATCHED}.`,
  'SUB-405': `This user may not watch an extension in ${WATCHED}: leave it out, or log in as an administrator.`,
  'SUB-406': 'WEBHOOK_EVENT_FILTERS names an account that this user may not watch: write ~ for your own.',
  'SUB-408': NO_EXTENSION,
  'SUB-528 CMN-401': PERMISSIONS,
  'CMN-402 CMN-404': `Only an administrator of the account may watch other extensions: log in as one, or correct ${WATCHED}.`,
  'CMN-403 CMN-109': 'This extension, or the account, lacks a feature: ask the administrator of the account.',
  'CMN-405': 'The user who logs in has no extension: create RINGCENTRAL_JWT as a user who has one.',
  'CMN-408': 'This user lacks a permission: ask the administrator of the account for it.',
  'OAU-112 OAU-125 OAU-250 OAU-251 unauthorized_client': `Allow the JWT auth flow ${PAGE_OF_APP}, under Auth, and set RINGCENTRAL_JWT.`,
  'OAU-105 OAU-141 OAU-142': 'This user may not log in to the app: ask the administrator of the account.',
  'OAU-147 OAU-148': 'The user is locked after failed logins: wait, or ask the administrator of the account.',
  'OAU-136 OAU-232': 'The user who logs in is gone: create RINGCENTRAL_JWT as another user.',
  'OAU-140':
    'Check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD and RINGCENTRAL_EXTENSION, or better, set RINGCENTRAL_JWT.',
  'OAU-146 OAU-153 invalid_client': `Copy client id and client secret again ${PAGE_OF_APP}, and use the RINGCENTRAL_SERVER they belong to.`,
  'OAU-168': 'This account has a second factor, so a password cannot log in: set RINGCENTRAL_JWT.',
  'OAU-252':
    'Copy RINGCENTRAL_JWT again, whole and in one line. If it is still rejected, create a new one: this one is wrong, expired, revoked, or made for another app or server.',
  'OAU-213': 'The login has ended: run this again.',
  address: 'WEBHOOK_ADDRESS (or --address) is wrong, or RingCentral cannot reach it: is its tunnel running?',
  eventFilters: `Correct ${WATCHED}.`,
  extensionId: NO_EXTENSION,
  verificationToken: 'RingCentral takes verification tokens of at most 32 letters and digits.',
};
const ADVICE = new Map(
  Object.entries(ADVICE_OF).flatMap(([keys, advice]) => keys.split(' ').map((key) => [key, advice])),
);

/** No whole answer came, or an unreadable one: RingCentral may have done what it was asked for. */
export class Unanswered extends Failure {}

/** RingCentral refused a request. The message says why, and what to do. */
export class RingCentralError extends Failure {
  constructor(
    message: string,
    readonly status: number,
    /** The most exact first. */
    readonly codes: string[],
    readonly parameterName: string,
    /** How long to wait before the next try, if there were too many requests. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message);
  }
}

/** RingCentral rejected the login. A few wrong logins lock the user: do not repeat it soon. */
export class LoginRefused extends RingCentralError {}

/** Whether something thrown is RingCentral's refusal with this code. */
export function hasCode(error: unknown, code: string): error is RingCentralError {
  return error instanceof RingCentralError && error.codes.includes(code);
}

/** How long RingCentral asks to wait after something thrown, in milliseconds; 0 if it does not. */
export function retryAfterMs(error: unknown): number {
  return error instanceof RingCentralError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
}

/** Whether RingCentral refused one request, and others may succeed. */
export function isRefused(error: unknown): error is RingCentralError {
  if (!(error instanceof RingCentralError) || isBlocked(error)) return false;
  // An answer without a code comes from a gateway, and that is temporary.
  return error.status === 404 || (error.status >= 400 && error.status < 500 && error.codes.length > 0);
}

/** Whether RingCentral does not answer, or nothing useful: for a while, other requests would fail, too. */
export function isTemporary(error: unknown): boolean {
  return error instanceof Unanswered || (error instanceof RingCentralError && !isRefused(error));
}

/** Whether RingCentral would refuse all other requests, too: no login, or too many requests. */
export function isBlocked(error: unknown): boolean {
  return error instanceof LoginRefused || (error instanceof RingCentralError && [401, 408, 429].includes(error.status));
}

/**
 * Turns an answer that is not a success into an error. `doing` completes "Could not …". RingCentral was sent the `secrets`,
 * and may repeat them.
 */
export function readRefusal(
  doing: string,
  { status, headers }: Response,
  content: string,
  settings: RingCentralSettings,
  secrets: string[],
): RingCentralError {
  const { codes, message, parameterName, isJson } = readContent(content);
  const [code] = codes;
  const words = secrets.some((secret) => message.includes(secret)) ? '' : message;
  const retryAfterSeconds = status === 429 ? readRetryAfter(headers.get('retry-after')) : undefined;
  // Without a code, a gateway or another program answered, which knows nothing of the credentials.
  const isRejected = doing === 'log in' && code !== undefined && status >= 400 && status < 500 && status !== 429;
  const what = isRejected ? 'RingCentral rejected the login' : `Could not ${doing}`;
  const form = status < 400 ? ' (a redirect)' : isJson ? '' : ' without JSON';
  const reason = `${code ?? `${settings.server} answered ${status}${form}`} ${words}`.trim();
  const overridden =
    isRejected && settings.overridden.length > 0
      ? `If .env is right, unset ${settings.overridden.join(' and ')} in the environment: it has another value, and wins.`
      : undefined;
  // Another program would have other codes.
  const isSure = /^[A-Z]+-\d+$/.test(code ?? '') && status < 500;
  const next = retryAfterSeconds
    ? `Try again in ${retryAfterSeconds} s, not earlier: each early try restarts the wait.`
    : (adviceFor(codes, words, parameterName, settings) ?? (isSure ? undefined : TRY_AGAIN));
  const lines = [`${what}: ${reason.replace(/\.?$/, '.')}`, overridden, next].filter(Boolean).join('\n');
  const Kind = isRejected ? LoginRefused : RingCentralError;
  return new Kind(lines, status, codes, parameterName, retryAfterSeconds);
}

/** How long to wait, in seconds: what RingCentral asks for, from a second to an hour. */
function readRetryAfter(value: string | null): number {
  const seconds = Number.parseFloat(value ?? '');
  // Without Retry-After: 30 seconds or more (Developer Guide, "API rate limits").
  return Number.isNaN(seconds) ? 60 : Math.min(Math.max(seconds, 1), 3600);
}

function adviceFor(codes: string[], words: string, parameterName: string, settings: RingCentralSettings) {
  const permission = permissionIn(words);
  if (permission && codes.includes('CMN-401'))
    return `Add the permission "${permission}" ${PAGE_OF_APP}, under Security.`;
  if (permission && codes.includes('CMN-408'))
    return `This user lacks the permission "${permission}": ask the administrator of the account for it.`;
  const wrongLogin = 'jwt' in settings.login ? 'OAU-252' : 'OAU-140';
  const parameter = parameterName.split('.').at(-1) ?? '';
  const keys = [...codes.map((code) => (code === 'invalid_grant' ? wrongLogin : code)), parameter];
  const advice = keys.map((key) => ADVICE.get(key)).find(Boolean);
  const isOwnToken = parameter === 'verificationToken' && settings.hasOwnToken;
  return isOwnToken ? `${ADVICE_OF.verificationToken} Correct WEBHOOK_VERIFICATION_TOKEN.` : advice;
}

/** The permission in "application needs to have [ReadAccounts] permission", as RingCentral's pages have it: "Read Accounts". */
function permissionIn(message: string): string | undefined {
  const [, name] = /\[([A-Za-z]+)\]/.exec(message) ?? [];
  return name === 'SubscriptionWebhook' ? 'Webhook Subscriptions' : name?.replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
}

/** `{ errorCode, message, errors }`, from the token endpoint `{ error, error_description, … }` (API reference, "Errors"). */
function readContent(content: string) {
  let body: unknown;
  try {
    body = JSON.parse(content);
  } catch {
    // It is a gateway's page.
  }
  const { errorCode, message, error, error_description: description, errors } = fieldsOf(body);
  const first = fieldsOf(itemsOf(errors)[0]);
  return {
    // A code is one word.
    codes: [first['errorCode'], errorCode, error].flatMap((code) => shownText(code)?.match(/^[\w-]+$/) ?? []),
    message: shownText(first['message']) ?? shownText(message) ?? shownText(description) ?? '',
    parameterName: shownText(first['parameterName']) ?? '',
    isJson: body !== undefined,
  };
}
