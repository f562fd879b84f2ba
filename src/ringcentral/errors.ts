import type { RingCentralSettings } from '../settings.js';
import { Failure } from '../errors.js';
import { shownText } from '../show.js';
import { fieldsOf, itemsOf, parseJson } from '../unknown.js';

type Kind = 'login refused' | 'blocked' | 'refused' | 'unanswered';

/** RingCentral refused a request, or gave no useful answer. The message says why, and what to do. */
export class RingCentralError extends Failure {
  constructor(
    message: string,
    readonly kind: Kind,
    readonly status = 0,
    /** Error codes, the most exact first, then the parameter that is wrong. */
    readonly codes: string[] = [],
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }

  /** The same error with another message. */
  withMessage(message: string): RingCentralError {
    return new RingCentralError(message, this.kind, this.status, this.codes, this.retryAfterMs);
  }
}

function is(...kinds: Kind[]) {
  return (error: unknown): error is RingCentralError => error instanceof RingCentralError && kinds.includes(error.kind);
}

/** Whether RingCentral would refuse all other requests, too: no login, or too many requests. */
export const isBlocked = is('login refused', 'blocked');
/** Whether RingCentral refused one request, and others may succeed. */
export const isRefused = is('refused');
/** Whether no useful answer came: RingCentral may have done what it was asked for. */
export const isUnanswered = is('unanswered');
/** Whether, for a while, other requests would fail, too. */
export const isTemporary = is('blocked', 'unanswered');
/** Whether something thrown is a refusal with this code, or of this parameter. */
export const hasCode = (error: unknown, code: string) =>
  error instanceof RingCentralError && error.codes.includes(code);
/** Whether something thrown says that what was asked for is not there, perhaps not any more. */
export const isNotFound = (error: unknown) => error instanceof RingCentralError && error.status === 404;
/** How long RingCentral asks to wait after something thrown, in milliseconds; 0 if it does not. */
export const retryAfterMs = (error: unknown) => (error instanceof RingCentralError ? error.retryAfterMs : 0);

const TRY_AGAIN = 'Check RINGCENTRAL_SERVER, or try again later: https://status.ringcentral.com';
const APP = 'the page of your app (https://developers.ringcentral.com/console)';
export const PERMISSIONS = `Add the missing permission on ${APP}, under Security: "Webhook Subscriptions", "Read Messages" or "Read Accounts".`;
const WATCHED = 'WEBHOOK_EXTENSIONS or WEBHOOK_EVENT_FILTERS';
const WRONG_JWT = 'Copy the whole RINGCENTRAL_JWT again, or else create a new one, for this app and server.';
const WRONG_USER = 'Set RINGCENTRAL_JWT, or check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD, RINGCENTRAL_EXTENSION.';

/** An answer that cannot be used. `doing` completes "Could not …". */
export const badAnswer = (doing: string, what: string) =>
  new RingCentralError(`Could not ${doing}: ${what}. ${TRY_AGAIN}`, 'unanswered');

