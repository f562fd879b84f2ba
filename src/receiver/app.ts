import type { IncomingMessage, RequestListener } from 'node:http';
import bodyParser from 'body-parser';
import cors from 'cors';
import express from 'express';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import morgan from 'morgan';
import { traceLine } from '../errors.js';
import { cutText, safeText, shownText } from '../show.js';
import type { Say } from '../program.js';
import { Refusal } from './notification.js';
import { webhook, type WebhookOptions } from './webhook.js';

const MAX_BODY_BYTES = 100 * 1024;
const BODY_TOO_LARGE = 'The body is over the limit of 100 KiB';

/** For errors of body-parser whose own words do not say what is expected. */
const BODY_ERRORS: Record<string, string> = {
  'entity.too.large': BODY_TOO_LARGE,
  'encoding.unsupported': 'Content-Encoding must be gzip, deflate or br, or be left out',
};

/** The receiver: POST /webhook, GET /healthz, and every refusal as JSON `{ "error": "…" }`. Nothing listens yet. */
export function createApp(options: WebhookOptions): RequestListener {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(accessLog(options.say));
  // Headers set before the route reach RingCentral, and its limit is 1024 bytes: a proxy adds its own.
  app.use(helmet.xContentTypeOptions());
  // Fixed lists: cors would otherwise send back whatever headers a preflight asks for, of any length.
  app.use(cors({ methods: 'POST', allowedHeaders: 'Content-Type,Validation-Token,Verification-Token' }));
  // Any content type: a handshake's does not matter, its body is empty.
  app.post('/webhook', refuseLargeBody, bodyParser.raw({ type: () => true, limit: MAX_BODY_BYTES }), webhook(options));
  const directives = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };
  app.use(helmet.contentSecurityPolicy({ useDefaults: false, directives }), helmet.strictTransportSecurity());
  app.all('/webhook', (req, res) => {
    res.setHeader('Allow', 'POST');
    throw new Refusal(405, `${req.method} is not served here: handshakes and notifications are sent with POST`);
  });
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }));
  app.use(() => {
    throw new Refusal(404, 'Nothing is served at this path: handshakes and notifications go to POST /webhook');
  });
  app.use(refuse(options.say));
  return (req, res) => {
    keepToPath(req);
    app(req, res);
  };
}

/** Reduces a target such as `http://host/webhook` to its path: Express answers in HTML if it cannot parse one. */
function keepToPath(req: IncomingMessage): void {
  const target = req.url ?? '';
  if (target.startsWith('/')) return;
  // Express keeps it, and the access log shows it.
  Object.assign(req, { originalUrl: target });
  const { pathname = '/', search = '' } = URL.canParse(target) ? new URL(target) : {};
  req.url = pathname.startsWith('/') ? pathname + search : '/';
}

/** Refuses by the Content-Length, at once: body-parser reads the whole body first. */
const refuseLargeBody: RequestHandler = (req, _res, next) => {
  if (Number(req.get('content-length')) > MAX_BODY_BYTES) throw new Refusal(413, BODY_TOO_LARGE);
  next();
};

// Cut one by one: strangers can make them long, and the status comes between. morgan's own escaping doubles.
morgan.token<Request>('target', ({ originalUrl }) => cutText(safeText(originalUrl), 200));
morgan.token<Request>('agent', (req) => cutText(safeText(req.get('user-agent') ?? '-'), 100));
/** morgan keeps all defined tokens as its own properties, which its types leave out (its README, "morgan.compile(format)"). */
const TOKENS = morgan as unknown as morgan.TokenIndexer<Request, Response>;
const formatLine = morgan.compile<Request, Response>(':method :target :status ":agent"');

/**
 * Says one line for each request once it is answered or cut off; for a refused one also who sent it, and why.
 * morgan's own middleware adds properties to each request, which slows down everything after it.
 */
function accessLog(say: Say): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    // Read now: once the socket is closed it is gone.
    const sender = req.get('x-forwarded-for') ?? req.socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unknown';
    res.on('close', () => {
      // Load balancers ask often, and so does keep.
      if ((req.path === '/healthz' && res.statusCode === 200) || res.locals['isOwnCheck']) return;
      const ms = (performance.now() - start).toFixed(1);
      const reason = shownText(res.locals['reason']);
      const refused = reason === undefined ? '' : ` from ${cutText(safeText(sender), 100)}: ${cutText(reason, 200)}`;
      say(`${formatLine(TOKENS, req, res)} ${ms} ms${refused}`, 'faint');
    });
    next();
  };
}

/** Answers an expected error with its message, any other with 500 and the details on stderr only. */
function refuse(say: Say): ErrorRequestHandler {
  return (error: { status?: number; type?: string; message?: string }, _req, res, _next) => {
    const { status = 500, type = '' } = error;
    let message = BODY_ERRORS[type] ?? error.message ?? '';
    if (status === 500) {
      say(`Unexpected error: ${traceLine(error)}`, 'error');
      message = 'Unexpected error: the log of the receiver has the details';
    }
    res.removeHeader('Validation-Token');
    res.locals['reason'] = message;
    // An answer must stay under 1024 bytes, headers included.
    res.status(status).json({ error: cutText(safeText(message), 200) });
  };
}
