/** No answer came. `code` is that of Node.js or OpenSSL (ECONNREFUSED, CERT_HAS_EXPIRED, …), or TIMEOUT. */
export class NoAnswer extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * fetch() with a time limit, in milliseconds, on the whole answer: it resolves when the body is there.
 *
 * Throws NoAnswer where none came, with a message that says why: "no answer within 15 seconds", "ECONNREFUSED".
 */
export async function timedFetch(input: string | URL | Request, timeoutMs: number, init?: RequestInit) {
  try {
    const response = await fetch(input, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    const body = await response.arrayBuffer();
    const { status, statusText, headers } = response;
    return new Response(body.byteLength === 0 ? null : body, { status, statusText, headers });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.name === 'TimeoutError') throw new NoAnswer('TIMEOUT', `no answer within ${timeoutMs / 1000} seconds`);
    // fetch() hides the reason in `cause` (https://nodejs.org/api/globals.html#fetch).
    const cause = error.cause instanceof Error ? error.cause : error;
    const code = 'code' in cause ? String(cause.code) : '';
    throw new NoAnswer(code, code === 'UND_ERR_SOCKET' ? 'the connection was cut' : code || cause.message);
  }
}
