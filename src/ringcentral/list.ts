import { fieldsOf, textOrNumberOf } from '../unknown.js';
import { badAnswer } from './errors.js';
import type { Session } from './session.js';

/** The most that a page may hold (API reference, "List Messages"). */
const PER_PAGE = 1000;

/** What identifies an item: its id, or all of it if it has none. */
export function itemKey(item: Record<string, unknown>): string {
  return textOrNumberOf(item['id']) ?? JSON.stringify(item);
}

/** An answer, and the records in it. Throws a Failure, also if it is not a list. */
export async function readList(session: Session, doing: string, url: string, query: object = {}) {
  const answer = fieldsOf(await session.json(doing, { method: 'GET', url, query }));
  const { records } = answer;
  if (!Array.isArray(records)) throw badAnswer(doing, 'RingCentral answered without a list');
  return { records: records.map(fieldsOf), answer };
}

/** Awaited before each page of a list. */
export type Turn = (page: number) => Promise<void>;

/** All items of a list, each once, and RingCentral's time at its first page. Throws a Failure. */
export async function listAll(session: Session, doing: string, url: string, filter = {}, turn?: Turn) {
  const found = new Map<string, Record<string, unknown>>();
  let time = NaN;
  for (let page = 1; ; page++) {
    await turn?.(page);
    const { records, answer } = await readList(session, doing, url, { ...filter, page, perPage: PER_PAGE });
    if (page === 1) time = session.now();
    const before = found.size;
    // If an item is added between two requests, the pages shift, and some items come twice.
    for (const item of records) found.set(itemKey(item), item);
    // The totals may be left out, and a server may give less than was asked for.
    const perPage = Number(fieldsOf(answer['paging'])['perPage']) || PER_PAGE;
    const isLast = !fieldsOf(answer['navigation'])['nextPage'] && records.length < perPage;
    if (isLast || found.size === before) return { items: [...found.values()], time };
  }
}
