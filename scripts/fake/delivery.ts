import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { errorOf } from '../../src/errors.js';
import { apiError } from './api-errors.js';
import type { State, Subscription } from './state.js';
import { withIds } from './voicemail.js';

/** Answers to a webhook must come within this time and stay under this size, headers included ("Creating Webhooks"). */
const MAX_ANSWER_MS = 3000;
const MAX_ANSWER_BYTES = 1024;

const failuresInARow = new WeakMap<Subscription, number>();

/** How a receiver answered a notification. */
export interface Delivery {
  subscriptionId: string;
  /** 0 if no whole answer came within 3000 ms, or if it was lost. */
  status: number;
  /** Whether RingCentral accepts the answer: status 200, under 1024 bytes, with the token if it is to be echoed. */
  accepted: boolean;
}

/** What a receiver answered, and how many bytes that was: status line, headers and body. */
type Answer = { status: number; statusText: string; headers: IncomingHttpHeaders; bytes: number };

/** Does the handshake with an address ("Creating Webhooks"). Throws what is wrong with its answer. */
export async function handshake(address: string, closing: AbortSignal): Promise<void> {
  const token = randomUUID();
  const { status, headers, bytes } = await post(address, { 'Validation-Token': token }, '', closing).catch(() => {
    throw apiError(400, 'SUB-521', 'WebHook is not reachable');
  });
  if (status !== 200)
    throw apiError(400, 'SUB-522', `WebHook responds with incorrect HTTP status. HTTP status is ${status}`);
  const isJson = /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
  if (!isJson || headers['validation-token'] !== token || bytes >= MAX_ANSWER_BYTES)
    throw apiError(400, 'SUB-525', 'WebHook server response is invalid');
}

/** Whether an event is to be delivered to a subscription. */
export function isDue(state: State, event: string, subscription: Subscription): boolean {
  const { status, expirationTime, deliveryMode, eventFilters } = subscription;
  const isExpired = Date.parse(expirationTime ?? '') <= state.now;
  const isLive = status === 'Active' && !isExpired && deliveryMode?.transportType === 'WebHook';
  const ownerId = state.ownerOf(subscription);
  return isLive && eventFilters?.some((filter) => withIds(filter, ownerId) === withIds(event, ownerId)) === true;
}

/** Sends a notification, and blacklists the subscription if it failed too often. */
export async function notify(state: State, subscription: Subscription, notification: object): Promise<Delivery> {
  const { id: subscriptionId = '', deliveryMode } = subscription;
  if (state.lostDeliveries > 0) {
    state.lostDeliveries--;
    return { subscriptionId, status: 0, accepted: false };
  }
  const token = state.verificationTokens.get(subscriptionId);
  const tokenHeader = state.validationTokenHeader ? 'Validation-Token' : 'Verification-Token';
  const type = 'application/json; charset=UTF-8';
  const headers = { 'Content-Type': type, ...(token !== undefined && { [tokenHeader]: token }) };
  const sent = post(deliveryMode?.address ?? '', headers, JSON.stringify(notification), state.closing.signal);
  const answer = await sent.catch((error: unknown) => errorOf(error).message);
  const reason = whyNot(answer, state.validationTokenHeader ? token : undefined);
  const failures = reason === undefined ? 0 : (failuresInARow.get(subscription) ?? 0) + 1;
  failuresInARow.set(subscription, failures);
  if (reason !== undefined && failures >= state.blacklistAfter && subscription.status === 'Active') {
    subscription.status = 'Blacklisted';
    subscription.blacklistedData = { blacklistedAt: state.time, reason };
  }
  return { subscriptionId, status: typeof answer === 'string' ? 0 : answer.status, accepted: reason === undefined };
}

/** Why RingCentral does not accept an answer, or none, in its words ("Troubleshooting webhooks", developer forum). */
function whyNot(answer: Answer | string, echo: string | undefined): string | undefined {
  if (typeof answer === 'string') return `I/O operation is failed. Details: [${answer}]`;
  const { status, statusText, headers, bytes } = answer;
  if (status !== 200) return `Webhook responses with code: [${status}], reason: [${statusText}]`;
  if (bytes >= MAX_ANSWER_BYTES) return `Webhook response exceeds max size. Read bytes count: [${MAX_ANSWER_BYTES}]`;
  if (echo !== undefined && headers['validation-token'] !== echo) return 'WebHook server response is invalid';
  return undefined;
}

/** POSTs as RingCentral does, and counts all bytes of the answer. Rejects if none came whole within 3000 ms. */
function post(address: string, headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname } = new URL(address);
    if (!/^(127\.[\d.]+|localhost|\[::1\])$/.test(hostname)) throw new Error(`${hostname} is not on this machine`);
    const request = httpRequest(address, {
      method: 'POST',
      signal,
      // A connection for each request, to count its bytes, but asked to be kept: that answer has the most headers.
      agent: false,
      headers: {
        'User-Agent': 'RingCentral-Webhook/8.3',
        Accept: 'application/json',
        'Content-Length': Buffer.byteLength(body),
        Connection: 'keep-alive',
        ...headers,
      },
    });
    const timeout = setTimeout(() => request.destroy(new Error('Read timed out')), MAX_ANSWER_MS);
    request.on('close', () => clearTimeout(timeout));
    request.on('error', reject);
    request.on('response', (response) => {
      const { socket, statusCode: status = 0, statusMessage: statusText = '' } = response;
      response.on('error', reject);
      response.on('end', () => resolve({ status, statusText, headers: response.headers, bytes: socket.bytesRead }));
      response.resume();
    });
    request.end(body);
  });
}
