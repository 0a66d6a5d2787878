/** What entries are made of. */
import { count, type Shape } from '../support/shape.ts';

const matching = (pattern: string): Shape<string> => ({ schema: () => ({ type: 'string', pattern }) });
/** A public key, as people copy it. */
export const key = matching('^[A-Za-z0-9_-]{43}$');
export const hash = matching('^[0-9a-f]{64}$');
export const signature = matching('^[0-9a-f]{128}$');
/** Of a request or a channel: the same one twice counts once. */
export const id = matching('^[0-9a-f]{32}$');
export const digits = matching('^(0|[1-9][0-9]{0,39})$');
export const positive: Shape<number> = {
  schema: () => ({ type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
};
/**
 * Milliseconds since 1970 by the clock of the one who wrote the entry. What a channel may at a time is judged by it
 * alone; for all other entries it is for people.
 */
export const at = count;
