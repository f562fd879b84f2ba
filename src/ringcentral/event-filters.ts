/** An event filter that brings nothing, and why. */
export type Refused = { filter: string; reason: string };

/** What a subscription says of its event filters. */
interface Granted {
  eventFilters: string[];
  disabledFilters: Refused[];
}

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export function voicemailExtension(filter: string): string | undefined {
  return /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];
}

/**
 * Those of the event filters asked for that bring nothing: RingCentral answers 200 to a creation all the same. It lists ids
 * in place of `~`: so a `~` stands for any id, but each listed filter for one that was asked for.
 */
export function refusedFilters({ disabledFilters, eventFilters }: Granted, asked: string[]): Refused[] {
  const live = eventFilters.filter((filter) => !disabledFilters.some((each) => each.filter === filter));
  const left: { filter: string; reason?: string }[] = [...live.map((filter) => ({ filter })), ...disabledFilters];
  const tildes = (filter: string) => filter.split('/~').length;
  // Those without a `~` first.
  const sorted = [...new Set(asked)].sort((one, other) => tildes(one) - tildes(other));
  return sorted.flatMap((filter) => {
    const found = left.findIndex((each) => isFilter(each.filter, filter));
    const { reason } = left.splice(found, found < 0 ? 0 : 1)[0] ?? { reason: 'RingCentral left it out' };
    return reason === undefined ? [] : [{ filter, reason }];
  });
}

function isFilter(listed: string, asked: string): boolean {
  const [given, wanted] = [listed.split('/'), asked.split('/')];
  return given.length === wanted.length && wanted.every((part, i) => part === '~' || part === given[i]);
}
