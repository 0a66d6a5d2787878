/** Audits in a mesh in virtual time: records lie where their trainers keep them, and nothing is sent. */
import { join } from 'node:path';
import type { Device } from '../../runtime/device/device.ts';
import { auditRecords, auditStep, cutRecords } from '../../runtime/net/audit-records.ts';
import type { PlanFetch } from '../../runtime/net/fetch-plan.ts';
import { OwnAudits } from '../../runtime/net/own-audits.ts';
import { openRecord, type StretchRecord } from '../../runtime/net/records/read-record.ts';
import { type Reproduced, reproduceStretch, reproductionOf } from '../../runtime/net/records/reproduce.ts';
import { encodeReproduction } from '../../runtime/net/records/reproduction.ts';
import { classHash } from '../../runtime/net/records/stretch-log.ts';
import type { BlobSource } from '../../runtime/net/shard-data.ts';
import { MemoryLedger } from '../../runtime/net/shard-memory.ts';
import { repeatOrder } from '../../runtime/net/stretch-auditor.ts';
import type { Repeated } from '../../runtime/roles/auditor.ts';
import type { AskedAudit, SynchronizerEvent } from '../../runtime/roles/synchronizer-state.ts';
import type { ShardSource } from '../../runtime/shard/shards.ts';
import { UserError } from '../../runtime/support/errors.ts';
import type { AuditOrder, Outputs } from '../../runtime/wire/audit-messages.ts';
import type { Deployment } from '../../runtime/wire/deployment.ts';
import type { HostedOptions } from './hosted-options.ts';

export interface HostedAudit {
  /** The trainer whose stretch it is. */
  readonly isThere: boolean;
  readonly deployment: Deployment;
  /** Where its records of the run lie. */
  readonly folder: string;
  /** Of the trainer, and of the auditor. */
  readonly device: Device;
  readonly auditor: Device;
  readonly blob: BlobSource;
  readonly put: (bytes: Uint8Array) => string;
  readonly sourceOf: (shard: number) => Promise<ShardSource>;
  /** What another trainer says that was asked to do it again. */
  readonly ask: (trainer: string, order: AuditOrder) => Promise<Outputs | undefined>;
}

/** What a trainer says of itself, and operators of its key: those that audit others are listed. */
export function auditing({ audits, auditing: says }: Pick<HostedOptions, 'audits' | 'auditing'>, device: Device) {
  const auditor = says ? { auditor: classHash(device, 'test') } : {};
  return { does: { ...(audits ? { audits } : {}), ...auditor }, vouched: says ? { vouched: true } : {} } as const;
}

/** What a trainer answers that is asked to do it again. @param says instead of what it has found */
export async function repeatedBy(
  order: AuditOrder,
  { says, ...here }: Pick<PlanFetch, 'device' | 'blob' | 'openPlan'> & { readonly says: (found: Repeated) => Repeated },
): Promise<Outputs> {
  const { run, term, from, shards } = order;
  const found = await repeatOrder(order, { version: 'test', ledger: new MemoryLedger(undefined), ...here });
  return { type: 'outputs', run, term, from, shards: shards.map(({ ticket }) => ticket.shard), ...says(found) };
}

/** Other devices do it again first, where there is a record: what comes out otherwise counts when it does so twice, as in a mesh. */
export async function auditedByAll(
  asked: AskedAudit,
  audit: HostedAudit,
  { devices, found }: NonNullable<HostedOptions['alsoBy']> = { devices: [], found: () => undefined },
): Promise<SynchronizerEvent> {
  for (const [device, auditor] of devices.entries()) {
    if (!audit.isThere || asked.second) break;
    let event = await audited(asked, { ...audit, auditor });
    if (event.kind === 'audited' && event.verdict === 'mismatch')
      event = await audited({ ...asked, second: true }, { ...audit, auditor });
    if (event.kind === 'audited') found(device, event);
  }
  return audited(asked, audit);
}

function audited(asked: AskedAudit, audit: HostedAudit): Promise<SynchronizerEvent> {
  const { isThere, deployment, folder, device, auditor, blob, put, sourceOf, ask } = audit;
  const pathOf = (name: string): string => join(folder, name);
  const ports = { pathOf, blob, sourceOf, device: auditor, version: 'test' };
  const nameOf = (shard: number): string => `${shard}-${asked.term}-${asked.from}.rec`;
  let reproduced: Reproduced | undefined;
  return new Promise((done) => {
    const audits = new OwnAudits({
      ...{ key: 'the synchronizer', deployment: () => deployment, letGo: () => undefined, done },
      blob: (hash) => blob(hash, Number.POSITIVE_INFINITY),
      auditor: {
        audit: (request) => auditRecords(request, ports),
        cut: (request) => cutRecords(request, ports),
        auditStep: (request) => auditStep(request, ports),
      },
      trainers: { put: async (_holder, bytes) => put(bytes), ask },
      records: () => ({
        issue: (stretch, bearer) => ({ ...stretch, bearer, expires: 0, sig: '' }),
        bring: async (_holder, { shard }) => {
          if (!isThere) throw new UserError('record/away', 'it is not there');
          return { blob: nameOf(shard), bytes: 1 };
        },
        bringAgain: async (_holder, _ticket, { shards, step }) => {
          const records: StretchRecord[] = shards.map((shard) => openRecord(pathOf(nameOf(shard))));
          try {
            const options = { deployment, device, blob, sourceOf };
            reproduced = step === undefined ? await reproduceStretch(records, options, 'all') : reproduced;
            return reproduced && put(encodeReproduction(reproductionOf(reproduced, step)));
          } finally {
            for (const record of records) record.close();
          }
        },
      }),
    });
    audits.take(asked);
  });
}
