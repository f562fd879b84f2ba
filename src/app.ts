import bodyParser from 'body-parser';
import cors from 'cors';
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import morgan from 'morgan';
import { safeText, traceLine } from './safe-text.js';
import { Refusal, webhook, type WebhookOptions } from './webhook.js';

/** The longest error sentence, in characters: with the headers, no answer may reach 1024 bytes. */
const MAX_ERROR_LENGTH = 200;

/** What body-parser's errors mean to who sent the request, where its own words do not say what is expected. */
const BODY_ERRORS: Record<string, string> = {
  'entity.too.large': 'The body is over 100 KiB, the most that is read',
  'encoding.unsupported': 'Content-Encoding must be gzip, deflate or br, or be left out',
};

interface AppOptions extends WebhookOptions {
  /** The value of Access-Control-Allow-Origin. */
  corsOrigin: string;
}

/** The receiver: POST /webhook, GET /healthz, and every refusal as JSON `{ "error": "…" }`. Nothing listens yet. */
export function createApp({ corsOrigin, ...options }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(accessLog(options.say));
  // Of helmet's headers those that mean something for an API: all of them are 640 bytes of the 1024 that an answer has.
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: false,
      originAgentCluster: false,
      referrerPolicy: false,
      xDnsPrefetchControl: false,
      xDownloadOptions: false,
      xFrameOptions: false,
      xPermittedCrossDomainPolicies: false,
      xPoweredBy: false,
      xXssProtection: false,
    }),
  );
  // Fixed lists: cors would otherwise send back whatever headers a preflight asks for, of any length.
  app.use(
    cors({ origin: corsOrigin, methods: 'POST', allowedHeaders: 'Content-Type,Validation-Token,Verification-Token' }),
  );
  app
    .route('/webhook')
    // Any content type: a handshake's does not matter, its body is empty.
    .post(bodyParser.raw({ type: () => true, limit: '100kb' }), webhook(options))
    .all((req, res) => {
      res.setHeader('Allow', 'POST');
      throw new Refusal(405, `${req.method} is not served here: handshakes and notifications are sent with POST`);
    });
  app.get('/healthz', (_req, res) => void res.json({ status: 'ok' }));
  app.use(() => {
    throw new Refusal(404, 'Nothing is served at this path: handshakes and notifications go to POST /webhook');
  });
  app.use(refuse(options.say));
  return app;
}

/** morgan's tokens are its properties, which its types do not say. */
const TOKENS: morgan.TokenIndexer<Request, Response> = Object.fromEntries(
  ['method', 'url', 'status', 'user-agent'].map((name) => [name, Reflect.get(morgan, name)]),
);

/**
 * Says one line for each request once it is answered or given up; morgan escapes control characters in it. Its own
 * middleware adds properties to each request and response, and so makes all that comes after it slower.
 */
function accessLog(say: (line: string) => void): RequestHandler {
  const line = morgan.compile<Request, Response>(':method :url :status ":user-agent"');
  return (req, res, next) => {
    const start = performance.now();
    // Load balancers ask often.
    if (req.path !== '/healthz')
      res.on('close', () => say(`${line(TOKENS, req, res)} ${(performance.now() - start).toFixed(1)} ms`));
    next();
  };
}

/** Answers an error: as it says where it was foreseen, otherwise 500, with the details on stderr alone. */
function refuse(say: (line: string) => void): ErrorRequestHandler {
  return (error: { status?: number; type?: string; message?: string }, _req, res, _next) => {
    const { status = 500, type = '' } = error;
    let message = BODY_ERRORS[type] ?? error.message ?? '';
    if (status === 500) {
      say(`Unforeseen error: ${traceLine(error)}`);
      message = 'Unforeseen error: the log of the receiver has the details';
    }
    // Its length was reckoned for an answer without a body.
    res.removeHeader('Validation-Token');
    res.status(status).json({ error: safeText(message).slice(0, MAX_ERROR_LENGTH) });
  };
}
