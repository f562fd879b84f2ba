/** The fields of something from outside; none if it is not an object. */
export const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** The items of something from outside; none if it is not a list. */
export const itemsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The text of something from outside; undefined if it is not text, or empty. */
export const textOf = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);

/** The same of what may be a number, too, such as an id. */
export const textOrNumberOf = (value: unknown) => (typeof value === 'number' ? String(value) : textOf(value));

/** What JSON stands for; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
