import { fieldsOf, textOrNumberOf } from '../unknown.js';
import { TRY_AGAIN, Unanswered } from './errors.js';
import type { Session } from './session.js';

/** The most that a page may hold (API reference, "List Messages"). */
const PER_PAGE = 1000;

/** A record of a list. Any field can be missing. */
export type Item = Record<string, unknown>;

/** What identifies an item: its id, or all of it if it has none. */
export function itemKey(item: Item): string {
  return textOrNumberOf(item['id']) ?? JSON.stringify(item);
}

/** An answer, and the records in it. Throws a Failure, also for an answer that is not a list. */
export async function readList(
  session: Session,
  doing: string,
  url: string,
  query: Record<string, string | number> = {},
): Promise<{ records: Item[]; answer: Item }> {
  const answer = fieldsOf(await session.json(doing, { method: 'GET', url, query }));
  const { records } = answer;
  if (Array.isArray(records)) return { records: records.map(fieldsOf), answer };
  throw new Unanswered(`Could not ${doing}: RingCentral answered without a list. ${TRY_AGAIN}`);
}

/**
 * All items of a list, each once. `doing` completes "Could not …"; `turn` is awaited before each page. Resolves with the
 * time of the first page by RingCentral's clock, in milliseconds. Throws a Failure.
 */
export async function listAll(
  session: Session,
  doing: string,
  url: string,
  filter: Record<string, string> = {},
  turn?: (page: number) => Promise<void>,
): Promise<{ items: Item[]; time: number }> {
  const found = new Map<string, Item>();
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
