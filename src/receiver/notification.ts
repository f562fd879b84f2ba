import { isJson } from '../contract.js';
import type { WebhookEvent } from '../log/event-log.js';
import { fieldsOf, textOf } from '../unknown.js';

/** A uuid has 36 characters. Much longer ones are ignored: they only cost memory. */
const MAX_UUID_LENGTH = 200;

/** A request that is not served: the status of the answer and the sentence in it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The notification in a request's body; undefined if it is other JSON. Throws a Refusal if it is not JSON. */
export function readNotification(content: Buffer, contentType = ''): WebhookEvent | undefined {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1] ?? 'utf-8';
  if (!isJson(contentType) || !/^utf-?8$/i.test(charset))
    throw new Refusal(415, `Content-Type must be application/json in UTF-8, not ${contentType || 'missing'}`);
  let json: string;
  let payload: unknown;
  try {
    json = utf8.decode(content);
    payload = JSON.parse(json);
  } catch (error) {
    throw new Refusal(400, `The body is not JSON in UTF-8: ${String(error)}`);
  }
  const { event, uuid: given, timestamp, body } = fieldsOf(payload);
  if (typeof event !== 'string') return undefined;
  const identity = textOf(given) ?? '';
  const uuid = identity !== '' && identity.length <= MAX_UUID_LENGTH ? identity : undefined;
  // The text of a voicemail may come as its subject (API reference, "VoicemailMessageEventBody").
  const text = event.endsWith('/voicemail') ? textOf(fieldsOf(body)['subject']) : undefined;
  return { json, event, uuid, timestamp, body, text };
}
