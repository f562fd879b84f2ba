import { randomUUID } from 'node:crypto';
import { isJson, MAX_ANSWER_BYTES, MAX_ANSWER_MS } from '../contract.js';
import { NoAnswer, request, type Limits } from '../request.js';
import { Failure, fieldsOf, safeText, shownText, withoutPassword } from '../text.js';

/**
 * Tries an address before RingCentral does: it answers a handshake by RingCentral's rules, and knows our verification
 * token. Resolves to what to say about it; `warning` if it takes any other token, too.
 *
 * Throws a Failure that names the rule that the answer breaks, and what to do.
 */
export async function checkAddress(
  address: string,
  verificationToken: string,
  limits: Partial<Limits> = {},
): Promise<{ result: string; warning?: string }> {
  const start = performance.now();
  await shakeHands(address, undefined, limits);
  const ms = Math.round(performance.now() - start);
  await shakeHands(address, verificationToken, limits);
  const wrongToken = randomUUID();
  const refused = await shakeHands(address, wrongToken, limits).catch((error: unknown) => {
    if (error instanceof WrongToken) return error;
    throw error;
  });
  if (refused) return { result: `answers in ${ms} ms and knows our token` };
  return {
    result: `answers in ${ms} ms`,
    warning: `The receiver at ${address} takes notifications from anyone: it was started with another .env, or in another folder.`,
  };
}

/** The receiver was started with another verification token. */
class WrongToken extends Failure {}

/**
 * Does a handshake as RingCentral will. With a verification token it asks whether the receiver expects that one.
 *
 * Throws a Failure that names the rule that the answer breaks, and what to do.
 */
export async function shakeHands(
  address: string,
  verificationToken: string | undefined,
  limits: Partial<Limits> = {},
): Promise<void> {
  const token = randomUUID();
  const headers = {
    'User-Agent': 'handshake-check',
    'Validation-Token': token,
    ...(verificationToken !== undefined && { 'Verification-Token': verificationToken }),
  };
  const answer = await request(address, { timeoutMs: MAX_ANSWER_MS, ...limits }, { method: 'POST', headers }).catch(
    (error: unknown) => {
      throw error instanceof NoAnswer ? new Failure(`${address} ${whyNoAnswer(error)}`) : error;
    },
  );
  if (answer.status === 401 && verificationToken !== undefined)
    throw new WrongToken(
      `${address} expects another verification token. Restart the receiver: it was started with another ` +
        'RINGCENTRAL_CLIENT_SECRET or WEBHOOK_VERIFICATION_TOKEN.',
    );
  const broken = whyRefused(answer) ?? whyWrong(answer, token, (await answer.arrayBuffer()).byteLength);
  if (broken) throw new Failure(`${address} ${broken}`);
}

/** When a receiver was started, and how long ago, in milliseconds by its own clock; NaN if its /healthz does not say. */
export async function receiverStart(
  healthUrl: string,
  limits: Partial<Limits> = {},
): Promise<{ startedAt: unknown; age: number }> {
  try {
    const answer = await request(healthUrl, { timeoutMs: MAX_ANSWER_MS, ...limits });
    const { startedAt } = fieldsOf(await answer.json());
    return { startedAt, age: Date.parse(answer.headers.get('date') ?? '') - Date.parse(String(startedAt)) };
  } catch {
    return { startedAt: undefined, age: NaN };
  }
}

/** What is wrong with the status of an answer; undefined if it is 200. */
function whyRefused({ status, headers }: Response): string | undefined {
  const ngrokError = shownText(headers.get('ngrok-error-code'));
  const location = safeText(withoutPassword(headers.get('location') ?? 'an unknown place'));
  switch (status) {
    case 200:
      return undefined;
    case 401:
      return 'asks for a login (401). That is not the receiver but something in front of it: let POST /webhook through without one.';
    case 404:
      return ngrokError
        ? `is the address of a tunnel that is gone (${ngrokError}): start ngrok again, with its new address.`
        : 'answers the handshake with 404, not 200: does it lead to POST /webhook of `npm start`?';
    case 502:
    case 503:
    case 504:
      return `answers ${status}, nothing listens behind it: start the receiver with \`npm start\`.`;
  }
  if (status >= 300 && status < 400)
    return `redirects to ${location} (${status}), and RingCentral follows no redirects: register the address that it leads to.`;
  return `answers the handshake with ${status}, not 200: something in front of the receiver answered, or another program.`;
}

/** Which of RingCentral's rules a 200 breaks (Developer Guide, "Creating Webhooks"); undefined if none. */
function whyWrong({ headers }: Response, token: string, bodyBytes: number): string | undefined {
  if (headers.get('validation-token') !== token)
    return 'does not echo the Validation-Token: another program than `npm start` answers there.';
  const contentType = headers.get('content-type') ?? '';
  if (!isJson(contentType))
    return `answers with Content-Type ${safeText(contentType) || 'missing'}, not application/json.`;
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`.length + bodyBytes;
  if (bytes < MAX_ANSWER_BYTES) return undefined;
  return (
    `answers with ${bytes} bytes, headers included, and RingCentral takes fewer than ${MAX_ANSWER_BYTES}: ` +
    'have the proxy in front of it add fewer headers.'
  );
}

function whyNoAnswer({ code, message, withProxyHint }: NoAnswer): string {
  if (code.startsWith('ERR_SSL_'))
    return `does not speak TLS (${message}): is it http, or is the tunnel or the proxy missing?`;
  if (/CERT|SIGNATURE|ISSUER|TLS/.test(code))
    return `has a certificate that is not valid (${message}). Often the intermediate certificate is missing: serve it too.`;
  const skip = 'If only this machine cannot reach it, register without this check: npm run register -- --no-check';
  if (code === 'TIMEOUT')
    return `gives ${withProxyHint}, and RingCentral waits no longer: is the receiver stopped, or the tunnel slow? ${skip}`;
  if (code === 'ECONNREFUSED')
    return `cannot be reached (${withProxyHint}), nothing listens there: start the receiver with \`npm start\`. ${skip}`;
  if (code === 'ENOTFOUND')
    return `cannot be reached (${withProxyHint}), its name is not known: is the tunnel up? ${skip}`;
  return `cannot be reached (${withProxyHint}): is the receiver (\`npm start\`) up, and the tunnel? ${skip}`;
}
