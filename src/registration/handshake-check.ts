import { randomUUID } from 'node:crypto';
import { isJson } from '../contract.js';
import { Failure } from '../errors.js';
import type { Say } from '../program.js';
import { NoAnswer, request } from '../request.js';
import { safeText, withoutPassword } from '../show.js';

/** RingCentral takes fewer bytes, headers and body, and waits no longer (Developer Guide, "Creating Webhooks"). */
const MAX_ANSWER_BYTES = 1024;
const MAX_ANSWER_MS = 3000;

/** Tries an address before RingCentral does: without a token, with this one, and with a wrong one. Throws a Failure. */
export async function checkAddress(address: string, verificationToken: string, say: Say): Promise<void> {
  const start = performance.now();
  await shakeHands(address).catch((error: unknown) => {
    const next = 'If only this machine cannot reach it, register without this check: npm run register -- --no-check';
    throw error instanceof Failure && error.cause ? new Failure(`${error.message} ${next}`) : error;
  });
  const ms = Math.round(performance.now() - start);
  const why = 'it was started with another RINGCENTRAL_CLIENT_SECRET or WEBHOOK_VERIFICATION_TOKEN.';
  if (!(await shakeHands(address, { verificationToken })))
    throw new Failure(`${address} expects another verification token. Restart the receiver: ${why}`);
  const takesAny = await shakeHands(address, { verificationToken: randomUUID() });
  say(`Checked ${address}: answers in ${ms} ms${takesAny ? '' : ' and expects the right verification token'}`);
  if (takesAny) say('It takes notifications from anyone: restart it in this folder, with this .env.', 'warning');
}

/** By the `nonce`, a receiver in this process recognises its own handshake. */
type Handshake = { verificationToken?: string; nonce?: string; signal?: AbortSignal };

/** Does a handshake as RingCentral will. Resolves to whether the token is right, if one is given. Throws a Failure. */
export async function shakeHands(address: string, { verificationToken, nonce = randomUUID(), signal }: Handshake = {}) {
  const headers = new Headers({ 'User-Agent': 'handshake-check', 'Validation-Token': nonce });
  if (verificationToken) headers.set('Verification-Token', verificationToken);
  const limits = { timeoutMs: MAX_ANSWER_MS, signal };
  const answer = await request(address, limits, { method: 'POST', headers }).catch((cause: unknown) => {
    if (!(cause instanceof NoAnswer)) throw cause;
    throw new Failure(`${address} gives no valid answer (${cause.withProxyHint}): ${causeOf(cause.code)}`, { cause });
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const [ngrokError] = /^ERR_NGROK_\d+$/.exec(answer.headers.get('ngrok-error-code') ?? '') ?? [];
  if (answer.status === 401 && verificationToken && !ngrokError) return false;
  const broken = whyWrong(answer, nonce, ngrokError, body);
  const seeToo = ngrokError ? ` ngrok says why: https://ngrok.com/docs/errors/${ngrokError.toLowerCase()}` : '';
  if (broken) throw new Failure(`${address} ${broken}${seeToo}`);
  return true;
}

const RECEIVER = 'the receiver (`npm start` or `npm run keep`)';
const OTHER = 'another program than the receiver answers there.';

/** A status and what came with it, or the code of an error → the likely cause, and what to do: the first that fits. */
const CAUSES: [RegExp, string][] = [
  // ngrok answers 404 itself; Cloudflare answers 530 with "error code: 1033".
  [/^(404 ERR_NGROK|530 .*\b1033\b)/s, 'its tunnel is gone: start it again. Its address may have changed.'],
  // Cloudflare answers 520 to 527 if it cannot reach the server, and 530 if it cannot find it.
  [/^(50[2-4]|52[0-7]|530) /, `nothing listens behind it: is ${RECEIVER} running, and at the tunnel's port?`],
  [/^401 /, 'something in front of the receiver asks for a login: let POST /webhook through.'],
  [/^404 /, 'does it lead to POST /webhook of the receiver?'],
  [/^3\d\d /, 'RingCentral follows no redirects: register the new address.'],
  [/^\d+ /, 'something in front of the receiver answered, or another program.'],
  [/^ERR_SSL_/, 'it does not speak TLS: is it http, or is the tunnel or the proxy missing?'],
  [/CERT|SIGNATURE|ISSUER|TLS/, 'its certificate is not valid. Often the intermediate is missing: serve it too.'],
  [/^TOO_LARGE$/, OTHER],
  [/^TIMEOUT$/, 'is the receiver stopped, or the tunnel slow? RingCentral waits no longer.'],
  [/^ECONNREFUSED$/, `nothing listens there: are ${RECEIVER} and the tunnel running?`],
  [/^ENOTFOUND$/, 'its name is unknown: is the tunnel running?'],
  [/^/, `are ${RECEIVER} and the tunnel running?`],
];

const causeOf = (code: string) => CAUSES.find(([pattern]) => pattern.test(code))?.[1];

/** Which of RingCentral's rules an answer breaks (Developer Guide, "Creating Webhooks"); undefined if none. */
function whyWrong({ status, headers }: Response, nonce: string, ngrokError: string | undefined, body: Buffer) {
  const location = headers.get('location');
  const to = location ? ` (to ${safeText(withoutPassword(location))})` : '';
  if (status !== 200) return `answers ${status}${to}, not 200: ${causeOf(`${status} ${ngrokError ?? body}`)}`;
  if (headers.get('validation-token') !== nonce) return `does not echo the Validation-Token: ${OTHER}`;
  const type = headers.get('content-type') ?? '';
  if (!isJson(type)) return `answers with Content-Type ${safeText(type) || 'missing'}, not application/json.`;
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`.length + body.byteLength;
  if (bytes < MAX_ANSWER_BYTES) return undefined;
  return `answers with ${bytes} bytes, and RingCentral takes fewer than ${MAX_ANSWER_BYTES}: have the proxy add fewer headers.`;
}
