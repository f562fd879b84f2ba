import { createServer } from 'node:http';
import { close, listen } from './local-server.js';

/** A fake of the API of a running ngrok agent. */
export interface NgrokAgent {
  /** The base of its API, in place of http://127.0.0.1:4040. */
  readonly url: string;
  /**
   * What GET /api/tunnels answers, as JSON: usually `{ tunnels: [tunnel(…)] }`; undefined: 404. 'html' and 'hang' are
   * other programs on its port: the first answers a page, the second nothing.
   */
  answer: unknown;
  /** The same of GET /api/endpoints, `{ endpoints: […] }`, which older agents do not have. */
  endpoints: unknown;
  close(): Promise<void>;
}

/** A tunnel as the agent lists it: `publicUrl` leads to `addr` ("http://localhost:8081", "localhost:8081", "8081"). */
export function tunnel(publicUrl: string, addr: string, name = 'command_line'): object {
  const proto = new URL(publicUrl).protocol.replace(':', '');
  return { name, uri: `/api/tunnels/${name}`, public_url: publicUrl, proto, config: { addr, inspect: true } };
}

/** Starts an agent on a free port unless one is given. */
export async function startNgrokAgent(answer: unknown, port = 0): Promise<NgrokAgent> {
  const server = createServer(({ method, url }, res) => {
    if (agent.answer === 'hang') return;
    if (agent.answer === 'html') {
      res.setHeader('Content-Type', 'text/html').end('<html><body>Hello</body></html>');
      return;
    }
    const served: Record<string, unknown> = { '/api/tunnels': agent.answer, '/api/endpoints': agent.endpoints };
    const found = method === 'GET' ? served[url ?? ''] : undefined;
    res
      .writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(found ?? { error_code: 103, status_code: 404, msg: 'Resource not found' }));
  });
  const url = await listen(server, port);
  const agent: NgrokAgent = { url, answer, endpoints: undefined, close: () => close(server) };
  return agent;
}
