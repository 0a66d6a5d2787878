/** The steps from a function of a program to its kernels and dispatches, in order. */
import { choosePlaces } from './choose-places.ts';
import { clusters } from './clusters.ts';
import { dispatchKernels } from './dispatch.ts';
import { flatten } from './flatten.ts';
import type { Clustered, Flattened, Grouped, InRuns, Laid, Source } from './forms.ts';
import { grouped } from './group.ts';
import { withHalves } from './halves.ts';
import { layOut } from './lay-out.ts';
import { Parts } from './parts.ts';
import { persistentRuns } from './persistent-runs.ts';
import { StepChain } from './step-chain.ts';
import { writeRuns } from './write-runs.ts';

const flattened = (form: Source): Flattened => ({ ...form, flat: flatten(form.program, form.f) });

const halved = (form: Flattened): Flattened =>
  form.target.precision === 'f16-weights' ? { ...form, flat: withHalves(form.flat, form.program) } : form;

function clustered(form: Flattened): Clustered {
  const parts = new Parts(form.flat, form.target.bound);
  return { ...form, parts, clusters: clusters(form.flat, parts) };
}

const launched = (form: Clustered): Grouped => ({ ...form, launches: grouped(form.clusters) });

const inRuns = (form: Laid): InRuns => ({
  ...form,
  runs: persistentRuns(form.launches, form.parts, form.target.small),
});

export const lowering = StepChain.from<Source>()
  .step('flatten', 'all ticks written out, views resolved, operators that are several kernels taken apart', flattened)
  .step('halves', 'copies in half precision of the weights that many products read', halved)
  .step('clusters', 'operations that one kernel carries out', clustered)
  .step('groups', 'products that go to the device in one launch', launched)
  .step('place', 'where every value lies, and which arenas all kernels bind', layOut)
  .step('persistent-runs', 'neighbouring small launches that one group of threads carries out', inRuns)
  .step('write', 'the text of every kernel', writeRuns)
  .step('choose-places', 'places in the text of kernels where few pipelines come of it', choosePlaces)
  .step('dispatch', 'a dispatch for each kernel, and the modules that they share', dispatchKernels);
