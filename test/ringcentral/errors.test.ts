import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import timers from 'node:timers/promises';
import { apiError, CREDENTIALS, loginError, PASSWORD_CREDENTIALS, type Fault } from '../../scripts/fake/platform.js';
import type { Platform } from '../../scripts/fake/platform.js';
import { hasCode, readRefusal } from '../../src/ringcentral/errors.js';
import { ringCentralSettings, type Environment } from '../../src/settings.js';
import { Failure } from '../../src/errors.js';
import { closeAll, logIn, startPlatform, TOKEN } from '../support/in-process.js';
import { asked, failureOf, PASSWORD, SUBSCRIPTIONS, TOKEN_PATH } from '../support/ringcentral.js';

const OWN_TOKEN = { ...CREDENTIALS, WEBHOOK_VERIFICATION_TOKEN: 'OwnToken' };

let platform: Platform;
beforeEach(async () => {
  jest.spyOn(console, 'warn').mockImplementation(() => {});
  platform = await startPlatform();
});
afterEach(closeAll);

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

/** Every code that RingCentral documents for what is asked of it here. */
const API_CODES =
  'SUB-405 SUB-406 SUB-408 SUB-505 SUB-507 SUB-508 SUB-520 SUB-521 SUB-522 SUB-524 SUB-525 SUB-528 ' +
  'CMN-109 CMN-401 CMN-402 CMN-403 CMN-404 CMN-405 CMN-408';
const LOGIN_CODES =
  'OAU-105 OAU-112 OAU-125 OAU-136 OAU-140 OAU-141 OAU-142 OAU-146 OAU-147 OAU-148 OAU-153 OAU-168 OAU-232 OAU-250 ' +
  'OAU-251 OAU-252';

it.each(API_CODES.split(' '))('comes with its code, its words, and what to do in a line: %s', async (code) => {
  const error = await refusedCreation(apiError(400, code, 'In so many words'));
  expect(error.message).toMatch(new RegExp(`^Could not create the subscription: ${code} In so many words\\.\n.*[.?]$`));
  expect(error).toMatchObject({ status: 400, codes: [code, code, ''], retryAfterMs: 0 });
  // No number of subscriptions is sure, and the sandbox is being closed.
  expect(error.message).not.toMatch(/\b(20|30)\b|sandbox|devtest/i);
});

it.each(LOGIN_CODES.split(' '))('ends the login, once, with what to do in a line: %s', async (code) => {
  const refused = await refusedLogin(loginError('access_denied', code, 'In so many words'));
  expect(refused).toMatchObject({ kind: 'login refused' });
  expect(refused.message).toMatch(new RegExp(`^RingCentral rejected the login: ${code} In so many words\\.\n.*\\.$`));
  expect(asked(platform)).toEqual(['POST token']);
});

