import { timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { NotLogged, type LogEvent, type WebhookEvent } from '../log/event-log.js';
import type { Say } from '../program.js';
import { cutText, safeText } from '../show.js';
import { readNotification, Refusal } from './notification.js';

/** The longest Validation-Token, in characters: with the other headers the answer stays far under 1024 bytes. */
const MAX_TOKEN_LENGTH = 500;
const ADVICE_EVERY_MS = 60_000;

export interface WebhookOptions {
  log: LogEvent;
  /** What RingCentral must send with each notification; undefined accepts all. */
  verificationToken: string | undefined;
  say: Say;
  /** The Validation-Tokens of handshakes that this process sends to itself: each is deleted when it arrives. */
  ownChecks?: Set<string>;
}

/**
 * POST /webhook: answers RingCentral's handshake and logs its notifications (Developer Guide, "Creating Webhooks"). Expects
 * the body as a Buffer. Throws a Refusal.
 */
export function webhook({ log, verificationToken, say, ownChecks }: WebhookOptions): RequestHandler {
  const originOf = originCheck(verificationToken);
  const advise = refusalAdvice(say);
  return async (req, res) => {
    const origin = originOf(req);
    const content = Buffer.isBuffer(req.body) && req.body.length > 0 ? req.body : undefined;
    if (origin === 'wrong') refuseOrigin(content ? 'notification' : 'handshake');
    const notification = content && readNotification(content, req.get('content-type'));
    if (notification && origin !== 'proven') refuseOrigin('notification');
    // The guide of 2023-12 sends a Validation-Token with every notification, too.
    if (!notification || req.get('validation-token') !== undefined) echoToken(req, res);
    if (notification) await logNotification(notification);
    res.setHeader('Content-Type', 'application/json').end();
  };

  function refuseOrigin(what: 'handshake' | 'notification'): never {
    // RingCentral's handshake has no Verification-Token.
    if (what === 'handshake') throw new Refusal(401, 'Wrong token: expected, `npm run register` tries one');
    advise();
    throw new Refusal(401, 'Verification-Token is missing or not the one that the subscription was created with');
  }

  function echoToken(req: Request, res: Response): void {
    const token = req.get('validation-token');
    if (token === undefined)
      throw new Refusal(
        400,
        'Neither a handshake (a Validation-Token header) nor a notification (a JSON object with a string "event")',
      );
    if (token.length > MAX_TOKEN_LENGTH)
      throw new Refusal(400, `Validation-Token is longer than ${MAX_TOKEN_LENGTH} characters`);
    res.locals['isOwnCheck'] = ownChecks?.delete(token);
    res.setHeader('Validation-Token', token);
  }

  async function logNotification(notification: WebhookEvent): Promise<void> {
    try {
      const outcome = await log(notification);
      if (outcome === 'repeated')
        say(`Event ${cutText(safeText(notification.uuid ?? ''), 200)} came again: logged once`, 'faint');
    } catch (error) {
      if (!(error instanceof NotLogged)) throw error;
      say(
        `A notification could not be logged: ${error.message}. keep logs it later, or \`npm run catch-up\`.`,
        'error',
      );
      throw new Refusal(503, 'The event could not be written to the log: send it again');
    }
  }
}

/** The verification token may come in either header, by the guide of 2023-12. */
function originCheck(verificationToken: string | undefined): (req: Request) => 'proven' | 'unknown' | 'wrong' {
  if (verificationToken === undefined) return () => 'proven';
  const expected = Buffer.from(verificationToken);
  return (req) => {
    const given = req.get('verification-token');
    if (matches(given, expected) || matches(req.get('validation-token'), expected)) return 'proven';
    return given === undefined ? 'unknown' : 'wrong';
  };
}

/** Says what to do about refused notifications: at the first, and then at most once a minute. */
function refusalAdvice(say: Say): () => void {
  let refused = 0;
  let next = 0;
  return () => {
    refused++;
    if (performance.now() < next) return;
    next = performance.now() + ADVICE_EVERY_MS;
    const what = refused === 1 ? 'a notification' : `${refused} notifications`;
    say(
      `Refused ${what} without the right Verification-Token. If this was RingCentral, restart the receiver ` +
        '(.env may have changed since it started), then run `npm run register`.',
      'warning',
    );
    refused = 0;
  };
}

/** In constant time: how long it takes reveals nothing of the token but its length. */
function matches(given: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(given ?? '');
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
