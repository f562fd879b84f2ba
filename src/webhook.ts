import { timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { isJson, MAX_ANSWER_BYTES } from './contract.js';
import { fields, text } from './fields.js';
import { NotLogged, type EventLog, type Notification } from './event-log.js';

/** What Node.js adds to the headers set here: status line, Date, Connection, Keep-Alive, Content-Length, blank line. */
const ADDED_BY_NODE_BYTES = 123;
/** A uuid has 36 characters. A much longer one is a stranger's, and not worth the memory. */
const MAX_UUID_LENGTH = 200;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A request that is not served: the status of the answer and the sentence in it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const NEITHER =
  'Neither a handshake (a Validation-Token header) nor a notification (a JSON object with a string "event")';
const UNPROVEN =
  'Refused a request without the right Verification-Token. If it was no stranger: ' +
  'restart the receiver if .env has changed since it started, then run `npm run register`.';

export interface WebhookOptions {
  eventLog: EventLog;
  /** What RingCentral must send with each notification; undefined accepts all. */
  verificationToken: string | undefined;
  /** Tells a person something, in one line. */
  say: (line: string) => void;
}

/**
 * POST /webhook: answers RingCentral's handshake and logs its notifications (Developer Guide, "Creating Webhooks").
 *
 * Expects the body as a Buffer. Throws a Refusal for what is neither, is not proven to come from RingCentral, or could
 * not be logged.
 */
export function webhook({ eventLog, verificationToken, say }: WebhookOptions): RequestHandler {
  const expected = verificationToken === undefined ? undefined : Buffer.from(verificationToken);
  return async (req, res) => {
    const notification = readNotification(req);
    const validationToken = req.get('validation-token');
    if (validationToken !== undefined) echo(res, validationToken);
    else if (!notification) throw new Refusal(400, NEITHER);
    const proof = req.get('verification-token');
    // RingCentral's handshake has none. One that has it asks whether this receiver expects the same (npm run register).
    if (expected && (notification || proof !== undefined) && !matches(proof, expected)) {
      say(UNPROVEN);
      throw new Refusal(401, 'Verification-Token is missing or not the one that the subscription was created with');
    }
    if (notification) await logEvent(notification);
    res.setHeader('Content-Type', 'application/json').end();
  };

  async function logEvent(notification: Notification): Promise<void> {
    try {
      const isNew = await eventLog.log(notification);
      if (!isNew) say(`Event ${notification.uuid} came again: logged once`);
    } catch (error) {
      if (!(error instanceof NotLogged)) throw error;
      say(`A notification was refused, it could not be logged: ${error.message}`);
      throw new Refusal(503, 'The event could not be written to the log: send it again');
    }
  }
}

/** Sets the header that answers a handshake. Throws a Refusal where the answer would be too long. */
function echo(res: Response, validationToken: string): void {
  res.setHeader('Validation-Token', validationToken);
  const headers = Object.entries(res.getHeaders()).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  const bytes = headers.join('').length + 'Content-Type: application/json\r\n'.length + ADDED_BY_NODE_BYTES;
  if (bytes >= MAX_ANSWER_BYTES)
    throw new Refusal(400, `Validation-Token is too long: the answer must stay under ${MAX_ANSWER_BYTES} bytes`);
}

/** The notification in a request, if there is one. Throws a Refusal where the body is not JSON. */
function readNotification(req: Request): Notification | undefined {
  const body: unknown = req.body;
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  const contentType = req.get('content-type') ?? '';
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1] ?? 'utf-8';
  if (!isJson(contentType) || !/^utf-?8$/i.test(charset))
    throw new Refusal(415, `Content-Type must be application/json in UTF-8, not ${contentType || 'missing'}`);
  let json: string;
  let payload: unknown;
  try {
    json = utf8.decode(body);
    payload = JSON.parse(json);
  } catch (error) {
    throw new Refusal(400, `The body is not JSON in UTF-8: ${String(error)}`);
  }
  const { event, uuid, timestamp, body: message } = fields(payload);
  if (typeof event !== 'string') return undefined;
  const identity = text(uuid);
  return {
    json,
    event,
    uuid: identity && identity.length <= MAX_UUID_LENGTH ? identity : undefined,
    timestamp,
    body: message,
  };
}

/** Compares in constant time: how long it takes tells nothing of the token but its length. */
function matches(given: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(given ?? '');
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
