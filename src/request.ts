import { proxyHint } from './settings.js';
import { codeOf } from './text.js';

/** When to stop waiting: after a time, or when the program is told to stop. */
export interface Limits {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** No answer came. `code` is that of Node.js or OpenSSL (ECONNREFUSED, CERT_HAS_EXPIRED, …), or TIMEOUT. */
export class NoAnswer extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** The message, and that HTTPS_PROXY is not used, if that may be why the other side was not reached. */
  get withProxyHint(): string {
    return `${this.message}${proxyHint()}`;
  }
}

/**
 * fetch() with limits on the whole answer: it resolves once the body is there. It follows no redirect: the request may
 * carry a password.
 *
 * Throws NoAnswer, with a message that says why: "no answer within 15 seconds", "ECONNREFUSED".
 */
export async function request(input: string | Request, limits: Limits, init?: RequestInit): Promise<Response> {
  const { timeoutMs, signal } = limits;
  // AbortSignal.any() would do, but leaks with a signal that lives long (Node.js 22.23).
  const controller = new AbortController();
  const stop = () => controller.abort();
  const timeout = setTimeout(stop, timeoutMs);
  signal?.addEventListener('abort', stop);
  try {
    if (signal?.aborted) stop();
    const response = await fetch(input, { ...init, redirect: 'manual', signal: controller.signal });
    const body = await response.arrayBuffer();
    const { status, statusText, headers } = response;
    return new Response(body.byteLength === 0 ? null : body, { status, statusText, headers });
  } catch (error) {
    if (signal?.aborted) throw new NoAnswer('STOPPED', 'the program was told to stop');
    if (controller.signal.aborted) throw new NoAnswer('TIMEOUT', `no answer within ${timeoutMs / 1000} seconds`);
    if (!(error instanceof Error)) throw error;
    // fetch() hides the reason in `cause` (https://nodejs.org/api/globals.html#fetch).
    const cause = error.cause instanceof Error ? error.cause : error;
    const code = codeOf(cause);
    throw new NoAnswer(code, code === 'UND_ERR_SOCKET' ? 'the connection was cut' : code || cause.message);
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener('abort', stop);
  }
}
