// The SDK's index loads node-fetch, and so punycode: some releases of Node.js warn of it.
import { SDK } from '@ringcentral/sdk/lib/SDK.js';
import type { RingCentralSettings } from '../settings.js';

// The SDK reads the global localStorage even if it is given its own: Node.js 26 warns of it.
Object.defineProperty(globalThis, 'localStorage', { value: undefined, configurable: true });

/** The SDK, with `fetch` for all that it sends, and tokens of its own. */
export function createSdk(
  { server, clientId, clientSecret }: RingCentralSettings,
  fetch: (sent: Request) => Promise<Response>,
): SDK {
  const tokens = new Map<string, string>();
  const localStorage = {
    getItem: (key: string) => tokens.get(key) ?? null,
    setItem: (key: string, value: string) => void tokens.set(key, value),
    removeItem: (key: string) => void tokens.delete(key),
  };
  const options = { server, clientId, clientSecret, localStorage, Request, Response, Headers };
  const sdk = new SDK({ ...options, fetch: (input: string | URL | Request) => fetch(new Request(input)) });
  // The SDK would refresh an expired token, but RingCentral issues no refresh tokens by default.
  sdk.platform().ensureLoggedIn = () => Promise.resolve(new Response());
  return sdk;
}

/**
 * A whole URL on RingCentral's servers; undefined for any other. Records hold URLs, and the access token must only go to
 * RingCentral.
 */
export function ringCentralUrl(given: string, server: string): string | undefined {
  const url = URL.canParse(given, server) ? new URL(given, server) : undefined;
  // fetch() refuses a URL with a password.
  if (!url || url.username || url.password) return undefined;
  const isTheirs = url.protocol === 'https:' && /\.ringcentral\.(com|biz)$/.test(url.hostname);
  return isTheirs || url.origin === server ? url.href : undefined;
}
