import type { RingCentralSettings } from '../settings.js';
import { Failure, fieldsOf, itemsOf, shownText } from '../text.js';

const PAGE_OF_APP = 'on the page of your app (https://developers.ringcentral.com/console)';
/** Also what to do about event filters that are disabled. */
export const PERMISSIONS = `Add the permissions "Webhook Subscriptions" and "Read Messages" ${PAGE_OF_APP}, under Security.`;
/** If there is nothing better to say. */
export const TRY_AGAIN = 'Check RINGCENTRAL_SERVER, or try again later: https://status.ringcentral.com';

/** RingCentral's error codes → what to do (API reference, "Errors"; Developer Guide, "Troubleshooting webhooks"). */
const ADVICE: Record<string, string> = {
  'SUB-521': 'RingCentral cannot reach the address: it must be public, and its tunnel and `npm start` must be running.',
  'SUB-522': 'The address must answer the handshake with 200: does it lead to POST /webhook of `npm start`?',
  'SUB-524':
    'The certificate of the address is not valid. Often its intermediate certificate is missing: serve it too.',
  'SUB-520 SUB-525':
    'The address answers the handshake, but wrongly: does it lead to `npm start`, with nothing in between?',
  'SUB-505':
    'There is no room for another subscription: `npm run register -- --list` shows them, `-- --delete ID` makes room.',
  'SUB-507': 'The subscription has expired: `npm run register` creates a new one.',
  'SUB-508': 'Correct WEBHOOK_EVENT_FILTERS: RingCentral does not know one of its event filters.',
  'SUB-405': 'WEBHOOK_EVENT_FILTERS names an extension that this user may not watch: write ~ for the own one.',
  'SUB-406 SUB-408': 'WEBHOOK_EVENT_FILTERS names an account that this user may not watch: write ~ for the own one.',
  'SUB-528 CMN-401': PERMISSIONS,
  'CMN-408': 'This user may not do that: ask the administrator of the account for the permission.',
  'OAU-112 OAU-125 OAU-250 OAU-251 unauthorized_client': `Allow the JWT auth flow ${PAGE_OF_APP}, under Auth, and set RINGCENTRAL_JWT.`,
  'OAU-105 OAU-141 OAU-142': 'This user may not log in to the app: ask the administrator of the account.',
  'OAU-147 OAU-148': 'The user is locked after failed logins: wait, or ask the administrator of the account.',
  'OAU-140':
    'Check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD and RINGCENTRAL_EXTENSION, or better, set RINGCENTRAL_JWT.',
  'OAU-146 OAU-153 invalid_client': `Copy client id and client secret again ${PAGE_OF_APP}, and use the RINGCENTRAL_SERVER they belong to.`,
  'OAU-168': 'This account has a second factor, so a password cannot log in: set RINGCENTRAL_JWT.',
  'OAU-252': 'Create a new RINGCENTRAL_JWT: this one is wrong, expired, revoked, or made for another app or server.',
  'OAU-213': 'The login has ended: run this again.',
};

/** The parameters of a subscription that a setting stands behind → what to do. */
const PARAMETERS: Record<string, string> = {
  address: 'WEBHOOK_ADDRESS (or --address) is wrong, or RingCentral cannot reach it: is its tunnel running?',
  eventFilters: 'Correct WEBHOOK_EVENT_FILTERS.',
  verificationToken: 'RingCentral takes verification tokens of at most 32 letters and digits.',
};

/** No whole answer came, or one that cannot be read: what was asked for may have been done. */
export class Unanswered extends Failure {}

/** RingCentral refused a request. The message says so, why, and what to do. */
export class RingCentralError extends Failure {
  constructor(
    message: string,
    readonly status: number,
    /** RingCentral's error codes, the most exact first; none if the answer had none. */
    readonly codes: string[],
    readonly parameterName: string,
    /** How long to wait before the next try, if there were too many requests. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message);
  }
}

/** RingCentral refused the login itself. A few wrong ones lock the user: do not send it again soon. */
export class LoginRefused extends RingCentralError {}

/** Whether something thrown is RingCentral's refusal with this code. */
export function isRefusal(error: unknown, code: string): error is RingCentralError {
  return error instanceof RingCentralError && error.codes.includes(code);
}

/**
 * What an answer that is not a success means. `doing` completes "RingCentral refused to …"; `secrets` are those that
 * RingCentral was sent and may repeat.
 */
export function readRefusal(
  doing: string,
  { status, headers }: Response,
  content: string,
  settings: RingCentralSettings,
  secrets: string[],
): RingCentralError {
  const { codes, message, parameterName, isJson } = readContent(content);
  // Without Retry-After: 30 seconds or more (Developer Guide, "API rate limits").
  const retryAfterSeconds = status === 429 ? Number(headers.get('retry-after')) || 60 : undefined;
  const [code] = codes;
  const form = status < 400 ? ' (a redirect)' : isJson ? '' : ' without JSON';
  const what = code ?? `${settings.server} answered ${status}${form}`;
  const words = message && !secrets.some((secret) => message.includes(secret)) ? ` ${message}` : '';
  const next = retryAfterSeconds
    ? `Try again in ${retryAfterSeconds} s, not earlier: each early try restarts the wait.`
    : (adviceFor(codes, parameterName, settings) ?? (code && status < 500 ? '' : TRY_AGAIN));
  const text = `RingCentral refused to ${doing}: ${`${what}${words}`.replace(/\.?$/, '.')}${next && `\n${next}`}`;
  const isLogin = doing === 'log in' && status >= 400 && status < 500 && status !== 429;
  return new (isLogin ? LoginRefused : RingCentralError)(text, status, codes, parameterName, retryAfterSeconds);
}

/** What to do about an error; undefined if there is nothing better to say. */
function adviceFor(codes: string[], parameterName: string, settings: RingCentralSettings): string | undefined {
  const wrongLogin = 'jwt' in settings.login ? 'OAU-252' : 'OAU-140';
  const all = codes.includes('invalid_grant') ? [...codes, wrongLogin] : codes;
  for (const code of all) {
    const row = Object.entries(ADVICE).find(([known]) => known.split(' ').includes(code));
    if (row) return row[1];
  }
  const parameter = parameterName.split('.').at(-1) ?? '';
  const isOwnToken = parameter === 'verificationToken' && settings.hasOwnToken;
  return isOwnToken ? `${PARAMETERS[parameter]} Correct WEBHOOK_VERIFICATION_TOKEN.` : PARAMETERS[parameter];
}

/** What an error answer says: `{ errorCode, message, errors }`, the token endpoint's `{ error, error_description, … }`. */
function readContent(content: string) {
  let body: unknown;
  try {
    body = JSON.parse(content);
  } catch {
    // A gateway's page: no code.
  }
  const { errorCode, message, error, error_description: description, errors } = fieldsOf(body);
  const first = fieldsOf(itemsOf(errors)[0]);
  return {
    codes: [first['errorCode'], errorCode, error].map(shownText).filter((code) => code !== undefined),
    message: shownText(first['message']) ?? shownText(message) ?? shownText(description) ?? '',
    parameterName: shownText(first['parameterName']) ?? '',
    isJson: body !== undefined,
  };
}
