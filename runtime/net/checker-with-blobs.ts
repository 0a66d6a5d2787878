/** A checker that reads a folder of this machine, for a mesh that keeps its blobs elsewhere: they are brought there first. */
import type { Backplane } from '../backplane/backplane.ts';
import { blobsOfTicket } from '../wire/ticket.ts';
import type { AuditAnswer, AuditRequest, CutRecords, StepRequest } from './auditor.ts';
import type { Checker, CheckRequest } from './checker.ts';

/** @param backplane puts what is read from it into the folder that the checker reads */
export function checkerWithBlobs(checker: Checker, backplane: Pick<Backplane, 'readBlob'>): Checker {
  /** @returns one that the mesh has not */
  const bring = async (hashes: ReadonlySet<string>): Promise<string | undefined> => {
    for (const hash of hashes) {
      const source = await backplane.readBlob(hash);
      if (!source) return hash;
      await source.close();
    }
    return undefined;
  };
  const audited = async <T>(
    blobs: ReadonlySet<string>,
    audit: () => Promise<T | undefined>,
  ): Promise<T | AuditAnswer> => {
    const missing = await bring(blobs);
    if (missing !== undefined) return { verdict: 'inconclusive', why: `the mesh has no blob ${missing}` };
    return (await audit()) ?? { verdict: 'inconclusive', why: 'this synchronizer does nothing again' };
  };
  return {
    prepare: () => checker.prepare(),
    close: () => checker.close(),
    check: async (request) => {
      const missing = await bring(blobsOf(request));
      return missing === undefined ? checker.check(request) : { problem: `the mesh has no blob ${missing}` };
    },
    ...(checker.audit
      ? {
          audit: (request: AuditRequest) => audited(blobsOfAudit(request), async () => checker.audit?.(request)),
          cut: (request: AuditRequest) =>
            audited<CutRecords | AuditAnswer>(new Set(request.shards.map(({ record }) => record)), async () =>
              checker.cut?.(request),
            ),
          auditStep: (request: StepRequest) =>
            audited(new Set([...blobsOfAudit(request), request.shown]), async () => checker.auditStep?.(request)),
        }
      : {}),
  };
}

/** The records, the plan, and the columns that the shards read. */
function blobsOfAudit({ deployment, shards }: AuditRequest): ReadonlySet<string> {
  const { run } = deployment;
  const nothing = { run, term: 0, from: 0, bearer: '', expires: 0, sig: '' };
  const read = shards.flatMap(({ shard }) => blobsOfTicket({ ...nothing, shard }, deployment));
  return new Set([...shards.map(({ record }) => record), ...read.map(({ blob }) => blob)]);
}

/** The plan, the weights, and the data of the checks. */
function blobsOf({ deployment: { plan, statistics, checks }, parts }: CheckRequest): ReadonlySet<string> {
  const columns = checks.flatMap((data) => data.columns.flatMap((column) => column.blobs));
  const blobs = [...plan, ...statistics.map(({ mean }) => mean), ...columns].map(({ blob }) => blob);
  return new Set([...blobs, ...parts]);
}
