import { codeOf, errorOf } from './errors.js';

export interface Limits {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /**
   * Gets the body of a success chunk by chunk; the answer then has none. Each chunk restarts the time limit: a long
   * recording on a slow line is no hang.
   */
  save?: ((chunk: Uint8Array) => Promise<void>) | undefined;
}

/** The longest body that is read, and the longest that is saved. */
const MAX_MIB = 10;
const MAX_SAVED_MIB = 100;

/** From an office proxy that signs certificates itself; the last one also from a server without its intermediate. */
const SIGNED_BY_UNKNOWN = /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)/;

/** No answer came. `code` is that of Node.js or OpenSSL (ECONNREFUSED, CERT_HAS_EXPIRED, …), TIMEOUT, TOO_LARGE or STOPPED. */
export class NoAnswer extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** The message, with a hint if a proxy may be the cause: it signs certificates, or it is set but not used. */
  get withProxyHint(): string {
    if (SIGNED_BY_UNKNOWN.test(this.code))
      return `${this.message}; behind a proxy that signs certificates, set NODE_EXTRA_CA_CERTS to the file of its CA certificate`;
    const name = ['HTTPS_PROXY', 'https_proxy'].find((each) => process.env[each]);
    if (!name || process.env['NODE_USE_ENV_PROXY'] === '1') return this.message;
    return `${this.message}; ${name} is set, but Node.js only uses it from version 24 on, with NODE_USE_ENV_PROXY=1`;
  }
}

/**
 * fetch() that resolves once the whole answer is there, or saved. It follows no redirect: the request may carry a password.
 * Throws NoAnswer, whose message says why ("no answer within 15 seconds", "ECONNREFUSED"), and what `save` throws.
 */
export async function request(input: string | Request, limits: Limits, init?: RequestInit): Promise<Response> {
  const { timeoutMs, signal } = limits;
  // AbortSignal.any() would do, but leaks with a signal that lives long (Node.js 22.23).
  const controller = new AbortController();
  const stop = () => controller.abort();
  const timeout = setTimeout(stop, timeoutMs);
  signal?.addEventListener('abort', stop);
  const fail = (error: unknown): never => {
    if (signal?.aborted) throw new NoAnswer('STOPPED', 'the program was told to stop');
    if (controller.signal.aborted) throw new NoAnswer('TIMEOUT', `no answer within ${timeoutMs / 1000} seconds`);
    // fetch() hides the reason in `cause` (https://nodejs.org/api/globals.html#fetch).
    const cause = errorOf(errorOf(error).cause ?? error);
    const code = codeOf(cause);
    throw new NoAnswer(code, code === 'UND_ERR_SOCKET' ? 'the connection was cut' : code || cause.message);
  };
  try {
    if (signal?.aborted) stop();
    const response = await fetch(input, { ...init, redirect: 'manual', signal: controller.signal }).catch(fail);
    const { ok, status, statusText, headers } = response;
    const save = ok ? limits.save : undefined;
    const maxMib = save ? MAX_SAVED_MIB : MAX_MIB;
    const body: Uint8Array[] = [];
    const reader = response.body?.getReader();
    for (let bytes = 0; reader;) {
      const { done, value } = await reader.read().catch(fail);
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxMib * 1024 * 1024) throw new NoAnswer('TOO_LARGE', `an answer of more than ${maxMib} MiB`);
      if (save) {
        timeout.refresh();
        await save(value);
      } else body.push(value);
    }
    return new Response(body.length === 0 ? null : Buffer.concat(body), { status, statusText, headers });
  } catch (error) {
    // The rest of the body is not read.
    stop();
    throw error;
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener('abort', stop);
  }
}
