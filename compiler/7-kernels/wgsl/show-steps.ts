/** Shows as text what each step of the lowering has changed. */
import type { Dispatch, KernelFunction } from '../../../spec/kernels.ts';
import type { ProgramFunction } from '../../../spec/program.ts';
import type { Cluster } from './cluster.ts';
import type { Flat, FlatOp } from './flat.ts';
import type { ChosenRun, WrittenRun } from './forms.ts';
import type { WrittenKernel } from './kernel.ts';
import type { Run } from './persistent-runs.ts';
import type { Layout } from './place.ts';
import type { StepObserver } from './step-chain.ts';

/** The part that is shown of the forms that steps hand on. */
interface Parts {
  readonly flat: Flat;
  readonly clusters: readonly Cluster[];
  readonly launches: readonly (readonly Cluster[])[];
  readonly layout: Layout;
  readonly runs: readonly (Run | WrittenRun | ChosenRun)[];
}

type Shown = Partial<Parts> & { readonly f?: ProgramFunction };

const PRINTERS: { readonly [K in keyof Parts]: (part: Parts[K]) => readonly string[] } = {
  flat: ({ ops }) => ops.map(showOp),
  clusters: (clusters) => clusters.map(showCluster),
  launches: (launches) => launches.map((launch) => launch.map(showCluster).join('; ')),
  layout: ({ of }) =>
    [...of].map(
      ([name, { parts }]) =>
        `${name} in ${parts.map(({ arena, offset, elements }) => `${arena}[${offset}, ${elements}]`).join(', ')}`,
    ),
  runs: (runs) => runs.flatMap(showRun),
};

/** @param tell called once for each step of each function, with the step's name in the first line */
export function showSteps(tell: (text: string) => void): StepObserver {
  let before: Shown = {};
  return ({ name, what }, made) => {
    const isLast = isFunction(made);
    const now: Shown = isLast ? {} : (made as Shown);
    const of = isLast ? made.name : now.f?.name;
    const changed = isLast ? made.dispatches.map(showDispatch) : changes(before, now);
    before = now;
    const lines = changed.length > 0 ? changed : ['nothing changed'];
    tell([`${of} after ${name}: ${what}`, ...lines.map((line) => `  ${line}`)].join('\n'));
  };
}

function isFunction(made: unknown): made is KernelFunction {
  return typeof made === 'object' && made !== null && 'dispatches' in made;
}

function changes(before: Shown, now: Shown): readonly string[] {
  return (Object.keys(PRINTERS) as (keyof Parts)[]).flatMap((key) => showChange(key, before, now));
}

function showChange<K extends keyof Parts>(key: K, before: Partial<Parts>, now: Partial<Parts>): readonly string[] {
  const part: Parts[K] | undefined = now[key];
  return part === undefined || part === before[key] ? [] : PRINTERS[key](part);
}

function showOp({ id, op, uses, shape }: FlatOp): string {
  return `${id}: [${shape.join(', ')}] = ${op}(${uses.map((use) => use.base).join(', ')})`;
}

function showCluster({ anchor, members, inputs, outputs }: Cluster): string {
  const ops = [...(anchor ? [anchor] : []), ...members].map(({ op }) => op);
  return `${outputs.join(', ')} = ${ops.join(', ')} of ${inputs.join(', ')}`;
}

function showRun(run: Run | WrittenRun | ChosenRun): string[] {
  if ('kernels' in run)
    return run.kernels.map((kernel) => showKernel(kernel, 'places' in run ? run.places : undefined));
  const outputs = run.launches.map((launch) => launch.flatMap((cluster) => cluster.outputs).join(', '));
  return [`${run.persistent ? 'one group of threads' : 'each by itself'}: ${outputs.join('; ')}`];
}

function showKernel({ kind, serves, text }: WrittenKernel, places: string | undefined): string {
  return `${kind} for ${serves}, ${text.split('\n').length} lines${places === undefined ? '' : `, places by ${places}`}`;
}

function showDispatch({ module, groups, serves }: Dispatch): string {
  return `${module} of ${groups.join(' x ')} groups for ${serves}`;
}
