import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import { Router } from 'express';
import { apiError, invalid, NO_PERMISSION, notFound } from './api-errors.js';
import { numberIn, pageOf } from './paging.js';
import type { State } from './state.js';
import { ACCOUNT_ID } from './voicemail.js';

/** The path of an extension's message store. */
export const STORE = `/restapi/v1.0/account/${ACCOUNT_ID}/extension/:extensionId/message-store` as const;
const MAX_PER_PAGE = 1000;
const DAY_MS = 86_400_000;

/** The messages of extensions. */
export function messageStoreApi(state: State): Router {
  const storeOf = (extensionId: string): GetMessageInfoResponse[] => {
    const store = state.storeOf(extensionId);
    if (!store) throw notFound('extensionId');
    return store;
  };
  return Router()
    .use(STORE, ({ params: { extensionId } }, _res, next) => {
      const refusal = state.refusedMailboxes.get(extensionId);
      if (refusal === 'CMN-102') throw notFound('extensionId');
      if (refusal === 'CMN-404') throw apiError(403, refusal, 'Attempt to access another extension');
      if (refusal === 'CMN-408') throw apiError(403, refusal, NO_PERMISSION);
      next();
    })
    .get(STORE, ({ params: { extensionId }, originalUrl }, res) => {
      const url = new URL(originalUrl, state.url);
      const found = search(storeOf(extensionId), url.searchParams, state);
      res.json(pageOf(found, url, state.maxMessagesPerPage, state));
    })
    .get(`${STORE}/:messageId`, ({ params: { extensionId, messageId } }, res) => {
      const message = storeOf(extensionId).find(({ id }) => String(id) === messageId);
      if (!message) throw notFound('messageId');
      res.json(message);
    });
}

/** The messages that a query asks for, newest first. */
function search(store: GetMessageInfoResponse[], query: URLSearchParams, state: State): GetMessageInfoResponse[] {
  if (numberIn(query, 'perPage', 100) > MAX_PER_PAGE) throw invalid('perPage');
  const types = query.getAll('messageType');
  const to = numberIn(query, 'dateTo', state.now, Date.parse);
  const from = numberIn(query, 'dateFrom', to - DAY_MS, Date.parse);
  // Any field of a record can be missing: what a record lacks never excludes it, and without a time it comes last.
  return store
    .filter((message) => state.isListed(message))
    .map((message) => ({ message, created: Date.parse(message.creationTime ?? '') }))
    .filter(({ created }) => !(created < from || created > to))
    .filter(({ message: { type } }) => types.length === 0 || type === undefined || types.includes(type))
    .sort((a, b) => (b.created || 0) - (a.created || 0))
    .map(({ message }) => message);
}
