/** What somebody on another machine types to join, and the invite, which has no place in that line. */
import { INVITE_MILLISECONDS } from '../../net/membership.ts';
import { formatDuration } from '../../support/format-numbers.ts';

export interface JoinLine {
  readonly address: string;
  /** Of the mesh. */
  readonly key: string;
  readonly invite: string;
  readonly uses: number;
  readonly milliseconds: number;
}

/** Of the invite that a mesh prints when it begins. */
export const PRINTED = { uses: 1, milliseconds: INVITE_MILLISECONDS } as const;

export function joinLine({ address, key, invite, uses, milliseconds }: JoinLine): string {
  const whom = uses === 1 ? 'one trainer' : `${uses} trainers`;
  return `  nmc join ${address} --fingerprint ${key} --invite -\nwith this invite on its standard input; it lets ${whom} in, within ${spanText(milliseconds)}${uses === 1 ? '\n(more with nmc keys invite --uses N)' : ''}:\n  ${invite}\n`;
}

function spanText(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  return Number.isInteger(hours) ? `${hours} h` : formatDuration(milliseconds / 1000);
}
