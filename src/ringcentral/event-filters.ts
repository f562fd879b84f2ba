/** An event filter for which RingCentral will send nothing, and why. */
export type Refused = { filter: string; reason: string };

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export function voicemailExtension(filter: string): string | undefined {
  return /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];
}

/**
 * Which event filters of those `asked` for a subscription lacks: RingCentral answers 200 all the same. It lists ids instead
 * of `~`. `ownerId` is the user's extension; if it is not known (`~`), any extension counts as the user's.
 */
export function refusedFilters(
  { eventFilters, disabledFilters }: { eventFilters: string[]; disabledFilters: Refused[] },
  asked: string[],
  ownerId: string,
): Refused[] {
  const withId = (filter: string) =>
    filter.replace(/\/account\/[^/]+/, '/account/~').replace('/extension/~', `/extension/${ownerId}`);
  const forms = (listed: string) => [withId(listed), withId(listed).replace(/\/extension\/[^/]+/, '/extension/~')];
  const live = new Set(eventFilters.flatMap(forms));
  const disabled = new Map(
    disabledFilters.flatMap(({ filter, reason }) => forms(filter).map((form) => [form, reason])),
  );
  return [...new Set(asked)].flatMap((filter) => {
    const reason = disabled.get(withId(filter)) ?? (live.has(withId(filter)) ? undefined : 'RingCentral left it out');
    return reason === undefined ? [] : [{ filter, reason }];
  });
}
