import type { RequestHandler } from 'express';
import { apiError } from './api-errors.js';
import type { State } from './state.js';

const MINUTE_MS = 60_000;

/** Token requests are "auth", lists "light", contents, extensions and changes "medium" (API reference, "Usage plan group"). */
export type RateGroup = 'light' | 'medium' | 'auth';

/** Refuses what comes too often, if there is a limit. It knows one user and one app only. */
export function rateLimits(state: State): RequestHandler {
  const groups = new Map<RateGroup, { served: number[]; blockedUntil: number }>();
  return ({ method, path }, res, next) => {
    const group = groupOf(method, path);
    const limit = group && state.rateLimit[group];
    if (group === undefined || limit === undefined) return next();
    const now = Date.now();
    const { served, blockedUntil } = groups.get(group) ?? { served: [], blockedUntil: 0 };
    const recent = served.filter((time) => time > now - MINUTE_MS);
    if (now < blockedUntil || recent.length >= limit) {
      // A try that comes too early restarts the penalty.
      groups.set(group, { served: recent, blockedUntil: now + MINUTE_MS });
      res.setHeader('Retry-After', MINUTE_MS / 1000);
      throw apiError(429, 'CMN-301', 'Request rate exceeded');
    }
    groups.set(group, { served: [...recent, now], blockedUntil });
    next();
  };
}

function groupOf(method: string, path: string): RateGroup | undefined {
  if (path.endsWith('/oauth/token')) return 'auth';
  if (path.includes('/content/') || path.endsWith('/extension')) return 'medium';
  if (path.includes('/message-store')) return 'light';
  if (path.includes('/subscription')) return method === 'GET' ? 'light' : 'medium';
  return undefined;
}
