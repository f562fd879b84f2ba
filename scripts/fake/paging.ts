import { invalid } from './api-errors.js';
import type { State } from './state.js';

/** The page of a list that the query of `url` asks for. A server may give less than was asked for: `maxPerPage`. */
export function pageOf(records: object[], url: URL, maxPerPage: number, { totals, nextPage }: State): object {
  const query = url.searchParams;
  const page = numberIn(query, 'page', 1);
  const perPage = Math.min(numberIn(query, 'perPage', 100), maxPerPage);
  const totalPages = Math.ceil(records.length / perPage);
  query.set('page', String(page + 1));
  return {
    records: records.slice((page - 1) * perPage, page * perPage),
    paging: { page, perPage, ...(totals && { totalPages, totalElements: records.length }) },
    navigation: nextPage && page < totalPages ? { nextPage: { uri: url.href } } : {},
  };
}

/** A parameter of a query as a whole number of 1 or more, or what it is if left out. */
export function numberIn(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  parse: (text: string) => number = Number,
): number {
  const given = query.get(name);
  const value = given === null ? otherwise : parse(given);
  if (!Number.isInteger(value) || value < 1) throw invalid(name);
  return value;
}
