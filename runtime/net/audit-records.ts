/** A stretch that was drawn, done again from the records that its trainer has brought, and held against its seals. */
import { windowsHash } from '../audit/seal.ts';
import type { Device } from '../device/device.ts';
import type { ShardSource } from '../shard/shards.ts';
import { UserError } from '../support/errors.ts';
import type { AuditAnswer, AuditRequest } from './auditor.ts';
import { openRecord, type StretchRecord } from './records/read-record.ts';
import { type KnownOfRun, replayStretch } from './records/replay.ts';
import type { BlobSource } from './shard-data.ts';

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
export async function auditRecords(request: AuditRequest, ports: AuditPorts): Promise<AuditAnswer> {
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
    const { deployment } = request;
    const { device, version, blob, sourceOf } = ports;
    const found = await replayStretch(records, {
      ...{ deployment, device, version, blob, sourceOf },
      known: knownOf(request),
    });
    if (found.verdict !== 'mismatch') return found;
    const { verdict, shard, call, what } = found;
    return { verdict, shard, call, what };
  } catch (error) {
    if (error instanceof UserError && error.code === 'record/damaged')
      return { verdict: 'undelivered', why: error.message };
    throw error;
  } finally {
    for (const record of records) record.close();
  }
}

/** Of another stretch, or with other windows than were sealed: these cannot be chosen any more. */
function isOther({ head, end, windows }: StretchRecord, request: AuditRequest, i: number): boolean {
  const asked = request.shards[i];
  const { deployment, term, from, to } = request;
  const same = head.run === deployment.run && head.shard === asked?.shard && head.term === term && head.from === from;
  return !same || end.calls !== to || windowsHash(windows) !== asked.windows;
}

function knownOf({ term, owners, begins }: AuditRequest): KnownOfRun {
  return {
    owners: (asked) => (asked === term ? owners : undefined),
    manifest: (shard, calls) => (calls === begins.calls ? begins.hashes[shard] : undefined),
  };
}
