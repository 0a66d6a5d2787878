/** The line that somebody on another machine types to join, and the invite, which has no place in that line. */
import { type Address, addressText } from '../../net/address.ts';
import { INVITE_MILLISECONDS } from '../../net/membership.ts';
import { insecureOption } from '../../net/mesh-options.ts';
import { nmc } from '../../support/command-text.ts';
import { formatDuration } from '../../support/format-numbers.ts';
import { isLoopback } from '../../support/loopback.ts';

export interface JoinLine {
  /** Where others may reach the mesh. */
  readonly addresses: readonly Address[];
  /** Of the mesh. */
  readonly key: string;
  readonly invite: string;
  readonly uses: number;
  readonly milliseconds: number;
  /** A command that listens for other machines, where this one does not. */
  readonly open: string;
  /** Name of the file with the certificate, where no authority has signed it. */
  readonly ca?: string;
  /** Options of the operator's own commands. */
  readonly mesh: readonly string[];
}

/** Of the invite that a mesh prints when it begins. */
export const PRINTED = { uses: 1, milliseconds: INVITE_MILLISECONDS } as const;

/** A line for each address. */
export function joinCommands({ addresses, key, ca }: Pick<JoinLine, 'addresses' | 'key' | 'ca'>): string[] {
  const trust = ca === undefined ? [] : ['--ca', ca];
  return addresses.map(
    (address) => nmc`join ${addressText(address)} --fingerprint ${key} ${trust} ${insecureOption(address)} --invite -`,
  );
}

export function joinLine(line: JoinLine): string {
  const { invite, uses, milliseconds, mesh } = line;
  const commands = joinCommands(line);
  const whom = uses === 1 ? 'one trainer' : `${uses} trainers`;
  return [
    ...(line.ca === undefined ? [] : [`copy ${line.ca} to the machines that join: they trust the certificate by it`]),
    introduction(line, commands.length),
    ...commands.map((command) => `  ${command}`),
    `which asks for this invite; it admits ${whom}, within ${spanText(milliseconds)}:`,
    `  ${invite}`,
    ...(uses === 1 ? [`for more trainers: ${nmc`keys invite --uses 3 ${mesh}`}`] : []),
    '',
  ].join('\n');
}

function introduction({ addresses, open }: JoinLine, lines: number): string {
  if (addresses.every(({ host }) => isLoopback(host)))
    return `only this machine can join (for others to reach it, start it with ${open}), with`;
  return lines === 1
    ? 'another machine joins with'
    : 'another machine joins with one of these, whichever address it can reach,';
}

function spanText(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  return Number.isInteger(hours) ? `${hours} h` : formatDuration(milliseconds / 1000);
}
