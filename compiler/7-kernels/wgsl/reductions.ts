/** Reductions along axes, and what is made of them. */
import { type Op, type Shape, sizeOf } from '../../../spec/program.ts';
import { axesOf, axisOf, epsilonOf } from '../../operators/reduction.ts';
import type { FlatOp } from './flat.ts';
import { times, within } from './linear-places.ts';
import type { Combine, Place, Rewrite, WgslLowering } from './lowering.ts';

interface Run {
  readonly reduced: boolean;
  size: number;
}

/** Neighbouring axes that are all reduced, or all kept, as one; the last first. */
function runsOf(shape: Shape, axes: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    const reduced = axes.includes(axis);
    const last = runs.at(-1);
    if (last?.reduced === reduced) last.size *= size;
    else if (size !== 1) runs.push({ reduced, size });
  }
  return runs;
}

/** The linear place of term `r` of the result's element `at`. */
function termPlace({ w, at }: Place, r: string, runs: readonly Run[]): string {
  const parts: string[] = [];
  const last = { kept: runs.filter((run) => !run.reduced).at(-1), reduced: runs.filter((run) => run.reduced).at(-1) };
  let stride = 1;
  let kept = 1;
  let reduced = 1;
  for (const run of runs) {
    const size = run === last.kept || run === last.reduced ? undefined : run.size;
    if (run.reduced) {
      parts.push(times(w, within(w, r, reduced, size), stride));
      reduced *= run.size;
    } else {
      parts.push(times(w, within(w, at, kept, size), stride));
      kept *= run.size;
    }
    stride *= run.size;
  }
  return parts.length === 0 ? '0u' : w.let('p', parts.reverse().join(' + '));
}

function along(combine: Combine, axesOfOp: (op: FlatOp, rank: number) => readonly number[]): WgslLowering {
  return {
    kind: 'reduction',
    claims: true,
    plan: (op) => {
      const shape = op.uses[0]?.shape ?? [];
      const axes = axesOfOp(op, shape.length);
      const runs = runsOf(shape, axes);
      return {
        combine,
        count: sizeOf(axes.map((axis) => shape[axis] ?? 1)),
        byColumns: runs[0]?.reduced === false,
        term: (place, r) => place.load(0, termPlace(place, r, runs)),
      };
    },
  };
}

const overAxes = (combine: Combine): WgslLowering => along(combine, (op, rank) => axesOf(op.attributes, rank));

/** The largest element of each row, and the row with it taken away: exp of that never overflows. */
function lowered(op: Op, emit: Rewrite): { x: string; axes: number[]; keep: Shape } {
  const [x = ''] = op.args;
  const axis = axisOf(op.attributes, op.shape.length);
  const keep = op.shape.map((n, i) => (i === axis ? 1 : n));
  const top = emit.op('amax', [x], { axes: [axis], keep: true }, keep);
  return { x: emit.op('sub', [x, top], {}, op.shape), axes: [axis], keep };
}

function softmax(op: Op, emit: Rewrite): string {
  const { x, axes, keep } = lowered(op, emit);
  const e = emit.op('exp', [x], {}, op.shape);
  return emit.op('div', [e, emit.op('sum', [e], { axes, keep: true }, keep)], {}, op.shape);
}

function logSoftmax(op: Op, emit: Rewrite): string {
  const { x, axes, keep } = lowered(op, emit);
  const total = emit.op('sum', [emit.op('exp', [x], {}, op.shape)], { axes, keep: true }, keep);
  return emit.op('sub', [x, emit.op('log', [total], {}, keep)], {}, op.shape);
}

function layerNorm(op: Op, emit: Rewrite): string {
  const [x = ''] = op.args;
  const axes = [op.shape.length - 1];
  const keep = op.shape.map((n, i) => (i === axes[0] ? 1 : n));
  const mean = (value: string): string => emit.op('mean', [value], { axes, keep: true }, keep);
  const centred = emit.op('sub', [x, mean(x)], {}, op.shape);
  const variance = mean(emit.op('square', [centred], {}, op.shape));
  const safe = emit.op('add', [variance, emit.constant(epsilonOf(op.attributes))], {}, keep);
  return emit.op('div', [centred, emit.op('sqrt', [safe], {}, keep)], {}, op.shape);
}

export const reductionLowerings = {
  sum: overAxes('sum'),
  mean: overAxes('mean'),
  amax: overAxes('max'),
  argmax: along('argmax', (op, rank) => [axisOf(op.attributes, rank)]),
  softmax: { kind: 'rewrite', write: softmax },
  log_softmax: { kind: 'rewrite', write: logSoftmax },
  layer_norm: { kind: 'rewrite', write: layerNorm },
} satisfies Record<string, WgslLowering>;
