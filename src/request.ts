import { errorOf } from './errors.js';

/** `save` gets the body of a success in chunks. Each restarts the time limit: a long recording on a slow line is no hang. */
export interface Limits {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  save?: ((chunk: Uint8Array) => Promise<void>) | undefined;
}

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
    // Also the codes of a server that leaves out its intermediate certificate.
    if (/^(SELF_SIGNED|UNABLE_TO)_/.test(this.code))
      return `${this.message}; behind a proxy that signs certificates, set NODE_EXTRA_CA_CERTS to its CA certificate`;
    const name = ['HTTPS_PROXY', 'https_proxy'].find((each) => process.env[each]);
    if (!name || process.env['NODE_USE_ENV_PROXY'] === '1') return this.message;
    return `${this.message}; ${name} is set, but Node.js only uses it with NODE_USE_ENV_PROXY=1, from 22.21 and 24 on`;
  }
}

/** fetch() of a whole answer, without redirects: it may carry a password. Throws NoAnswer, and what `save` throws. */
export async function request(input: string | Request, limits: Limits, init?: RequestInit): Promise<Response> {
  const { timeoutMs, signal } = limits;
  // AbortSignal.any() would do, but leaks with a signal that lives long (Node.js 22.23).
  const end = new AbortController();
  const stop = (code: string, why: string) => end.abort(new NoAnswer(code, why));
  const timeout = setTimeout(() => stop('TIMEOUT', `no answer within ${timeoutMs / 1000} seconds`), timeoutMs);
  const onStop = () => stop('STOPPED', 'the program was told to stop');
  signal?.addEventListener('abort', onStop);
  if (signal?.aborted) onStop();
  try {
    const response = await fetch(input, { ...init, redirect: 'manual', signal: end.signal });
    const { ok, status, statusText, headers } = response;
    const save = ok ? limits.save : undefined;
    const maxMib = save ? 100 : 10;
    const body: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      if (save) timeout.refresh();
      bytes += chunk.byteLength;
      if (bytes > maxMib * 1024 * 1024) stop('TOO_LARGE', `an answer of more than ${maxMib} MiB`);
      else if (save) await save(chunk).catch((error: unknown) => end.abort(error));
      else body.push(chunk);
      end.signal.throwIfAborted();
    }
    return new Response(body.length === 0 ? null : Buffer.concat(body), { status, statusText, headers });
  } catch (error) {
    if (end.signal.aborted) throw end.signal.reason;
    // fetch() hides the reason in `cause` (https://nodejs.org/api/globals.html#fetch).
    const { code = '', message } = errorOf(errorOf(error).cause ?? error);
    throw new NoAnswer(code, code === 'UND_ERR_SOCKET' ? 'the connection was cut' : code || message);
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener('abort', onStop);
  }
}
