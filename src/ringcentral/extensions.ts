import { voicemailFilter } from '../contract.js';
import type { WatchSettings } from '../settings.js';
import { safeText, shownText } from '../show.js';
import { textOrNumberOf } from '../unknown.js';
import { voicemailExtension } from './event-filters.js';
import { listAll } from './list.js';
import type { Session } from './session.js';

/** Types of extensions without a mailbox (API reference, "List Extensions"; by what they are for). */
const WITHOUT_MAILBOX =
  /^(Announcement|IvrMenu|ParkLocation|PagingOnly|ApplicationExtension|Site|Room|RoomConnector|Bot|ProxyAdmin|DelegatedLinesGroup|GroupCallPickup|FaxUser|TieLine)$/;

/** An extension whose voicemails are wanted. */
export interface Mailbox {
  /** The extension's id. */
  id: string;
  /** "101", if it is known. */
  number?: string | undefined;
  /** "ext. 101, Ada Byron", safe to show. */
  label: string;
}

/** What to subscribe to, and the mailboxes that have its voicemails. */
export interface Watched {
  eventFilters: string[];
  mailboxes: Mailbox[];
  /** A message for each extension that cannot be watched. */
  problems: string[];
}

/** Every extension of the account. Throws a Failure. */
export async function listExtensions(session: Session): Promise<(Mailbox & { status: unknown; type: unknown })[]> {
  const { items } = await listAll(session, 'look up the extensions', '/restapi/v1.0/account/~/extension');
  const all = items.map(({ id, extensionNumber, name, status, type }) => {
    const number = textOrNumberOf(extensionNumber);
    const shown = number ? `ext. ${safeText(number)}` : `extension ${String(id)}`;
    return {
      id: textOrNumberOf(id) ?? '',
      number,
      label: [shown, shownText(name)].filter(Boolean).join(', '),
      status,
      type,
    };
  });
  return all.filter(({ id }) => /^\d+$/.test(id));
}

/** Looks up what the settings ask for: 'all' are those that are enabled and can have a mailbox. Throws a Failure. */
export async function findWatched(session: Session, wanted: WatchSettings): Promise<Watched> {
  if ('eventFilters' in wanted)
    return { ...wanted, mailboxes: mailboxesOf(wanted.eventFilters, session), problems: [] };
  const all = await listExtensions(session);
  const problems: string[] = [];
  const { extensions } = wanted;
  const find = (number: string) => {
    const found = all.find((each) => each.number === number);
    if (found && hasMailbox(found)) return [found];
    const why = found?.status === 'Enabled' ? 'has no mailbox' : 'is not enabled';
    const leaveOut = `leave ${number} out of WEBHOOK_EXTENSIONS.`;
    problems.push(found ? `${found.label} ${why}: ${leaveOut}` : unknownNumber(number, all));
    return [];
  };
  const mailboxes = extensions === 'all' ? all.filter(hasMailbox) : extensions.flatMap(find);
  if (mailboxes.length === 0 && problems.length === 0) problems.push('This account has no extension with a mailbox.');
  // Always in the same order: another order would look like another subscription.
  mailboxes.sort((one, other) => one.id.localeCompare(other.id));
  return { eventFilters: mailboxes.map(({ id }) => voicemailFilter(id)), mailboxes, problems };
}

function hasMailbox({ status, type }: { status: unknown; type: unknown }): boolean {
  return status === 'Enabled' && !WITHOUT_MAILBOX.test(String(type));
}

/** The mailboxes that event filters name; `~` is that of the user who logged in. */
export function mailboxesOf(eventFilters: string[], { ownerId }: { ownerId: string }): Mailbox[] {
  const named = eventFilters.flatMap((filter) => voicemailExtension(filter) ?? []);
  const ids = new Set(named.map((id) => (id === '~' ? ownerId : id)));
  return [...ids].map((id) => ({ id, label: id === ownerId ? 'your extension' : `extension ${safeText(id)}` }));
}

function unknownNumber(number: string, all: Mailbox[]): string {
  const distance = (each: Mailbox) => Math.abs(Number(each.number) - Number(number));
  const near = all.filter((each) => distance(each) >= 0).sort((one, other) => distance(one) - distance(other));
  const nearest = near.slice(0, 3).map(({ label }) => label);
  return `There is no extension ${number}${nearest.length > 0 ? `; the nearest: ${nearest.join('; ')}` : ''}. Correct WEBHOOK_EXTENSIONS.`;
}

/** Text with the number and name of each extension behind its event filters, which only have ids. */
export function withLabels(text: string, mailboxes: Mailbox[]): string {
  return text.replace(/[^\s,[\]]+\/extension\/(\d+)\/voicemail/g, (filter, id) => {
    const mailbox = mailboxes.find((each) => each.id === id);
    return mailbox?.number ? `${filter} (${mailbox.label})` : filter;
  });
}
