import {
  apiError,
  CREDENTIALS,
  loginError,
  PASSWORD_CREDENTIALS,
  type Fault,
  type Platform,
} from '../../scripts/stand-in/platform.js';
import { isRefusal, LoginRefused, RingCentralError } from '../../src/ringcentral/errors.js';
import type { Environment } from '../../src/settings.js';
import { Failure } from '../../src/text.js';
import { closeAll, logIn, startPlatform, TOKEN } from '../support/in-process.js';
import { asked, failureOf, PASSWORD, SUBSCRIPTIONS, TOKEN_PATH, tooMany } from '../support/ringcentral.js';

let platform: Platform;
beforeEach(async () => {
  jest.spyOn(console, 'warn').mockImplementation(() => {});
  platform = await startPlatform();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

/** What is thrown if the platform answers the creation of a subscription so. */
async function refusedCreation(fault: Fault | (() => Fault), env: Environment = CREDENTIALS): Promise<Failure> {
  const { session } = await logIn(platform, env);
  platform.fail('POST', SUBSCRIPTIONS, typeof fault === 'function' ? fault() : fault);
  const body = { deliveryMode: { verificationToken: TOKEN } };
  const call = { method: 'POST', url: '/restapi/v1.0/subscription', body } as const;
  return failureOf(session.json('create the subscription', call));
}

/** What is thrown if the platform answers the login so. */
function refusedLogin(fault: Fault, env: Environment = CREDENTIALS): Promise<Failure> {
  platform.fail('POST', TOKEN_PATH, fault);
  return failureOf(logIn(platform, env));
}

/** Error code → what to do: all that RingCentral documents for what is asked of it here. */
const CREATION: [code: string, advice: RegExp][] = [
  ['SUB-521', /^RingCentral cannot reach the address: it must be public, .*`npm start`/],
  ['SUB-522', /with 200: .*POST \/webhook of `npm start`/],
  ['SUB-524', /certificate .*intermediate certificate is missing/],
  ['SUB-520', /answers the handshake, but wrongly: /],
  ['SUB-525', /answers the handshake, but wrongly: /],
  ['SUB-505', /no room for another .*`npm run register -- --list` .*`-- --delete ID`/],
  ['SUB-507', /expired: `npm run register`/],
  ['SUB-508', /^Correct WEBHOOK_EVENT_FILTERS: /],
  ['SUB-528', /"Webhook Subscriptions" and "Read Messages".*developers\.ringcentral\.com/],
  ['SUB-405', /^WEBHOOK_EVENT_FILTERS names an extension .* ~ /],
  ['SUB-406', /^WEBHOOK_EVENT_FILTERS names an account .* ~ /],
  ['SUB-408', /^WEBHOOK_EVENT_FILTERS names an account .* ~ /],
  ['CMN-401', /"Webhook Subscriptions" and "Read Messages"/],
  ['CMN-408', /ask the administrator/],
];

/** Parameter that is not valid (CMN-101) → what to do. */
const PARAMETERS: [parameterName: string, advice: RegExp][] = [
  ['deliveryMode.address', /^WEBHOOK_ADDRESS \(or --address\) is wrong, or RingCentral cannot reach it/],
  ['eventFilters', /^Correct WEBHOOK_EVENT_FILTERS\.$/],
  ['deliveryMode.verificationToken', /at most 32 letters and digits/],
];

const LOGIN: [error: string, code: string, advice: RegExp][] = [
  ...['OAU-251', 'OAU-250', 'OAU-112', 'OAU-125'].map((code): [string, string, RegExp] => [
    'unauthorized_client',
    code,
    /^Allow the JWT auth flow .*RINGCENTRAL_JWT/,
  ]),
  ...['OAU-105', 'OAU-141', 'OAU-142'].map((code): [string, string, RegExp] => [
    'access_denied',
    code,
    /may not log in to the app: ask the administrator/,
  ]),
  ...['OAU-147', 'OAU-148'].map((code): [string, string, RegExp] => [
    'invalid_grant',
    code,
    /is locked .*: wait, or ask the administrator/,
  ]),
  ['invalid_client', 'OAU-146', /client id and client secret again.*RINGCENTRAL_SERVER/],
  ['invalid_client', 'OAU-153', /client id and client secret again.*RINGCENTRAL_SERVER/],
  ['invalid_client', 'OAU-999', /client id and client secret again.*RINGCENTRAL_SERVER/],
  ['invalid_grant', 'OAU-140', /RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD and RINGCENTRAL_EXTENSION.*RINGCENTRAL_JWT/],
  ['invalid_grant', 'OAU-168', /second factor.*set RINGCENTRAL_JWT/],
  ['invalid_grant', 'OAU-252', /^Create a new RINGCENTRAL_JWT: .*expired, revoked.*another app or server/],
  ['invalid_grant', 'OAU-999', /^Create a new RINGCENTRAL_JWT: /],
];

const rows = [
  ...CREATION.map(([code, advice]) => ({ code, parameterName: '', advice })),
  ...PARAMETERS.map(([parameterName, advice]) => ({ code: 'CMN-101', parameterName, advice })),
];

it.each(rows)(
  "comes with its code, RingCentral's words and what to do: $code $parameterName",
  async ({ code, parameterName, advice }) => {
    const error = await refusedCreation(apiError(400, code, 'In so many words', parameterName || undefined));
    const [what, next, ...more] = error.message.split('\n');
    expect(what).toBe(`RingCentral refused to create the subscription: ${code} In so many words.`);
    expect([next, more]).toEqual([expect.stringMatching(advice), []]);
    expect(error).toMatchObject({ status: 400, parameterName, retryAfterSeconds: undefined });
    // No number of subscriptions is sure, and the sandbox is being closed.
    expect(error.message).not.toMatch(/\b(20|30)\b|sandbox|devtest/i);
  },
);

it.each(LOGIN)('ends the login, with what to do: %s %s', async (error, code, advice) => {
  const refused = await refusedLogin(loginError(error, code, 'In so many words'));
  expect(refused).toBeInstanceOf(LoginRefused);
  const [what, next, ...more] = refused.message.split('\n');
  expect(what).toBe(`RingCentral refused to log in: ${code} In so many words.`);
  expect([next, more]).toEqual([expect.stringMatching(advice), []]);
  expect(asked(platform)).toEqual(['POST token']);
});

it.each<[string, RegExp, Environment]>([
  ['invalid_client', /client id and client secret again/, CREDENTIALS],
  ['unauthorized_client', /JWT auth flow/, CREDENTIALS],
  ['invalid_grant', /Create a new RINGCENTRAL_JWT/, CREDENTIALS],
  ['invalid_grant', /Check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD/, PASSWORD],
])('ends the login without an error code, too: %s, %s', async (error, advice, env) => {
  const body = { error, error_description: 'In so many words' };
  const { message } = await refusedLogin({ status: 400, body }, env);
  expect(message).toMatch(`RingCentral refused to log in: ${error} In so many words.\n`);
  expect(message).toMatch(advice);
});

it.each([
  ['client secret', { ...CREDENTIALS, RINGCENTRAL_CLIENT_SECRET: 'secret-of-another' }, /OAU-153 [^]*client secret/],
  ['JWT', { ...CREDENTIALS, RINGCENTRAL_JWT: 'jwt-of-another' }, /OAU-252 [^]*new RINGCENTRAL_JWT/],
  ['password', { ...PASSWORD, RINGCENTRAL_PASSWORD: 'of-another' }, /OAU-140 [^]*RINGCENTRAL_PASSWORD/],
])('says what is wrong: the %s', async (_, env, said) => {
  expect((await failureOf(logIn(platform, env))).message).toMatch(said);
});

it('names the variable of the verification token only if it is set', async () => {
  const refusal = apiError(400, 'CMN-101', 'Parameter value is invalid', 'deliveryMode.verificationToken');
  const own = { ...CREDENTIALS, WEBHOOK_VERIFICATION_TOKEN: 'a-token-with-hyphens' };
  expect((await refusedCreation(refusal, own)).message).toMatch(/ Correct WEBHOOK_VERIFICATION_TOKEN\.$/);
  expect((await refusedCreation(refusal)).message).not.toMatch(/WEBHOOK_VERIFICATION_TOKEN/);
});

describe('without an error code', () => {
  it.each<[string, Fault, string]>([
    ['a page', 'html', 'SERVER answered 502 without JSON.'],
    ['nothing', { status: 403, body: '' }, 'SERVER answered 403 without JSON.'],
    ['a redirect', { status: 302, headers: { Location: '/x' }, body: '' }, 'SERVER answered 302 (a redirect).'],
    ['JSON', { status: 418, body: { short: 'and stout' } }, 'SERVER answered 418.'],
    [
      'JSON null',
      { status: 418, headers: { 'Content-Type': 'application/json' }, body: 'null' },
      'SERVER answered 418.',
    ],
    ['odd JSON', { status: 418, body: { errorCode: 7, message: {}, errors: 'none' } }, 'SERVER answered 418.'],
    ['odder JSON', { status: 418, body: { errorCode: ' ', errors: [null] } }, 'SERVER answered 418.'],
  ])('says what came, and what to check: %s', async (_, fault, said) => {
    const error = await refusedCreation(fault);
    expect(error).toMatchObject({ codes: [], parameterName: '' });
    expect(error.message.replace(platform.url, 'SERVER')).toMatch(
      `RingCentral refused to create the subscription: ${said}`,
    );
    expect(error.message).toMatch(
      /\.\nCheck RINGCENTRAL_SERVER, or try again later: https:\/\/status\.ringcentral\.com$/,
    );
    expect(error.message).not.toMatch(/<html|undefined|object Object/);
  });

  it('shows the message all the same', async () => {
    const { message } = await refusedCreation({ status: 418, body: { message: 'I am a teapot.' } });
    expect(message).toMatch(/ answered 418:? I am a teapot\.\nCheck/);
  });
});

it('has no advice for a code that nobody knows', async () => {
  const { message } = await refusedCreation(apiError(400, 'CMN-999', 'A new one', 'aNewOne'));
  expect(message).toBe('RingCentral refused to create the subscription: CMN-999 A new one.');
});

it('advises to try again later if RingCentral is at fault', async () => {
  const { message } = await refusedCreation(apiError(503, 'CMN-211', 'Service Temporary Unavailable'));
  expect(message).toMatch(/: CMN-211 Service Temporary Unavailable\.\nCheck RINGCENTRAL_SERVER, or try again later: /);
});

it('goes by the most exact code, and by the others if that one is not known', async () => {
  const errors = [{ errorCode: 'SUB-999', message: 'Exactly so', parameterName: 'eventFilters' }];
  const fault = { status: 400, body: { errorCode: 'SUB-521', message: 'In general', errors } };
  const error = await refusedCreation(fault);
  expect(error.message).toMatch(/: SUB-999 Exactly so\.\nRingCentral cannot reach the address/);
  expect(error).toMatchObject({ codes: ['SUB-999', 'SUB-521'], parameterName: 'eventFilters' });
  expect(['SUB-999', 'SUB-521', 'SUB-5'].map((code) => isRefusal(error, code))).toEqual([true, true, false]);
  expect(isRefusal(new Failure('SUB-521'), 'SUB-521')).toBe(false);
});

it('says when to try again if there were too many requests', async () => {
  const error = await refusedCreation(tooMany(300));
  expect(error).toBeInstanceOf(RingCentralError);
  expect(error).toMatchObject({ status: 429, retryAfterSeconds: 300 });
  expect(error.message).toMatch(/: CMN-301 Request rate exceeded\.\nTry again in 300 s, not earlier: each early try /);
});

describe('words that RingCentral repeats', () => {
  const { RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT } = CREDENTIALS;

  it.each([
    ['the JWT', RINGCENTRAL_JWT, CREDENTIALS],
    ['the client secret', RINGCENTRAL_CLIENT_SECRET, CREDENTIALS],
    ['the password', PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD, PASSWORD],
  ])('show no secret: %s', async (_, secret, env) => {
    const { message } = await refusedLogin(loginError('invalid_grant', 'OAU-252', `Who is ${secret}?`), env);
    expect(message).toMatch(/refused to log in: OAU-252\.\nCreate a new RINGCENTRAL_JWT/);
  });

  it('show no access token', async () => {
    const fault = () => apiError(403, 'CMN-999', `Token ${platform.accessTokens[0]} is no good`);
    expect((await refusedCreation(fault)).message).toBe('RingCentral refused to create the subscription: CMN-999.');
  });

  it.each([
    ['derived', TOKEN, CREDENTIALS],
    ["of one's own", 'token-of-one-s-own', { ...CREDENTIALS, WEBHOOK_VERIFICATION_TOKEN: 'token-of-one-s-own' }],
  ])('show no verification token: %s', async (_, token, env) => {
    const { message } = await refusedCreation(apiError(400, 'CMN-101', `Value [${token}] is invalid`), env);
    expect(message).toMatch(/create the subscription: CMN-101/);
    expect(message).not.toContain(token);
  });

  it('show control characters as what they are, in one line', async () => {
    const words = '\u001b[2J\u009b31m\rgone\u0007\nDone.\nAll is well\u202e';
    const { message } = await refusedCreation(apiError(400, 'CMN-999\u001b', words));
    expect(message).toBe(
      'RingCentral refused to create the subscription: ' +
        'CMN-999\\u001b \\u001b[2J\\u009b31m\\u000dgone\\u0007\\u000aDone.\\u000aAll is well\\u202e.',
    );
  });
});
