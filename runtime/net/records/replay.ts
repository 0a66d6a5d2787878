/**
 * A stretch done again from its record, and held against what its trainer and the neighbours have signed. Neighbouring
 * shards that one trainer had are done again together: what went between them is computed here, so their records say
 * nothing of it.
 */

import { type Difference, differenceOf, type ShardOutputs } from '../../audit/outputs.ts';
import type { Device } from '../../device/device.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { hex } from '../../wire/hash.ts';
import { rootOf } from '../../wire/merkle.ts';
import { assertSigned, checkFrames } from './check-record.ts';
import { damagedRecord } from './entries.ts';
import type { CutRecord, StretchRecord } from './read-record.ts';
import { type RepeatOptions, repeatStretch } from './repeat.ts';
import { type DeviceClass, deviceClass } from './stretch-log.ts';

export interface ReplayOptions extends RepeatOptions {
  /** Of this program. */
  readonly version: string;
  readonly known: KnownOfRun;
}

/** What a verifier knows by itself: a trainer's own record proves nothing of it. */
export interface KnownOfRun {
  /** Hash of a shard's state in the manifest behind so many calls; absent: it is not known any more. */
  readonly manifest: (shard: number, calls: number) => string | undefined;
  /** Keys of a term's owners, by shard; absent: they are not known. */
  readonly owners: (term: number) => readonly string[] | undefined;
}

export type Verdict =
  | { readonly verdict: 'match' }
  | ({ readonly verdict: 'mismatch' } & Difference)
  | { readonly verdict: 'inconclusive'; readonly why: string };

/**
 * @param records of one stretch: of a shard, and of those neighbours that the same trainer had
 * @throws UserError `record/damaged` where a record cannot be trusted
 */
export async function replayStretch(records: readonly StretchRecord[], options: ReplayOptions): Promise<Verdict> {
  const { deployment, device, version } = options;
  const why =
    notTogether(records) ?? notOfClass(records, { deployment, device, version }) ?? notKnown(records, options.known);
  if (why !== undefined) return { verdict: 'inconclusive', why };
  const unsigned = unsignedWindows(records, deployment);
  return heldAgainst(records, await repeatStretch(records, options), unsigned);
}

/** @param unsigned number of their windows without a neighbour's signature */
export function heldAgainst(
  records: readonly StretchRecord[],
  found: readonly ShardOutputs[],
  unsigned: number,
): Verdict {
  const difference = differenceOf(records.map(signedOutputs), found, records[0]?.end.calls ?? 0);
  if (difference) return { verdict: 'mismatch', ...difference };
  if (unsigned === 0) return { verdict: 'match' };
  return { verdict: 'inconclusive', why: unsignedText(unsigned) };
}

export function unsignedText(windows: number): string {
  return `neighbours have not signed what they got or sent (${windows} windows)`;
}

/**
 * Directions of borders in a call of which a neighbour has not signed the window.
 * @throws UserError `record/damaged` where states, frames or windows are not signed as a record has to be
 */
export function unsignedWindows(records: readonly StretchRecord[], deployment: Deployment): number {
  let unsigned = 0;
  for (const record of records) {
    assertSigned(record, deployment);
    unsigned += checkFrames(record, deployment);
  }
  return unsigned;
}

/** Why they are not the whole of one stretch; nothing where they are. */
export function notTogether(records: readonly CutRecord[]): string | undefined {
  const shards = new Set(records.map(({ head }) => head.shard));
  const [first] = records;
  for (const { head, end } of records) {
    if (!first || head.from !== first.head.from || end.calls !== first.end.calls || head.term !== first.head.term)
      return 'the records are of different stretches';
    const lone = end.local.find((shard) => !shards.has(shard));
    if (lone !== undefined) return `the same trainer had shard ${lone}, whose record is not here`;
  }
  return undefined;
}

/** Why this device does not give the bits of theirs; nothing where it does. */
export function notOfClass(
  records: readonly CutRecord[],
  {
    deployment,
    device,
    version,
  }: { readonly deployment: Deployment; readonly device: Device; readonly version: string },
): string | undefined {
  const here = deviceClass(device, version, deployment.shards === 1);
  const fields = ['kind', 'description', 'version', 'processor', 'alone'] as const;
  const other = records.find(({ head }) => fields.some((field) => head.device[field] !== here[field]));
  return other && `it was computed by ${classText(other.head.device)}, which is not ${classText(here)}`;
}

function classText({ version, kind, description, processor }: DeviceClass): string {
  return `version ${version} with ${kind} (${description}) on ${processor}`;
}

/**
 * A stretch at the beginning of a term begins from a state that its trainer has not signed.
 * @returns why it cannot be said whether it begins as it has to
 * @throws UserError `record/damaged` where it does not
 */
export function notKnown(records: readonly StretchRecord[], known: KnownOfRun): string | undefined {
  for (const { head, end } of records) {
    const { shard, from, term, owner, hash } = head;
    const owners = known.owners(term);
    if (!owners) return `the owners of term ${term} are not known`;
    const local = owners.flatMap((key, other) => (key === owner && end.local.includes(other) ? [other] : []));
    const claimed = Object.entries(end.owners).every(([other, key]) => owners[Number(other)] === key && key !== owner);
    if (owners[shard] !== owner || !claimed || local.length !== end.local.length)
      throw damagedRecord('it names other owners than the shards had');
    if (head.signed || from === 0) continue;
    const manifest = known.manifest(shard, from);
    if (manifest === undefined)
      return `the snapshot behind call ${from}, from which the term began, is not known any more`;
    if (manifest !== hash) throw damagedRecord('it does not begin from the snapshot');
  }
  return undefined;
}

/** What came out as it was signed: of the frames that went, and of the end. */
export function signedOutputs({ head, end, sent }: StretchRecord): ShardOutputs {
  const flows = new Map<string, { readonly peer: number; readonly call: number; readonly leaves: Uint8Array[] }>();
  for (const { to: peer, header, leaf } of sent) {
    // What was sent of a batch that began ahead is of the next stretch.
    if (header.batch >= end.calls) continue;
    const name = `${peer}/${header.batch}`;
    const flow = flows.get(name) ?? { peer, call: header.batch, leaves: [] };
    flow.leaves.push(leaf);
    flows.set(name, flow);
  }
  const windows = [...flows.values()].map(({ peer, call, leaves }) => {
    return { peer, call, packets: leaves.length, root: hex(rootOf(leaves)) };
  });
  return { shard: head.shard, windows, hash: end.signed.hash, totals: end.totals };
}
