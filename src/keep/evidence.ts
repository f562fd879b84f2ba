import type { Say } from '../program.js';
import { isSameAddress, isTunnelName } from '../registration/tunnels.js';
import { voicemailExtension } from '../ringcentral/event-filters.js';
import type { Mailbox } from '../ringcentral/extensions.js';
import type { Session } from '../ringcentral/session.js';
import { isLive, listSubscriptions, missedSince } from '../ringcentral/subscriptions.js';
import { shownTime } from '../show.js';
import type { Ledger } from './ledger.js';

const DAY_MS = 86_400_000;

/**
 * Reads in earlier subscriptions since when voicemails of mailboxes that are new to the ledger may be missing, and writes
 * it into the ledger: a registration may delete them after that. `address` is the one that is set, if any. Throws a Failure.
 */
export async function readEvidence(
  session: Session,
  mailboxes: Mailbox[],
  address: string | undefined,
  ledger: Ledger,
  say: Say,
): Promise<void> {
  const fresh = mailboxes.filter(({ id }) => ledger.isNew(id));
  if (fresh.length === 0) return;
  const { subscriptions } = await listSubscriptions(session);
  const now = session.now();
  const isOurs = (at: string) => isTunnelName(at) || (address !== undefined && isSameAddress(at, address));
  // Not those that keep created: the ledger has met their mailboxes by then.
  const ours = subscriptions.filter((each) => isOurs(each.address) && !ledger.isCreated(each));
  const said = new Set<string>();
  for (const { id } of fresh) {
    const names = [id, ...(id === session.ownerId ? ['~'] : [])];
    const covering = ours.filter((each) =>
      each.eventFilters.some((filter) => names.includes(voicemailExtension(filter) ?? '')),
    );
    if (covering.length === 0) continue;
    const ended = covering.filter((each) => !isLive(each, now));
    const since = Math.min(missedSince(ended, now), ended.length < covering.length ? now - DAY_MS : now);
    ledger.compareFrom(id, since);
    said.add(
      ended.length > 0
        ? `RingCentral had ended an earlier subscription: comparing from ${shownTime(new Date(since))} on.`
        : 'A live subscription of an earlier run is there: comparing the last 24 hours. Some voicemails may be repeats.',
    );
  }
  for (const line of said) say(line);
}
