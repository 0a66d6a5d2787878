/** Streams that are not what they were. */
import { nmc } from '../support/command-text.ts';
import { EnvironmentError } from '../support/errors.ts';

export const BREAK_CODES = ['chain/behind', 'chain/differs'] as const;
export type BreakCode = (typeof BREAK_CODES)[number];

/** @param told what differs: `record 7 does not have its hash` */
export function differs(stream: string, told: string): EnvironmentError {
  return brokenAs('chain/differs', `the stream ${stream} is not what it was: ${told}`);
}

/** @param found the number of its last record, where that is known */
export function behind(stream: string, found: number | undefined, known: number): EnvironmentError {
  const ends = found === undefined ? `ends before record ${known}` : `ended at record ${found}`;
  return brokenAs('chain/behind', `the stream ${stream} ${ends}, and record ${known} of it was there`);
}

export function brokenAs(code: BreakCode, told: string): EnvironmentError {
  return new EnvironmentError(
    code,
    told,
    `nothing is written to it, and all copies are kept; to compare them: ${nmc`mesh verify`}`,
  );
}
