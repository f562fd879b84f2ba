/** An event filter that brings nothing, and why. */
export type Refused = { filter: string; reason: string };

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export function voicemailExtension(filter: string): string | undefined {
  return /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];
}

/**
 * Those of the event filters asked for that bring nothing: RingCentral answers 200 to a creation all the same. It lists ids
 * in place of `~`. `ownerId` is that of the user; if it is `~`, not known, any extension counts as the own one.
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
