/** A checker that reads a folder of this machine, for a mesh that keeps its blobs elsewhere: they are brought there first. */
import type { Backplane } from '../backplane/backplane.ts';
import type { Checker, CheckRequest } from './checker.ts';

/** @param backplane puts what is read from it into the folder that the checker reads */
export function checkerWithBlobs(checker: Checker, backplane: Pick<Backplane, 'readBlob'>): Checker {
  return {
    prepare: () => checker.prepare(),
    close: () => checker.close(),
    check: async (request) => {
      for (const hash of blobsOf(request)) {
        const source = await backplane.readBlob(hash);
        if (!source) return { problem: `the mesh has no blob ${hash}` };
        await source.close();
      }
      return checker.check(request);
    },
  };
}

/** The plan, the weights, and the data of the checks. */
function blobsOf({ deployment: { plan, statistics, checks }, parts }: CheckRequest): ReadonlySet<string> {
  const columns = checks.flatMap((data) => data.columns.flatMap((column) => column.blobs));
  const blobs = [...plan, ...statistics.map(({ mean }) => mean), ...columns].map(({ blob }) => blob);
  return new Set([...blobs, ...parts]);
}
