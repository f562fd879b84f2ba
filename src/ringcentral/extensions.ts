import { voicemailFilter } from '../contract.js';
import { safeText, shownText } from '../show.js';
import { textOrNumberOf } from '../unknown.js';
import { voicemailExtension } from './event-filters.js';
import { listAll, type Item } from './list.js';
import type { Session } from './session.js';

/** Types of extensions without a mailbox (API reference, "List Extensions"; by what they are for). */
const WITHOUT_MAILBOX = new Set(
  (
    'Announcement IvrMenu ParkLocation PagingOnly ApplicationExtension Site Room RoomConnector Bot ProxyAdmin ' +
    'DelegatedLinesGroup GroupCallPickup FaxUser TieLine'
  ).split(' '),
);

/** An extension whose voicemails are wanted. */
export interface Mailbox {
  /** The extension's id. */
  id: string;
  /** "101", if it is known. */
  number?: string | undefined;
  /** "ext. 101, Ada Byron", safe to show. */
  label: string;
}

/** What to subscribe to, and whose message stores hold the voicemails of it. */
export interface Watched {
  eventFilters: string[];
  mailboxes: Mailbox[];
  /** What of it cannot be had: a message for each. */
  problems: string[];
}

/** Every extension of the account, by id. Throws a Failure. */
export async function listExtensions(
  session: Session,
): Promise<Map<string, Mailbox & { status: unknown; type: unknown }>> {
  const { items } = await listAll(session, 'look up the extensions', '/restapi/v1.0/account/~/extension');
  const all = items.map((item) => ({ ...mailboxOf(item), status: item['status'], type: item['type'] }));
  return new Map(all.filter(({ id }) => /^\d+$/.test(id)).map((each) => [each.id, each]));
}

/**
 * Looks up what the settings ask for: event filters as they are, extension numbers, or 'all' enabled extensions that can
 * have a mailbox. What cannot be had stands in `problems`. Throws a Failure if nothing can be looked up.
 */
export async function findWatched(
  session: Session,
  wanted: { eventFilters: string[] } | { extensions: string[] | 'all' },
): Promise<Watched> {
  if ('eventFilters' in wanted)
    return { ...wanted, mailboxes: mailboxesOf(wanted.eventFilters, session), problems: [] };
  const all = [...(await listExtensions(session)).values()];
  const problems: string[] = [];
  let mailboxes: Mailbox[];
  if (wanted.extensions === 'all')
    mailboxes = all.filter(({ status, type }) => status === 'Enabled' && !WITHOUT_MAILBOX.has(String(type)));
  else
    mailboxes = wanted.extensions.flatMap((number) => {
      // Compared here, too: a server may ignore what it is asked to filter by.
      const found = all.find((each) => each.number === number);
      if (found?.status === 'Enabled') return [found];
      problems.push(
        found
          ? `${found.label} is not enabled (${shownText(found.status) ?? 'no status'}).`
          : unknownNumber(number, all),
      );
      return [];
    });
  if (mailboxes.length === 0 && problems.length === 0) problems.push('This account has no extension with a mailbox.');
  // In an order that stays: another one would be another subscription.
  mailboxes.sort((one, other) => one.id.localeCompare(other.id));
  return { eventFilters: mailboxes.map(({ id }) => voicemailFilter(id)), mailboxes, problems };
}

/** The mailboxes that event filters name; `~` is that of the user who logged in. */
export function mailboxesOf(eventFilters: string[], { ownerId }: { ownerId: string }): Mailbox[] {
  const named = eventFilters.flatMap((filter) => voicemailExtension(filter) ?? []);
  const ids = new Set(named.map((id) => (id === '~' ? ownerId : id)));
  return [...ids].map((id) => ({ id, label: id === ownerId ? 'your extension' : `extension ${safeText(id)}` }));
}

function mailboxOf(item: Item): Mailbox {
  const id = textOrNumberOf(item['id']) ?? '';
  const number = textOrNumberOf(item['extensionNumber']);
  const name = shownText(item['name']);
  return {
    id,
    number,
    label: [number ? `ext. ${safeText(number)}` : `extension ${id}`, name].filter(Boolean).join(', '),
  };
}

function unknownNumber(number: string, all: Mailbox[]): string {
  const distance = (each: Mailbox) => Math.abs(Number(each.number) - Number(number));
  const near = all.filter((each) => distance(each) >= 0).sort((one, other) => distance(one) - distance(other));
  const nearest = near.slice(0, 3).map(({ label }) => label);
  return `There is no extension ${number}${nearest.length > 0 ? `; the nearest: ${nearest.join('; ')}` : ''}. Correct WEBHOOK_EXTENSIONS.`;
}
