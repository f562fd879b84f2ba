import { timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { isJson } from '../contract.js';
import { messageOf } from '../errors.js';
import type { LogEvent, WebhookEvent } from '../log/event-log.js';
import { MINUTE_MS } from '../pace.js';
import type { Say } from '../program.js';
import { plural } from '../show.js';
import { fieldsOf, textOf } from '../unknown.js';

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
    const validationToken = req.get('validation-token');
    const content = Buffer.isBuffer(req.body) && req.body.length > 0 ? req.body : undefined;
    // The guide of 2023-12 sends a Validation-Token with every notification, which then is the expected one.
    const isProven = !expected || matches(given, expected) || matches(validationToken, expected);
    const isWrong = given !== undefined && !isProven;
    // RingCentral's handshake has no Verification-Token.
    if (isWrong && !content) throw refusal(401, 'Wrong token: `npm run register` tries one on purpose');
    if (isWrong) refuseNotification();
    const notification = content && readNotification(content, req.get('content-type'));
    if (notification && !isProven) refuseNotification();
    if (!notification && validationToken === undefined)
      throw refusal(400, 'Neither a handshake (Validation-Token) nor a notification (JSON with a string "event")');
    // With the other headers, the answer then stays far under 1024 bytes.
    if (validationToken && validationToken.length > 500)
      throw refusal(400, 'Validation-Token is longer than 500 characters');
    if (notification) await logNotification(notification);
    if (validationToken !== undefined) res.setHeader('Validation-Token', validationToken);
    res.locals['isOwnCheck'] = validationToken !== undefined && ownChecks?.delete(validationToken);
    res.setHeader('Content-Type', 'application/json').end();
  };

  function refuseNotification(): never {
    refused++;
    if (performance.now() >= nextAdvice) {
      const count = plural(refused, 'notification');
      const cure = 'restart the receiver (.env may have changed since it started), then run `npm run register`';
      say(`Refused ${count} without the right Verification-Token. If this was RingCentral, ${cure}.`, 'warning');
      refused = 0;
      nextAdvice = performance.now() + MINUTE_MS;
    }
    throw refusal(401, 'Verification-Token is missing or not the one that the subscription was created with');
  }

  async function logNotification(notification: WebhookEvent): Promise<void> {
    try {
      if ((await log(notification)) === 'logged') return;
      say(`Event ${notification.uuid ?? notification.event} came again: logged once`, 'faint');
    } catch (error) {
      say(`An event could not be logged: ${messageOf(error)}. keep logs it later, or \`npm run catch-up\`.`, 'error');
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
  const { event, uuid, body } = fieldsOf(payload);
  if (typeof event !== 'string') return undefined;
  // The text of a voicemail may come as its subject (API reference, "VoicemailMessageEventBody").
  const text = event.endsWith('/voicemail') ? textOf(fieldsOf(body)['subject']) : undefined;
  // A uuid has 36 characters. Much longer ones only cost memory.
  const isUuid = typeof uuid === 'string' && uuid.length <= 200;
  return { json, event, uuid: isUuid ? textOf(uuid) : undefined, body, text };
}
