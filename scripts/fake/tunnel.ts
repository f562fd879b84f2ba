import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { close, listen } from './local-server.js';

/** What ngrok adds to each answer: about 95 bytes. */
const ADDED = ['Ngrok-Agent-Ips', '2001:db8:85a3::8a2e', 'Ngrok-Trace-Id', '0123456789abcdef'.repeat(2)];

/** A fake public tunnel. */
export interface Tunnel {
  /** The public URL, without a slash at the end. */
  readonly url: string;
  /** Cuts everything under way. After that nothing listens there. */
  close(): Promise<void>;
  /** Opens it again under the same URL. */
  open(): Promise<void>;
}

/** Starts a tunnel to the base URL that `target` gives for each request. If nothing listens there, it answers 502. */
export async function startTunnel(target: () => string | undefined): Promise<Tunnel> {
  const server = createServer((req, res) => forward(target(), req, res));
  const url = await listen(server);
  return {
    url,
    close: () => close(server),
    open: async () => void (await listen(server, Number(new URL(url).port))),
  };
}

function forward(target: string | undefined, req: IncomingMessage, res: ServerResponse): void {
  const nothingListens = () => {
    if (!res.headersSent) res.writeHead(502, { 'Ngrok-Error-Code': 'ERR_NGROK_8012' }).end('<html>Bad Gateway</html>');
  };
  if (target === undefined) return nothingListens();
  const { method, headers } = req;
  const sent = request(target + req.url, {
    method,
    agent: false,
    headers: { ...headers, 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' },
  });
  sent.on('error', nothingListens);
  sent.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, [...answer.rawHeaders, ...ADDED]);
    pipeline(answer, res, () => {});
  });
  res.on('close', () => sent.destroy());
  req.pipe(sent);
}
