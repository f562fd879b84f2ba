import type { Subscription } from './subscriptions.js';

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export function voicemailExtension(filter: string): string | undefined {
  return /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];
}

/**
 * Which of the event filters `asked` for a subscription lacks, each with the reason: RingCentral answers 200 all the same,
 * and lists ids instead of `~`. `ownerId` is the user's extension; while it is `~`, any extension counts as the user's.
 */
export function refusedFilters(
  { eventFilters, disabledFilters }: Pick<Subscription, 'eventFilters' | 'disabledFilters'>,
  asked: string[],
  ownerId: string,
): Map<string, string> {
  const withId = (filter: string) =>
    filter.replace(/\/account\/[^/]+/, '/account/~').replace('/extension/~', `/extension/${ownerId}`);
  const forms = (listed: string) => [withId(listed), withId(listed).replace(/\/extension\/[^/]+/, '/extension/~')];
  const live = new Set(eventFilters.flatMap(forms));
  const reasons = new Map(disabledFilters.flatMap(({ filter, reason }) => forms(filter).map((form) => [form, reason])));
  const lacking = asked.filter((filter) => reasons.has(withId(filter)) || !live.has(withId(filter)));
  return new Map(lacking.map((filter) => [filter, reasons.get(withId(filter)) ?? 'RingCentral left it out']));
}
