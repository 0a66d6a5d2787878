/** Parts of manifests that the disk has lost or changed, and which runs that concerns. */
import type { Backplane } from '../backplane/backplane.ts';
import { isActive } from '../roles/synchronizer.ts';
import type { RunState } from '../roles/synchronizer-state.ts';

/** @returns the manifests that name this blob */
export function manifestsWith(runs: readonly RunState[], hash: string): { run: string; calls: number }[] {
  return runs.flatMap(({ deployment, manifests }) =>
    manifests.filter((m) => m.parts.includes(hash)).map(({ calls }) => ({ run: deployment.run, calls })),
  );
}

/**
 * Reads what active runs would go on from, and looks whether the parts of all others are there. The backplane reports
 * each part whose bytes do not have its hash.
 */
export async function readParts(backplane: Backplane, runs: () => readonly RunState[]): Promise<void> {
  for (const { deployment } of runs()) {
    const id = deployment.run;
    // A manifest that turns out damaged is dropped meanwhile: then the one before it is looked at.
    for (let last = 0; ; ) {
      const run = runs().find((r) => r.deployment.run === id);
      const newest = run?.manifests.at(-1);
      if (!run || !newest || newest.calls === last) break;
      last = newest.calls;
      for (const hash of newest.parts) {
        if (isActive(run) || !(await backplane.hasBlob(hash))) await readThrough(backplane, hash);
      }
    }
  }
}

async function readThrough(backplane: Backplane, hash: string): Promise<void> {
  const source = await backplane.readBlob(hash);
  if (!source) return;
  try {
    while (await source.next());
  } finally {
    await source.close();
  }
}
