/** The step that writes the text of kernels. */
import type { KernelModule } from '../../../spec/kernels.ts';
import type { Cluster } from './cluster.ts';
import type { InRuns, Laid, Written, WrittenRun } from './forms.ts';
import { type WrittenKernel, writeKernels } from './kernel.ts';
import { writeLaunch } from './launch.ts';
import { regionOf } from './lay-out.ts';
import { writePersistent } from './persistent.ts';
import type { Run } from './persistent-runs.ts';

/** Launches of a persistent run become launches of their own where one kernel cannot bind all that they touch. */
export function writeRuns(form: InRuns): Written {
  const runs = form.runs.map(({ launches, persistent }): WrittenRun => {
    const together = persistent ? writePersistent(launches.flat(), form.flat, form.around, regionOf(form)) : undefined;
    return together
      ? { kernels: together, apart: [] }
      : { kernels: writeApart(form, launches, 'uniform'), apart: launches };
  });
  return { ...form, runs };
}

/** The kernels of launches of their own. */
export function writeApart(form: Laid, launches: Run['launches'], places: KernelModule['places']): WrittenKernel[] {
  return launches.flatMap((launch) => writeAll(form, launch, places));
}

/** One kernel for a launch; one for each of its products where they cannot be together, and for each window. */
function writeAll(
  { flat, around: laid, target: { forms }, parts }: Laid,
  launch: readonly Cluster[],
  places: KernelModule['places'],
): WrittenKernel[] {
  const around = { ...laid, places };
  const together = launch.length > 1 ? writeLaunch(launch, flat, around, forms) : undefined;
  return together
    ? [together]
    : launch.flatMap((cluster) => writeKernels(cluster, flat, around, forms, parts.windowed(cluster)));
}
