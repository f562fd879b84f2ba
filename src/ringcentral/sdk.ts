// Its index loads node-fetch, and with that punycode: a warning under some releases of Node.js.
import { SDK } from '@ringcentral/sdk/lib/SDK.js';
import type { RingCentralSettings } from '../settings.js';

// The SDK reads the global one whatever it is given: a warning under Node.js 26.
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
  // The SDK would refresh a token that ends, and RingCentral issues no refresh tokens by default.
  sdk.platform().ensureLoggedIn = () => Promise.resolve(new Response());
  return sdk;
}

/**
 * A whole URL on RingCentral's servers; undefined if it is none: whatever address a record holds, the access token goes to
 * RingCentral alone.
 */
export function ringCentralUrl(given: string, server: string): string | undefined {
  const url = URL.canParse(given, server) ? new URL(given, server) : undefined;
  // fetch() refuses a URL with a password.
  if (!url || url.username || url.password) return undefined;
  const isTheirs = url.protocol === 'https:' && /\.ringcentral\.(com|biz)$/.test(url.hostname);
  return isTheirs || url.origin === server ? url.href : undefined;
}