/** Status, error codes, or else a parameter → what to do (API reference, "Errors"; "Troubleshooting webhooks"). */
const adviceTable = (seconds: number, { login, hasOwnToken }: RingCentralSettings) => ({
  429: `Try again in ${seconds} s, not earlier: each early try restarts the wait.`,
  'SUB-521 address': 'The address is wrong (see WEBHOOK_ADDRESS), or RingCentral cannot reach it: does its tunnel run?',
  'SUB-520 SUB-522 SUB-525': 'The address must lead to /webhook of the receiver, with nothing in between that answers.',
  'SUB-524': 'The certificate of the address is not valid. Is its intermediate certificate missing? Serve it, too.',
  'SUB-505': '`npm run register -- --list` shows all subscriptions, and `-- --delete ID` makes room for another one.',
  'SUB-507': 'The subscription has expired: `npm run register` creates a new one.',
  'SUB-508 eventFilters': `Correct ${WATCHED}.`,
  'SUB-406': 'WEBHOOK_EVENT_FILTERS names another account: write ~ for your own.',
  'SUB-405 SUB-408 CMN-402 CMN-404 extensionId': `There is no such extension, or only an administrator may watch it: log in as one, or correct ${WATCHED}.`,
  'SUB-528 CMN-401': PERMISSIONS,
  'CMN-109 CMN-403 CMN-408 OAU-105 OAU-141 OAU-142': 'This user or account cannot do that: ask its administrator.',
  'CMN-405 OAU-136 OAU-232': 'This user is gone, or has no extension: create RINGCENTRAL_JWT as another user.',
  'OAU-147 OAU-148': 'This user is locked after failed logins: wait, or ask the administrator of the account.',
  'OAU-112 OAU-125 OAU-168 OAU-250 OAU-251 unauthorized_client': `Set RINGCENTRAL_JWT, and allow the JWT auth flow on ${APP}.`,
  'OAU-146 OAU-153 invalid_client': `Check RINGCENTRAL_SERVER, and copy client id and secret again from ${APP}.`,
  'OAU-140 OAU-252 invalid_grant': 'jwt' in login ? WRONG_JWT : WRONG_USER,
  verificationToken: `${hasOwnToken ? 'WEBHOOK_VERIFICATION_TOKEN' : 'It'} takes at most 32 letters and digits.`,
});

/** An answer that is not a success, as an error. Its message lacks "Could not …: ". */
export async function readRefusal(sent: Request, answer: Response, settings: RingCentralSettings) {
  const { server, clientSecret, verificationToken, login, overridden } = settings;
  const { status } = answer;
  // The token endpoint has `error` and `error_description` (API reference, "Errors").
  const { errorCode, message, error, error_description, errors } = fieldsOf(parseJson(await answer.text()));
  const first = fieldsOf(itemsOf(errors)[0]);
  // A code is one word. Without one, a gateway or another program answered.
  const codes = [first['errorCode'], errorCode, error].flatMap((each) => shownText(each)?.match(/^[\w-]+$/) ?? []);
  const [code = `${server} answered ${status}`] = codes;
  const isRefusal = codes.length > 0 && status >= 400 && status < 500 && status !== 408;
  let kind: Kind = isRefusal || status === 404 ? 'refused' : 'unanswered';
  if ([401, 429].includes(status)) kind = 'blocked';
  if (isRefusal && status !== 429 && sent.url.endsWith('/token')) kind = 'login refused';
  const said = [first['message'], message, error_description].map((each) => shownText(each)).find(Boolean) ?? '';
  // RingCentral may repeat what it was sent.
  const accessToken = sent.headers.get('authorization')?.split(' ')[1];
  const secrets = [clientSecret, verificationToken, 'jwt' in login ? login.jwt : login.password, accessToken];
  const words = secrets.some((secret) => secret && said.includes(secret)) ? '' : said;
  // Without Retry-After: 30 seconds or more (Developer Guide, "API rate limits").
  const asked = Number.parseFloat(answer.headers.get('retry-after') ?? '');
  const seconds = Number.isNaN(asked) ? 60 : Math.min(Math.max(asked, 1), 3600);
  codes.push(shownText(first['parameterName'])?.split('.').at(-1) ?? '');
  const table = Object.entries(adviceTable(seconds, settings));
  const adviceOn = (key: string) => table.find(([keys]) => keys.split(' ').includes(key))?.[1];
  const advice = [String(status), ...codes].map(adviceOn).find(Boolean);
  const names = kind === 'login refused' && overridden.join(' and ');
  const lines = [
    `${code} ${words}`.trim().replace(/\.?$/, '.'),
    names && `If .env is right, unset ${names} in the environment: it has another value, and wins.`,
    // Another program would have other codes.
    advice ?? (status < 500 && /^[A-Z]+-\d+$/.test(code) ? '' : TRY_AGAIN),
  ].filter(Boolean);
  return new RingCentralError(lines.join('\n'), kind, status, codes, status === 429 ? seconds * 1000 : 0);
}
