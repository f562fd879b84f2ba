import { createServer } from 'node:http';
import { close, listen } from './local-server.js';

/** A fake of the metrics server of a running cloudflared (its source, metrics/metrics.go). */
export interface Cloudflared {
  /** Its base, in place of http://127.0.0.1:20241. */
  readonly url: string;
  /** What GET /quicktunnel answers; undefined: 404. */
  quickTunnel: unknown;
  /** What GET /config answers; undefined: 404. */
  config: unknown;
  /** Whether it is connected to Cloudflare. */
  isReady: boolean;
  close(): Promise<void>;
}

/**
 * Starts one on a free port unless one is given, with a quick tunnel: `hostname` ("words.trycloudflare.com"; "" for a
 * named tunnel) leads to `service` ("http://localhost:8081").
 */
export async function startCloudflared(hostname: string, service: string, port = 0): Promise<Cloudflared> {
  const server = createServer(({ method, url }, res) => {
    const [status, readyConnections] = cloudflared.isReady ? [200, 4] : [503, 0];
    const served: Record<string, unknown> = {
      '/quicktunnel': cloudflared.quickTunnel,
      '/config': cloudflared.config,
      '/ready': { status, readyConnections, connectorId: '3f6f3c4e-58a1-4f0a-9c3b-6a2f0d0e7b11' },
    };
    const found = method === 'GET' ? served[url ?? ''] : undefined;
    if (found === undefined) res.writeHead(404).end('404 page not found\n');
    // No content type: cloudflared sets none.
    else res.writeHead(url === '/ready' ? status : 200).end(JSON.stringify(found));
  });
  const ingress = [{ hostname: '', path: null, service }];
  const cloudflared: Cloudflared = {
    url: await listen(server, port),
    quickTunnel: { hostname },
    config: { version: -1, config: { ingress, 'warp-routing': {}, originRequest: {} } },
    isReady: true,
    close: () => close(server),
  };
  return cloudflared;
}
