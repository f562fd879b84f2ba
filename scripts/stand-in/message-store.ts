import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import { Router } from 'express';
import { invalid, notFound } from './api-errors.js';
import type { State } from './state.js';
import { ACCOUNT_ID, EXTENSION_ID } from './voicemail.js';

const STORE = `/restapi/v1.0/account/${ACCOUNT_ID}/extension/:extensionId/message-store` as const;
const MAX_PER_PAGE = 1000;
const DAY_MS = 86_400_000;

/** The messages of an extension, and what is attached to them. */
export function messageStoreApi(state: State): Router {
  return Router()
    .get(STORE, ({ params: { extensionId }, originalUrl }, res) => {
      const store = extensionId === EXTENSION_ID ? state.messages : state.otherMessages.get(extensionId);
      if (!store) throw notFound('extensionId');
      res.json(pageOf(store, new URL(originalUrl, state.url), state));
    })
    .get(`${STORE}/:messageId/content/:attachmentId`, (req, res) => {
      const text = state.transcripts.get(req.params.attachmentId);
      if (text === undefined) throw notFound('attachmentId');
      res.type('text/plain').send(text);
    });
}

/** The page of a message store that the query of `url` asks for, newest first. */
function pageOf(store: GetMessageInfoResponse[], url: URL, { totals, nextPage }: State): object {
  const query = url.searchParams;
  const types = query.getAll('messageType');
  const to = numberIn(query, 'dateTo', Date.now(), Date.parse);
  const from = numberIn(query, 'dateFrom', to - DAY_MS, Date.parse);
  const [page, perPage] = [numberIn(query, 'page', 1), numberIn(query, 'perPage', 100)];
  if (perPage > MAX_PER_PAGE) throw invalid('perPage');
  // Any field of a record can be missing: what a record lacks never excludes it, and without a time it comes last.
  const found = store
    .map((message) => ({ message, created: Date.parse(message.creationTime ?? '') }))
    .filter(({ created }) => !(created < from || created > to))
    .filter(({ message: { type } }) => types.length === 0 || type === undefined || types.includes(type))
    .sort((a, b) => (b.created || 0) - (a.created || 0))
    .map(({ message }) => message);
  const totalPages = Math.ceil(found.length / perPage);
  query.set('page', String(page + 1));
  return {
    records: found.slice((page - 1) * perPage, page * perPage),
    paging: { page, perPage, ...(totals && { totalPages, totalElements: found.length }) },
    navigation: nextPage && page < totalPages ? { nextPage: { uri: url.href } } : {},
  };
}

/** A parameter of a query as a whole number of 1 or more, or what it is if left out. */
function numberIn(query: URLSearchParams, name: string, otherwise: number, parse: (text: string) => number = Number) {
  const given = query.get(name);
  const value = given === null ? otherwise : parse(given);
  if (!Number.isInteger(value) || value < 1) throw invalid(name);
  return value;
}
