/** A stretch that was drawn, done again from the records that its trainer has brought, and held against its seals. */
import { chainProblem, linkOf, MAX_LINKS, stepsOf } from '../audit/chain.ts';
import { outputsHash } from '../audit/outputs.ts';
import { heldHash, windowsHash } from '../audit/seal.ts';
import { DRAWS, DRAWS_AGAIN } from '../audit/tolerance.ts';
import type { Device } from '../device/device.ts';
import type { ShardSource } from '../shard/shards.ts';
import { UserError } from '../support/errors.ts';
import { isPacked } from '../wire/codec.ts';
import type { AuditAnswer, AuditRequest, CutRecords, StepRequest } from './auditor.ts';
import { compareStep } from './compare-step.ts';
import { bisected } from './records/bisect.ts';
import { cutRecord, MAX_CUT_BYTES } from './records/cut-record.ts';
import { openRecord, type StretchRecord } from './records/read-record.ts';
import {
  type KnownOfRun,
  notKnown,
  notOfClass,
  notTogether,
  replayStretch,
  signedOutputs,
  unsignedText,
  unsignedWindows,
} from './records/replay.ts';
import { decodeReproduction, MAX_SHOWN_BYTES } from './records/reproduction.ts';
import type { BlobSource } from './shard-data.ts';
import { assertBegun, shownProblem } from './shown-step.ts';

export interface AuditPorts {
  /** Where the blob of a record lies. */
  readonly pathOf: (blob: string) => string;
  readonly blob: BlobSource;
  readonly sourceOf: (shard: number) => Promise<ShardSource>;
  readonly device: Device;
  /** Of this program. */
  readonly version: string;
}

/** A record that cannot be trusted has not been delivered. */
export function auditRecords(request: AuditRequest, ports: AuditPorts): Promise<AuditAnswer> {
  return withRecords(request, ports, async (records) => {
    const { deployment } = request;
    const { device, version, blob, sourceOf } = ports;
    const other = notOfClass(records, { deployment, device, version });
    const why = notTogether(records) ?? notKnown(records, knownOf(request));
    if (other !== undefined && why === undefined) return ofOtherClass(records, request, other);
    const repeating = { deployment, device, blob, sourceOf };
    const found = await replayStretch(records, { ...repeating, version, known: knownOf(request) });
    if (found.verdict === 'inconclusive') return found;
    if (found.verdict === 'match') return { verdict: 'match', exact: true };
    const { verdict, shard, call, what } = found;
    const { first, unsettled } = (await bisected(records, repeating)) ?? {};
    if (unsettled !== undefined) return { verdict: 'inconclusive', why: unsettled };
    return { verdict, shard, call, what, ...(first ? { first } : {}), exact: true };
  });
}

/** For another trainer: what went in, for it; and a hash of what came out, for the one who asks it. */
export function cutRecords(
  request: AuditRequest,
  { pathOf }: Pick<AuditPorts, 'pathOf'>,
): Promise<CutRecords | AuditAnswer> {
  return withRecords<CutRecords | AuditAnswer>(request, { pathOf }, async (records) => {
    const why = notTogether(records) ?? notKnown(records, knownOf(request));
    if (why !== undefined) return { verdict: 'inconclusive', why };
    const unsigned = unsignedWindows(records, request.deployment);
    const cuts: { readonly shard: number; readonly bytes: Uint8Array }[] = [];
    let left = MAX_CUT_BYTES;
    for (const record of records) {
      const pieces: Uint8Array[] = [];
      for await (const piece of cutRecord(record)) {
        left -= piece.length;
        if (left < 0) return { cuts: [], outputs: '', unsigned };
        pieces.push(piece);
      }
      cuts.push({ shard: record.head.shard, bytes: Buffer.concat(pieces) });
    }
    return { cuts, outputs: outputsHash(records.map(signedOutputs)), unsigned };
  });
}

