import type { RequestListener } from 'node:http';
import bodyParser from 'body-parser';
import cors from 'cors';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import morgan from 'morgan';
import { traceLine } from '../errors.js';
import type { Say } from '../program.js';
import { shownText } from '../show.js';
import { refusal, webhook, type WebhookOptions } from './webhook.js';

const MAX_BODY_BYTES = 100 * 1024;
const BODY_RULES = 'at most 100 KiB are taken, as they are or in gzip, deflate or br';

/** The receiver: POST /webhook, GET /healthz, and every refusal as JSON `{ "error": "…" }`. Nothing listens yet. */
export function createApp(options: WebhookOptions): RequestListener {
  const app = express().disable('x-powered-by').disable('etag');
  app.use(accessLog(options.say));
  // Headers set before the route reach RingCentral, and its limit is 1024 bytes: a proxy adds its own.
  app.use(helmet.xContentTypeOptions());
  // Fixed lists: cors would otherwise send back whatever headers a preflight asks for, of any length.
  app.use(cors({ methods: 'POST', allowedHeaders: 'Content-Type,Validation-Token,Verification-Token' }));
  // Any content type: a handshake's does not matter, its body is empty.
  app.post('/webhook', refuseLargeBody, bodyParser.raw({ type: () => true, limit: MAX_BODY_BYTES }), webhook(options));
  const directives = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };
  app.use(helmet.contentSecurityPolicy({ useDefaults: false, directives }), helmet.strictTransportSecurity());
  app.all('/webhook', ({ method }, _res, next) => next(refusal(405, `${method} is not served here, only POST`)));
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }));
  app.use((_req, _res, next) => next(refusal(404, 'Nothing is served at this path, only at POST /webhook')));
  app.use(refuse(options.say));
  return (req, res) => {
    // A pipelined request, which no proxy sends, has to wait for its socket: thousands would hold up other connections.
    if (!res.socket) return void req.socket.destroy();
    const { url = '' } = req;
    // Express would answer a target such as `http://[host/webhook` or `//a@[b/#` in HTML. The access log has it as it came.
    const path = `/${url.replace(/#.*|^(\w+:\/\/[^/]*)?\/?/g, '')}`;
    if (path !== url) Object.assign(req, { originalUrl: url, url: path });
    app(req, res);
  };
}

/** Refuses by the Content-Length, at once: body-parser reads the whole body first. */
const refuseLargeBody: RequestHandler = (req, _res, next) => {
  if (Number(req.get('content-length')) > MAX_BODY_BYTES) throw refusal(413, `The body is too large: ${BODY_RULES}`);
  next();
};

// Only morgan's format: its middleware slows down each request. Tokens are cut one by one: strangers can make them long.
morgan.token<Request>('target', ({ originalUrl }) => shownText(originalUrl, 200));
morgan.token<Request>('agent', (req) => shownText(req.get('user-agent'), 100));
/** morgan keeps all defined tokens as its own properties, which its types leave out (its README, "morgan.compile(format)"). */
const TOKENS = morgan as unknown as morgan.TokenIndexer<Request, Response>;
const formatLine = morgan.compile<Request, Response>(':method :target :status ":agent"');

/** Says one line for each request once it is answered or cut off; for a refused one also who sent it, and why. */
function accessLog(say: Say): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    // Read now: once the socket is closed it is gone.
    const sender = req.get('x-forwarded-for') || req.socket.remoteAddress?.replace(/^::ffff:/, '');
    res.on('close', () => {
      const { isOwnCheck, reason } = res.locals;
      // Load balancers ask often, and so does keep.
      if (isOwnCheck || (req.path === '/healthz' && res.statusCode === 200)) return;
      const refused = reason ? ` from ${shownText(sender, 100) ?? 'unknown'}: ${reason}` : '';
      say(`${formatLine(TOKENS, req, res)} ${(performance.now() - start).toFixed(1)} ms${refused}`, 'faint');
    });
    next();
  };
}

/** Answers an expected error with its message, any other with 500 and the details on stderr only. */
function refuse(say: Say): ErrorRequestHandler {
  return (error: { status?: number; type?: string; message: string }, _req, res, _next) => {
    const { status = 500, type, message } = error;
    if (status === 500) say(`Unexpected error: ${traceLine(error)}`, 'error');
    const shown = status === 500 ? 'Unexpected error: the log of the receiver has the details' : message;
    // Only errors of body-parser have a type. An answer must stay under 1024 bytes, headers included.
    res.locals['reason'] = shownText(type === undefined ? shown : `${shown}: ${BODY_RULES}`, 200);
    if (status === 405) res.setHeader('Allow', 'POST');
    res.status(status).json({ error: res.locals['reason'] });
  };
}
