import { fieldsOf, textOrNumberOf } from '../unknown.js';
import { badAnswer } from './errors.js';
import type { Session } from './session.js';

/** What identifies an item: its id, or all of it if it has none. */
export const itemKey = (item: Record<string, unknown>) => textOrNumberOf(item['id']) ?? JSON.stringify(item);

/** Awaited before each page of a list. */
export type Turn = (page: number) => Promise<void>;

/** All items of a list, each once. Throws a Failure. */
export async function listAll(session: Session, doing: string, url: string, filter = {}, turn?: Turn) {
  const found = new Map<string, Record<string, unknown>>();
  // The most that a page may hold (API reference, "List Messages").
  const query = { ...filter, perPage: 1000 };
  // Memory stays bounded.
  for (let page = 1; page <= 100; page++) {
    await turn?.(page);
    const { records, answer } = await session.list(doing, url, { ...query, page });
    const before = found.size;
    // If an item is added between two requests, the pages shift, and some items come twice.
    for (const item of records) found.set(itemKey(item), item);
    // The totals may be left out, and a server may give less than was asked for.
    const perPage = Number(fieldsOf(answer['paging'])['perPage']) || query.perPage;
    const isLast = !fieldsOf(answer['navigation'])['nextPage'] && records.length < perPage;
    if (isLast || found.size === before) return [...found.values()];
  }
  throw badAnswer(doing, 'RingCentral sent a list without an end');
}