/** What it has bound itself to, and what it has shown of it, of a trainer whose device gives other bits. */
export function auditStep(request: StepRequest, ports: AuditPorts): Promise<AuditAnswer> {
  return withRecords(request, ports, async (records) => {
    const { deployment, chains, step, from, to, seed, second } = request;
    const why = notTogether(records) ?? notKnown(records, knownOf(request));
    if (why !== undefined) return { verdict: 'inconclusive', why };
    const unsigned = unsignedWindows(records, deployment);
    const ends = stepsOf(deployment, from, to);
    const shown = decodeReproduction(await ports.blob(request.shown, Number.POSITIVE_INFINITY));
    const problem =
      chainProblem(chains, endsOf(records), ends.length - 1) ?? shownProblem(shown, records, { chains, step, ends });
    if (problem !== undefined) return { verdict: 'undelivered', why: problem };
    const { device, blob, sourceOf } = ports;
    const repeating = { deployment, device, blob, sourceOf };
    if (from === 0) await assertBegun(records, repeating);
    const [begin = from, end = to] = ends.slice(step, step + 2);
    const drawn = { seed: Number.parseInt(seed.slice(0, 8), 16) + Number(second), draws: second ? DRAWS_AGAIN : DRAWS };
    const found = await compareStep({ records, shown: shown.shards, begin, end, ...drawn }, repeating);
    const { ratio, shard, call, what } = found;
    if (ratio > 1) return { verdict: 'mismatch', shard, call, what };
    if (found.blind) return { verdict: 'inconclusive', why: 'devices of the two classes may be too far apart in it' };
    if (unsigned > 0) return { verdict: 'inconclusive', why: unsignedText(unsigned) };
    const classes = `${records[0]?.head.device.kind} by ${device.name}`;
    return { verdict: 'match', why: `${classes}: ${ratio.toPrecision(2)} of what they may be apart` };
  });
}

async function withRecords<T>(
  request: AuditRequest,
  ports: Pick<AuditPorts, 'pathOf'>,
  judge: (records: readonly StretchRecord[]) => Promise<T>,
): Promise<T | AuditAnswer> {
  const records: StretchRecord[] = [];
  try {
    for (const { record } of request.shards) records.push(openRecord(ports.pathOf(record)));
    const other = records.findIndex((record, i) => isOther(record, request, i));
    if (other >= 0)
      return {
        verdict: 'undelivered',
        why: `the record of shard ${request.shards[other]?.shard} is not that of its seal`,
      };
    const signedTwice = records.findIndex((record, i) => record.end.signed.hash !== request.shards[i]?.hash);
    if (signedTwice >= 0) {
      const shard = request.shards[signedTwice]?.shard ?? 0;
      return { verdict: 'mismatch', shard, call: request.to, what: 'state' };
    }
    return await judge(records);
  } catch (error) {
    if (error instanceof UserError && error.code === 'record/damaged')
      return { verdict: 'undelivered', why: error.message };
    throw error;
  } finally {
    for (const record of records) record.close();
  }
}

function ofOtherClass(records: readonly StretchRecord[], request: AuditRequest, why: string): AuditAnswer {
  const count = stepsOf(request.deployment, request.from, request.to).length - 1;
  // All that it does in a batch is one run of its device: nothing in between can be changed.
  if (request.deployment.shards === 1) return { verdict: 'inconclusive', why: `${why}, and it has no borders` };
  // What was left out follows from the last bits: another device leaves out something else.
  if (isPacked(request.deployment.codec))
    return { verdict: 'inconclusive', why: `${why}, and its borders are ${request.deployment.codec}` };
  const isTooLarge = count > MAX_LINKS || records.some((record) => record.state().bytes > MAX_SHOWN_BYTES);
  if (isTooLarge) return { verdict: 'inconclusive', why: `${why}, and it is too large to be shown` };
  return { verdict: 'inconclusive', why, steps: { count, ends: endsOf(records) } };
}

function endsOf(records: readonly StretchRecord[]): { readonly shard: number; readonly link: string }[] {
  return records.map(({ head, end }) => ({ shard: head.shard, link: linkOf(end.signed.hash, end.totals) }));
}

/** Of another stretch, or with other windows or bounds than were sealed: these cannot be chosen any more. */
function isOther({ head, end, windows }: StretchRecord, request: AuditRequest, i: number): boolean {
  const asked = request.shards[i];
  const { deployment, term, from, to } = request;
  const same = head.run === deployment.run && head.shard === asked?.shard && head.term === term && head.from === from;
  const held = end.held && heldHash(end.held);
  return !same || end.calls !== to || windowsHash(windows) !== asked.windows || held !== asked.held;
}

function knownOf({ term, owners, begins }: AuditRequest): KnownOfRun {
  return {
    owners: (asked) => (asked === term ? owners : undefined),
    manifest: (shard, calls) => (calls === begins.calls ? begins.hashes[shard] : undefined),
  };
}
