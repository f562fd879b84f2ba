import { createServer } from 'node:http';

export interface NgrokAgent {
  /** The base of its API, in place of http://127.0.0.1:4040. */
  url: string;
  /** Closes everything, requests that hang included. */
  close(): Promise<void>;
}

/** A tunnel as the agent's API lists it: `publicUrl` leads to `addr` ("http://localhost:8081", "localhost:8081", "8081"). */
export function tunnel(publicUrl: string, addr: string, name = 'command_line'): object {
  const proto = new URL(publicUrl).protocol.replace(':', '');
  return { name, uri: `/api/tunnels/${name}`, public_url: publicUrl, proto, config: { addr, inspect: true } };
}

/**
 * Stands in for the API of a running ngrok agent, on a free port: GET /api/tunnels answers `answer` as JSON, usually
 * `{ tunnels: [tunnel(…)] }`. 'html' and 'hang' are other programs on its port: one answers a page, one nothing.
 */
export async function startNgrokAgent(answer: unknown): Promise<NgrokAgent> {
  const server = createServer((req, res) => {
    if (answer === 'hang') return;
    if (answer === 'html') {
      res.setHeader('Content-Type', 'text/html').end('<html><body>Hello</body></html>');
      return;
    }
    const served = req.method === 'GET' && req.url === '/api/tunnels';
    res
      .writeHead(served ? 200 : 404, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(served ? answer : { error_code: 103, status_code: 404, msg: 'Resource not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
