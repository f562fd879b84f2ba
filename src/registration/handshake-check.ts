import { randomUUID } from 'node:crypto';
import { isJson, MAX_ANSWER_BYTES, MAX_ANSWER_MS } from '../contract.js';
import { NoAnswer, request } from '../request.js';
import { Failure } from '../errors.js';
import { safeText, withoutPassword } from '../show.js';

/**
 * Tries an address before RingCentral does: whether it answers by RingCentral's rules, and expects the verification token.
 * Resolves to what to say about it, with a warning if it accepts other tokens, too. Throws a Failure that names the rule
 * that the answer breaks, and what to do.
 */
export async function checkAddress(
  address: string,
  verificationToken: string,
): Promise<{ result: string; warning?: string }> {
  try {
    const start = performance.now();
    await shakeHands(address);
    const result = `answers in ${Math.round(performance.now() - start)} ms`;
    await shakeHands(address, { verificationToken });
    const refusal = await shakeHands(address, { verificationToken: randomUUID() }).catch((error: unknown) => error);
    if (refusal instanceof WrongToken) return { result: `${result} and expects the right verification token` };
    if (refusal !== undefined) throw refusal;
    const warning = `The receiver at ${address} takes notifications from anyone: stop it, and start it in this folder, with this .env.`;
    return { result, warning };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    throw new Failure(
      `${error.message} If only this machine cannot reach it, register without this check: npm run register -- --no-check`,
    );
  }
}

const RECEIVER = 'the receiver (`npm start` or `npm run keep`)';

class WrongToken extends Failure {}

/** No answer came, perhaps to this machine only. */
class Unreachable extends Failure {}

interface Handshake {
  /** If given, checks whether the receiver expects it. */
  verificationToken?: string;
  /** The Validation-Token: a receiver in this process recognises its own handshake by it. */
  nonce?: string;
  signal?: AbortSignal;
}

/** Does a handshake as RingCentral will. Throws a Failure that names the rule that the answer breaks, and what to do. */
export async function shakeHands(
  address: string,
  { verificationToken, nonce = randomUUID(), signal }: Handshake = {},
): Promise<void> {
  const headers = {
    'User-Agent': 'handshake-check',
    'Validation-Token': nonce,
    ...(verificationToken !== undefined && { 'Verification-Token': verificationToken }),
  };
  const limits = { timeoutMs: MAX_ANSWER_MS, signal };
  const answer = await request(address, limits, { method: 'POST', headers }).catch((error: unknown) => {
    throw error instanceof NoAnswer ? noAnswer(address, error) : error;
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const [ngrokError] = /^ERR_NGROK_\d+$/.exec(answer.headers.get('ngrok-error-code') ?? '') ?? [];
  if (answer.status === 401 && verificationToken !== undefined && !ngrokError)
    throw new WrongToken(
      `${address} expects another verification token. Restart the receiver: it was started with another ` +
        'RINGCENTRAL_CLIENT_SECRET or WEBHOOK_VERIFICATION_TOKEN.',
    );
  // ngrok answers 404 itself; Cloudflare answers 530 with "error code: 1033".
  const isTunnelGone = ngrokError ? answer.status === 404 : answer.status === 530 && /\b1033\b/.test(body.toString());
  const broken = isTunnelGone
    ? 'belongs to a tunnel that is gone: start the tunnel again. Its address may have changed.'
    : (whyRefused(answer) ?? whyWrong(answer, nonce, body.byteLength));
  const seeToo = ngrokError ? ` ngrok says why: https://ngrok.com/docs/errors/${ngrokError.toLowerCase()}` : '';
  if (broken) throw new Failure(`${address} ${broken}${seeToo}`);
}

function whyRefused({ status, headers }: Response): string | undefined {
  if (status === 200) return undefined;
  // Cloudflare answers 520 to 527 if it cannot reach the server, and 530 if it cannot find it.
  if ((status >= 502 && status <= 504) || (status >= 520 && status <= 527) || status === 530)
    return `answers ${status}, nothing listens behind it: is ${RECEIVER} running, and does the tunnel or proxy lead to its port?`;
  if (status === 401)
    return 'asks for a login (401), and the receiver never does: let POST /webhook through whatever is in front of it.';
  if (status === 404) return 'answers the handshake with 404, not 200: does it lead to POST /webhook of the receiver?';
  if (status >= 300 && status < 400) {
    const location = safeText(withoutPassword(headers.get('location') ?? 'an unknown place'));
    return `redirects to ${location} (${status}), and RingCentral follows no redirects: register the new address.`;
  }
  return `answers the handshake with ${status}, not 200: something in front of the receiver answered, or another program.`;
}

/** Which of RingCentral's rules a 200 breaks (Developer Guide, "Creating Webhooks"); undefined if none. */
function whyWrong({ headers }: Response, token: string, bodyBytes: number): string | undefined {
  if (headers.get('validation-token') !== token)
    return 'does not echo the Validation-Token: another program than the receiver answers there.';
  const contentType = headers.get('content-type') ?? '';
  if (!isJson(contentType))
    return `answers with Content-Type ${safeText(contentType) || 'missing'}, not application/json.`;
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`.length + bodyBytes;
  if (bytes < MAX_ANSWER_BYTES) return undefined;
  return (
    `answers with ${bytes} bytes, headers included, and RingCentral takes fewer than ${MAX_ANSWER_BYTES}: ` +
    'make the proxy in front of the receiver add fewer headers.'
  );
}

function noAnswer(address: string, { code, message, withProxyHint: why }: NoAnswer): Failure {
  if (code.startsWith('ERR_SSL_'))
    return new Failure(
      `${address} does not speak TLS (${message}): is it http, or is the tunnel or the proxy missing?`,
    );
  if (/CERT|SIGNATURE|ISSUER|TLS/.test(code))
    return new Failure(
      `${address} has a certificate that is not valid (${why}). Often the intermediate certificate is missing: serve it too.`,
    );
  if (code === 'TOO_LARGE')
    return new Failure(`${address} gives ${message}: another program than the receiver answers there.`);
  if (code === 'TIMEOUT')
    return new Unreachable(
      `${address} gives ${why}, and RingCentral waits no longer: is the receiver stopped, or the tunnel slow?`,
    );
  const causes = new Map([
    ['ECONNREFUSED', `, nothing listens there: is ${RECEIVER} running?`],
    ['ENOTFOUND', ', its name is unknown: is the tunnel running?'],
  ]);
  return new Unreachable(
    `${address} cannot be reached (${why})${causes.get(code) ?? `: are ${RECEIVER} and the tunnel running?`}`,
  );
}
