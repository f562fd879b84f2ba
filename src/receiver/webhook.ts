import { timingSafeEqual } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { MAX_ANSWER_BYTES } from '../contract.js';
import { cutText, safeText } from '../text.js';
import { NotLogged, type LogEvent } from './event-log.js';
import { readNotification, Refusal, type Notification } from './notification.js';

/** What Node.js adds to the headers set here: status line, Date, Connection, Keep-Alive, Content-Length, blank line. */
const ADDED_BY_NODE_BYTES = 123;
const ADVICE_EVERY_MS = 60_000;

export interface WebhookOptions {
  logEvent: LogEvent;
  /** What RingCentral must send with each notification; undefined takes all. */
  verificationToken: string | undefined;
  /** Tells a person something, in one line; a faint one is there to look back at. */
  say: (line: string, faint?: 'faint') => void;
}

/**
 * POST /webhook: answers RingCentral's handshake and logs its notifications (Developer Guide, "Creating Webhooks").
 *
 * Expects the body as a Buffer. Throws a Refusal if a request is neither, is not proven to come from RingCentral, or
 * could not be logged.
 */
export function webhook({ logEvent, verificationToken, say }: WebhookOptions): RequestHandler {
  const expected = verificationToken === undefined ? undefined : Buffer.from(verificationToken);
  const advise = refusalAdvice(say);
  return async (req, res) => {
    const notification = readNotification(req);
    const validationToken = req.get('validation-token');
    const proof = req.get('verification-token');
    if (validationToken !== undefined) echo(res, validationToken);
    else if (!notification)
      throw new Refusal(
        400,
        'Neither a handshake (a Validation-Token header) nor a notification (a JSON object with a string "event")',
      );
    if (notification) {
      // The guide of 2023-12 sends the verification token as Validation-Token.
      if (expected && !matches(proof, expected) && !matches(validationToken, expected)) {
        advise();
        throw new Refusal(401, 'Verification-Token is missing or not the one that the subscription was created with');
      }
      await log(notification);
    } else if (expected && proof !== undefined && !matches(proof, expected))
      // RingCentral's handshake has none.
      throw new Refusal(401, 'Not our Verification-Token (npm run register asks this)');
    res.setHeader('Content-Type', 'application/json').end();
  };

  async function log(notification: Notification): Promise<void> {
    try {
      if (!(await logEvent(notification)))
        say(`Event ${cutText(safeText(notification.uuid ?? ''), 200)} came again: logged once`);
    } catch (error) {
      if (!(error instanceof NotLogged)) throw error;
      say(`A notification could not be logged: ${error.message}. Once that is mended: npm run catch-up`);
      throw new Refusal(503, 'The event could not be written to the log: send it again');
    }
  }
}

/** Says what to do about refused notifications: with the first one, and then at most once a minute. */
function refusalAdvice(say: WebhookOptions['say']): () => void {
  let refused = 0;
  let next = 0;
  return () => {
    refused++;
    if (Date.now() < next) return;
    next = Date.now() + ADVICE_EVERY_MS;
    const what = refused === 1 ? 'a notification' : `${refused} notifications`;
    say(
      `Refused ${what} without the right Verification-Token. If this was RingCentral, restart the receiver ` +
        '(.env may have changed since it started), then run `npm run register`.',
    );
    refused = 0;
  };
}

/** Sets the header that answers a handshake. Throws a Refusal if the answer would be too long. */
function echo(res: Response, validationToken: string): void {
  res.setHeader('Validation-Token', validationToken);
  const headers = Object.entries(res.getHeaders()).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  const bytes = headers.join('').length + 'Content-Type: application/json\r\n'.length + ADDED_BY_NODE_BYTES;
  if (bytes >= MAX_ANSWER_BYTES)
    throw new Refusal(400, `Validation-Token is too long: the answer must stay under ${MAX_ANSWER_BYTES} bytes`);
}

/** Compares in constant time: how long it takes tells nothing of the token but its length. */
function matches(given: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(given ?? '');
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
