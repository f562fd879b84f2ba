import { voicemailExtension, voicemailFilter } from '../contract.js';
import type { WatchSettings } from '../settings.js';
import { safeText, shownText } from '../show.js';
import { textOf, textOrNumberOf } from '../unknown.js';
import { listAll } from './list.js';
import type { Session } from './session.js';

/** Types of extensions without a mailbox (API reference, "List Extensions"; by what they are for). */
const WITHOUT_MAILBOX =
  /^(Announcement|IvrMenu|ParkLocation|PagingOnly|ApplicationExtension|Site|Room|RoomConnector|Bot|ProxyAdmin|DelegatedLinesGroup|GroupCallPickup|FaxUser|TieLine)$/;

/** An extension whose voicemails are wanted: its id, its number if it is known, and "ext. 101, Ada Byron", safe to show. */
export type Mailbox = { id: string; number?: string | undefined; label: string };
type Extension = Mailbox & { problem: string };

/** What to subscribe to, the mailboxes that have its voicemails, and a message for each extension that cannot be watched. */
export type Watched = { eventFilters: string[]; mailboxes: Mailbox[]; problems: string[] };

/** Every extension of the account, with the reason if it cannot be watched. Throws a Failure. */
export async function listExtensions(session: Session): Promise<Extension[]> {
  const all = await listAll(session, 'look up the extensions', '/restapi/v1.0/account/~/extension');
  return all.flatMap(({ id: given, extensionNumber, name, status, type }) => {
    const id = textOrNumberOf(given) ?? '';
    if (!/^\d+$/.test(id)) return [];
    const number = textOrNumberOf(extensionNumber);
    const shown = number ? `ext. ${safeText(number)}` : `extension ${id}`;
    const label = [shown, shownText(name)].filter(Boolean).join(', ');
    const without = WITHOUT_MAILBOX.test(textOf(type) ?? '') ? 'has no mailbox' : '';
    return { id, number, label, problem: status === 'Enabled' ? without : 'is not enabled' };
  });
}

/** Looks up what the settings ask for: 'all' are those that are enabled and can have a mailbox. Throws a Failure. */
export async function findWatched(session: Session, wanted: WatchSettings): Promise<Watched> {
  if ('eventFilters' in wanted)
    return { ...wanted, mailboxes: mailboxesOf(wanted.eventFilters, session), problems: [] };
  const { extensions } = wanted;
  const all = await listExtensions(session);
  const asked = all.filter(({ number = '' }) => extensions === 'all' || extensions.includes(number));
  // Always in the same order: another order would look like another subscription.
  const mailboxes = asked.filter(({ problem }) => !problem).sort((one, other) => one.id.localeCompare(other.id));
  const problems = extensions === 'all' ? [] : extensions.flatMap((number) => problemWith(number, all));
  if (mailboxes.length === 0 && problems.length === 0) problems.push('This account has no extension with a mailbox.');
  return { eventFilters: mailboxes.map(({ id }) => voicemailFilter(id)), mailboxes, problems };
}

/** The mailboxes that event filters name; `~` is that of the user who logged in. */
export function mailboxesOf(eventFilters: string[], { ownerId }: { ownerId: string }): Mailbox[] {
  const named = eventFilters.flatMap((filter) => voicemailExtension(filter) ?? []);
  const ids = new Set(named.map((id) => (id === '~' ? ownerId : id)));
  return [...ids].map((id) => ({ id, label: id === ownerId ? 'your extension' : `extension ${safeText(id)}` }));
}

function problemWith(number: string, all: Extension[]): string | [] {
  const found = all.find((each) => each.number === number);
  if (found) return found.problem ? `${found.label} ${found.problem}: leave ${number} out of WEBHOOK_EXTENSIONS.` : [];
  const distance = (each: Mailbox) => Math.abs(Number(each.number) - Number(number));
  const near = all.filter((each) => distance(each) >= 0).sort((one, other) => distance(one) - distance(other));
  const nearest = near.slice(0, 3).map(({ label }) => label);
  return `There is no extension ${number}; the nearest: ${nearest.join('; ') || 'none'}. Correct WEBHOOK_EXTENSIONS.`;
}

/** Text with the number and name of each extension behind its event filters, which only have ids. */
export function withLabels(text: string, mailboxes: Mailbox[]): string {
  return text.replace(/[^\s,[\]]+\/extension\/(\d+)\/voicemail/g, (filter, id) => {
    const mailbox = mailboxes.find((each) => each.id === id);
    return mailbox?.number ? `${filter} (${mailbox.label})` : filter;
  });
}
