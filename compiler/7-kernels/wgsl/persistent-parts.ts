/** The text of a persistent kernel: a function for each form of step, and `main`, which calls them. */
import { type KernelPart, type KernelStep, stepWords } from '../../../spec/kernels.ts';
import type { Cluster } from './cluster.ts';
import type { FlatOp } from './flat.ts';
import { placeOf, writeElement, writeFinish } from './kernel.ts';
import type { Reduction } from './lowering.ts';
import { loweringOf } from './operators.ts';
import { writeSum } from './product.ts';
import { sidesOf } from './product-sides.ts';
import { declareParts, lanesFor, writeElements } from './reduce.ts';
import type { Stretch } from './repeats.ts';
import type { ModuleWriter } from './writer.ts';

/** A kernel as a function that all threads of one group call: the elements of its result in turns. */
export function writePart(w: ModuleWriter, cluster: Cluster, threads: number): void {
  const { anchor } = cluster;
  const lowering = anchor && loweringOf(anchor.op);
  const begin = w.lines.length;
  if (anchor && lowering?.kind === 'reduction') writeReduction(w, cluster, anchor, lowering.plan(anchor), threads);
  else if (anchor && lowering?.kind === 'product') writeProduct(w, cluster, anchor, threads);
  else inTurns(w, cluster, threads, () => writeElement(w, cluster));
  if (lowering?.kind !== 'pack') writeFinish(w, cluster);
  const places = w.tensors.map((t) => `${t.name}: u32`).join(', ');
  w.lines.splice(begin, 0, `struct Places${w.part} { ${places} }`);
}

const headOf = (w: ModuleWriter): string => `fn step${w.part}(${w.takesPlaces}thread: u32)`;

function inTurns(w: ModuleWriter, { elements }: Cluster, threads: number, each: () => void): void {
  w.block(headOf(w), () => {
    w.block(`for (var at = thread; at < ${w.size(elements)}; at += ${threads}u)`, each);
  });
}

/** Without tiles: each thread works out one element at a time, straight from memory. */
function writeProduct(w: ModuleWriter, cluster: Cluster, anchor: FlatOp, threads: number): void {
  const { sides, begin } = sidesOf(w, anchor);
  const { rows, columns, paged } = sides;
  inTurns(w, cluster, threads, () => {
    begin(`at / (${rows} * ${columns})`);
    w.line(`let row = at / ${columns}${paged ? ` % ${rows}` : ''};`);
    w.line(`let column = at % ${columns};`);
    writeSum(w, sides);
    w.line(`finish${w.part}(places, at, sum);`);
  });
}

function writeReduction(w: ModuleWriter, cluster: Cluster, anchor: FlatOp, plan: Reduction, threads: number): void {
  const { elements } = cluster;
  const lanes = lanesFor(elements, plan.count);
  declareParts(w, plan, lanes, threads);
  w.block(headOf(w), () => {
    w.block(`for (var group = 0u; group * ${threads / lanes}u < ${w.size(elements)}; group++)`, () => {
      writeElements(w, plan, { elements, lanes, threads, first: 'group' }, (at) => placeOf(w, cluster, anchor, at));
      // The memory of the parts is used again.
      if (lanes > 1) w.line('workgroupBarrier();');
    });
  });
}

/** All threads take the same way through it. */
export function writeMain(
  w: ModuleWriter,
  parts: readonly KernelPart[],
  steps: readonly KernelStep[],
  stretches: readonly Stretch[],
  threads: number,
): void {
  const places = Array.from({ length: stepWords({ parts }) }, (_, i) => `place${i}`);
  w.line('// where the tensors of each step begin');
  w.line(`struct Step { @align(16) ${places.map((p) => `${p}: u32`).join(', ')} }`);
  w.line(`@group(1) @binding(0) var<uniform> steps: array<Step, ${steps.length}>;`);
  const tensors = new Map(parts.map((p) => [p.name, p.tensors.length]));
  const call = (i: number, at: string): void => {
    const { part = '', waits = false } = steps[i] ?? {};
    const given = places.slice(0, tensors.get(part)).map((place) => `steps[${at}].${place}`);
    if (waits) w.line('storageBarrier();');
    w.line(`step_${part}(Places_${part}(${given.join(', ')}), thread);`);
  };
  w.line(`@compute @workgroup_size(${threads})`);
  w.block('fn main(@builtin(local_invocation_index) thread: u32)', () => {
    for (const { first, period, times } of stretches) {
      const each = (at: (i: number) => string): void => {
        for (let i = 0; i < period; i++) call(first + i, at(i));
      };
      if (times === 1) each((i) => `${first + i}`);
      else
        w.block(`for (var at = ${first}u; at < ${first + period * times}u; at += ${period}u)`, () => {
          each((i) => (i === 0 ? 'at' : `at + ${i}u`));
        });
    }
  });
}
