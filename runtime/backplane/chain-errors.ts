/** Streams that are not what they were. */
import { nmc } from '../support/command-text.ts';
import { EnvironmentError } from '../support/errors.ts';

/** @param told what differs: `record 7 does not have its hash` */
export function differs(stream: string, told: string): EnvironmentError {
  return new EnvironmentError(
    'chain/differs',
    `the stream ${stream} is not what it was: ${told}`,
    `nothing is written to it; ${nmc`mesh verify`} compares all copies, both are kept`,
  );
}

export function behind(stream: string, found: number, known: number): EnvironmentError {
  return new EnvironmentError(
    'chain/behind',
    `the stream ${stream} ends at record ${found}, and record ${known} of it was there`,
    `nothing is written to it; ${nmc`mesh verify`} compares all copies, both are kept`,
  );
}