it.each<[what: string, code: string, message: string, parameterName: string, advice: RegExp]>([
  ['a permission of the app', 'CMN-401', 'Needs [X]', '', /^Add .*\bapp.* "Webhook Subsc.*, "Read Mess.* "Read Acc/],
  ["another account's events", 'SUB-406', 'Not so', '', /^WEBHOOK_EVENT_FILTERS .* write ~ for your own\.$/],
  ['a wrong filter', 'CMN-101', 'Wrong', 'eventFilters', /^Correct WEBHOOK_EXTENSIONS or WEBHOOK_EVENT_FILTERS\.$/],
  ['a wrong extension', 'CMN-101', 'Wrong', 'extensionId', /^There is no such extension, or only an administrator/],
  ['a wrong address', 'CMN-101', 'Wrong', 'deliveryMode.address', /^The address is wrong \(see WEBHOOK_ADDRESS\), or /],
])('says what to do about %s', async (_, code, message, parameterName, advice) => {
  const error = await refusedCreation(apiError(403, code, message, parameterName || undefined));
  expect(error.message.split('\n')[1]).toMatch(advice);
  expect(hasCode(error, parameterName.replace('deliveryMode.', ''))).toBe(true);
});

it.each<[string, RegExp, Environment]>([
  ['OAU-168', /^Set RINGCENTRAL_JWT, and allow the JWT/m, PASSWORD],
  ['invalid_client', /^Check RINGCENTRAL_SERVER, and copy client id and secret again/m, CREDENTIALS],
  ['unauthorized_client', /JWT auth flow/, CREDENTIALS],
  ['invalid_grant', /Copy the whole RINGCENTRAL_JWT again, .* create a new one/, CREDENTIALS],
  ['invalid_grant', /check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD/, PASSWORD],
])('ends the login without an error code, too: %s, %s', async (error, advice, env) => {
  const body = { error, error_description: 'In so many words' };
  const { message } = await refusedLogin({ status: 400, body }, env);
  expect(message).toMatch(`RingCentral rejected the login: ${error} In so many words.\n`);
  expect(message).toMatch(advice);
});

it('suspects what the environment overrides before what is in .env', async () => {
  const settings = { ...ringCentralSettings(CREDENTIALS), overridden: ['RINGCENTRAL_JWT', 'RINGCENTRAL_SERVER'] };
  const answer = () => new Response('{"error":"invalid_grant"}', { status: 400 });
  const refuse = async (url: string) => (await readRefusal(new Request(url), answer(), settings)).message.split('\n');
  const said = 'If .env is right, unset RINGCENTRAL_JWT and RINGCENTRAL_SERVER in the environment: ';
  const advice = expect.stringMatching(/^Copy the whole RINGCENTRAL_JWT again/);
  expect(await refuse('http://x/token')).toEqual(['invalid_grant.', expect.stringContaining(said), advice]);
  expect(await refuse('http://x/y')).toEqual(['invalid_grant.', advice]);
});

it('names the variable of the verification token only if it is set', async () => {
  const refusal = apiError(400, 'CMN-101', 'Parameter value is invalid', 'deliveryMode.verificationToken');
  expect((await refusedCreation(refusal, OWN_TOKEN)).message).toMatch(/\nWEBHOOK_VERIFICATION_TOKEN takes at most 32 /);
  expect((await refusedCreation(refusal)).message).toMatch(/\nIt takes at most 32 letters and digits\.$/);
});

it.each<[string, Fault, string]>([
  ['a page', 'html', 'SERVER answered 502.'],
  ['nothing', { status: 403, body: '' }, 'SERVER answered 403.'],
  ['words alone', { status: 418, body: { message: 'I am a teapot.' } }, 'SERVER answered 418 I am a teapot.'],
  ['JSON null', { status: 418, headers: { 'Content-Type': 'application/json' }, body: 'null' }, 'SERVER answered 418.'],
  ['odd JSON', { status: 418, body: { error: ' ', message: {}, errors: [null] } }, 'SERVER answered 418.'],
  ["another program's JSON", { status: 404, body: { error: 'Not found' } }, 'SERVER answered 404.'],
  ["another program's code", { status: 404, body: { error: 'not_found' } }, 'not_found.'],
  ['an error of its own', apiError(503, 'CMN-211', 'Service Unavailable'), 'CMN-211 Service Unavailable.'],
])('says what came, and to check the server or try later: %s', async (_, fault, said) => {
  const { message } = await refusedCreation(fault);
  expect(message.replace(platform.url, 'SERVER')).toBe(
    `Could not create the subscription: ${said}\nCheck RINGCENTRAL_SERVER, or try again later: https://status.ringcentral.com`,
  );
});

it('has no advice for a code that nobody knows', async () => {
  const { message } = await refusedCreation(apiError(400, 'CMN-999', 'A new one', 'aNewOne'));
  expect(message).toBe('Could not create the subscription: CMN-999 A new one.');
});

it('goes by the most exact code, and by the others if that one is not known', async () => {
  const errors = [{ errorCode: 'SUB-999', message: 'Exactly so', parameterName: 'eventFilters' }];
  const fault = { status: 400, body: { errorCode: 'SUB-521', message: 'In general', errors } };
  const error = await refusedCreation(fault);
  expect(error.message).toMatch(/: SUB-999 Exactly so\.\nThe address .* RingCentral cannot reach it/);
  expect(error).toMatchObject({ codes: ['SUB-999', 'SUB-521', 'eventFilters'] });
  expect(hasCode(error, 'SUB-521')).toBe(true);
  expect(hasCode(error, 'SUB-5')).toBe(false);
  expect(hasCode(new Failure('SUB-521'), 'SUB-521')).toBe(false);
});

const asks = { 300: 300, 0: 1, '-5': 1, 99999999: 3600, 'Wed, 21 Oct 2026 07:28:00 GMT': 60, '': 60 };
it.each(Object.entries(asks))('too many requests: it says when to try again, after %j', async (value, seconds) => {
  const fault = { status: 429, headers: value ? { 'Retry-After': value } : {}, body: { errorCode: 'CMN-301' } };
  // Short waits are waited out, once.
  jest.spyOn(timers, 'setTimeout').mockResolvedValue(undefined);
  const error = await refusedCreation(fault);
  expect(error).toMatchObject({ status: 429, retryAfterMs: seconds * 1000 });
  expect(error.message).toMatch(`: CMN-301.\nTry again in ${seconds} s, not earlier: each early try `);
});

it.each<[string, () => string, Environment]>([
  ['JWT', () => CREDENTIALS.RINGCENTRAL_JWT, CREDENTIALS],
  ['client secret', () => CREDENTIALS.RINGCENTRAL_CLIENT_SECRET, CREDENTIALS],
  ['password', () => PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD, PASSWORD],
  ['access token', () => platform.accessTokens[0] ?? '', CREDENTIALS],
  ['derived verification token', () => TOKEN, CREDENTIALS],
  ['verification token, taken for a permission', () => 'OwnToken', OWN_TOKEN],
])('RingCentral’s words show no %s', async (_, secret, env) => {
  const { message } = await refusedCreation(() => apiError(403, 'CMN-401', `Value [${secret()}] is invalid`), env);
  expect(message).toMatch(/^Could not create the subscription: CMN-401\.\nAdd the missing permission /);
});

it('RingCentral’s words are shown in one line, with control characters escaped', async () => {
  const words = '\u001b[2J\u009b31m\rgone\u0007\nDone.\nAll is well\u202e';
  const { message } = await refusedCreation(apiError(400, 'CMN-999', words));
  const shown = '\\u001b[2J\\u009b31m\\u000dgone\\u0007\\u000aDone.\\u000aAll is well\\u202e.';
  expect(message).toBe(`Could not create the subscription: CMN-999 ${shown}`);
});
