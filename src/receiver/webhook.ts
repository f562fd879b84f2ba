import { timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { isJson } from '../contract.js';
import { Failure } from '../errors.js';
import type { LogEvent, WebhookEvent } from '../log/event-log.js';
import { MINUTE_MS } from '../pace.js';
import type { Say } from '../program.js';
import { plural } from '../show.js';
import { fieldsOf, textOf } from '../unknown.js';

/** The longest Validation-Token, in characters: with the other headers the answer stays far under 1024 bytes. */
const MAX_TOKEN = 500;
/** A uuid has 36 characters. Much longer ones are ignored: they only cost memory. */
const MAX_UUID_LENGTH = 200;
const NEITHER = 'Neither a handshake (Validation-Token header) nor a notification (JSON object with a string "event")';

/** Why a request is not served, as an error: the status of the answer and the sentence in it. */
export const refusal = (status: number, message: string) => Object.assign(new Error(message), { status });

export interface WebhookOptions {
  log: LogEvent;
  /** What RingCentral must send with each notification; undefined accepts all. */
  verificationToken: string | undefined;
  say: Say;
  /** The Validation-Tokens of handshakes that this process sends to itself: each is deleted when it arrives. */
  ownChecks?: Set<string>;
}

/** POST /webhook: answers handshakes and logs notifications (Developer Guide, "Creating Webhooks"). Expects a Buffer as body. */
export function webhook({ log, verificationToken, say, ownChecks }: WebhookOptions): RequestHandler {
  const expected = verificationToken === undefined ? undefined : Buffer.from(verificationToken);
  let refused = 0;
  let nextAdvice = 0;
  return async (req, res) => {
    const given = req.get('verification-token');
    const token = req.get('validation-token');
    const content = Buffer.isBuffer(req.body) && req.body.length > 0 ? req.body : undefined;
    // The guide of 2023-12 sends a Validation-Token with every notification, which then is the expected one.
    const isProven = !expected || matches(given, expected) || matches(token, expected);
    if (given !== undefined && !isProven) refuseOrigin(content ? 'notification' : 'handshake');
    const notification = content && readNotification(content, req.get('content-type'));
    if (notification && !isProven) refuseOrigin('notification');
    if (token !== undefined) echoToken(token, res);
    else if (!notification) throw refusal(400, NEITHER);
    if (notification) await logNotification(notification);
    res.setHeader('Content-Type', 'application/json').end();
  };

  function refuseOrigin(what: 'handshake' | 'notification'): never {
    // RingCentral's handshake has no Verification-Token.
    if (what === 'handshake') throw refusal(401, 'Wrong token: expected, `npm run register` tries one');
    refused++;
    if (performance.now() >= nextAdvice) {
      const what = plural(refused, 'notification');
      const cure = 'restart the receiver (.env may have changed since it started), then run `npm run register`';
      say(`Refused ${what} without the right Verification-Token. If this was RingCentral, ${cure}.`, 'warning');
      refused = 0;
      nextAdvice = performance.now() + MINUTE_MS;
    }
    throw refusal(401, 'Verification-Token is missing or not the one that the subscription was created with');
  }

  function echoToken(token: string, res: Response): void {
    if (token.length > MAX_TOKEN) throw refusal(400, `Validation-Token is longer than ${MAX_TOKEN} characters`);
    res.locals['isOwnCheck'] = ownChecks?.delete(token);
    res.setHeader('Validation-Token', token);
  }

  async function logNotification(notification: WebhookEvent): Promise<void> {
    try {
      if ((await log(notification)) === 'logged') return;
      say(`Event ${notification.uuid} came again: logged once`, 'faint');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say(`An event could not be logged: ${error.message}. keep logs it later, or \`npm run catch-up\`.`, 'error');
      throw refusal(503, 'The event could not be written to the log: send it again');
    }
  }
}

/** In constant time: how long it takes reveals nothing of the token but its length. */
function matches(given = '', expected: Buffer): boolean {
  const bytes = Buffer.from(given);
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The notification in a request's body; undefined if it is other JSON. Throws a refusal if it is not JSON. */
export function readNotification(content: Buffer, contentType = ''): WebhookEvent | undefined {
  if (!isJson(contentType) || /charset=(?!"?utf-?8\b)/i.test(contentType))
    throw refusal(415, `Content-Type must be application/json in UTF-8, not ${contentType || 'missing'}`);
  let json: string;
  let payload: unknown;
  try {
    json = utf8.decode(content);
    payload = JSON.parse(json);
  } catch (error) {
    throw refusal(400, `The body is not JSON in UTF-8: ${String(error)}`);
  }
  const { event, uuid, timestamp, body } = fieldsOf(payload);
  if (typeof event !== 'string') return undefined;
  // The text of a voicemail may come as its subject (API reference, "VoicemailMessageEventBody").
  const text = event.endsWith('/voicemail') ? textOf(fieldsOf(body)['subject']) : undefined;
  const isUuid = typeof uuid === 'string' && uuid.length <= MAX_UUID_LENGTH;
  return { json, event, uuid: isUuid ? textOf(uuid) : undefined, timestamp, body, text };
}
