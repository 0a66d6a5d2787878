/** Noise that is drawn while values settle becomes inputs, one for each draw: other programs draw it as they like. */
import { plainName, publicMemoryName } from '../../spec/names.ts';
import type { Input, Op, ProgramFunction, ScalarExpr, Shape } from '../../spec/program.ts';
import { normalAt } from '../../spec/random.ts';
import { evaluateScalar } from '../../spec/scalars.ts';

export interface Draw {
  readonly key: ScalarExpr;
  readonly tick: number;
  /** Of all samples. */
  readonly shape: Shape;
}

export interface OpenDraws {
  /** With an input in the place of each draw. */
  readonly f: ProgramFunction;
  readonly kept: readonly { readonly input: string; readonly draw: Draw }[];
}

/** @param f in which every tick is written out */
export function drawsAsInputs(f: ProgramFunction): OpenDraws {
  const kept: OpenDraws['kept'][number][] = [];
  const inputs: Input[] = [];
  const taken = new Set<string>();
  const constants = new Map(
    f.blocks.flatMap((b) =>
      b.ops.flatMap((op): [string, number][] => (op.op === 'constant' ? [[op.id, op.attributes.value as number]] : [])),
    ),
  );
  const blocks = f.blocks.map((block) => {
    const scalars = new Map(block.scalars.map((s) => [s.id, s.expr]));
    const isDraw = (op: Op): boolean => op.op === 'noise';
    for (const op of block.ops.filter(isDraw)) {
      const [, , of = ''] = op.args;
      const key = scalars.get(of) ?? constants.get(of);
      if (key === undefined) throw new Error(`no key for ${op.id}`);
      const input = freeName(
        publicMemoryName({ f: f.name, node: op.origin === undefined ? f.name : plainName(op.origin) }),
        taken,
      );
      inputs.push({ id: op.id, field: input, type: 'f32', shape: op.shape });
      kept.push({ input, draw: { key, tick: block.firstTick, shape: op.shape } });
    }
    return { ...block, ops: block.ops.filter((op) => !isDraw(op)) };
  });
  return kept.length === 0 ? { f, kept } : { f: { ...f, inputs: [...f.inputs, ...inputs], blocks }, kept };
}

/** The draws that devices make, of the first samples. */
export function drawnValues({ key, tick, shape }: Draw, step: number, samples: number): Float32Array {
  const size = shape.slice(1).reduce((product, n) => product * n, 1);
  const at = evaluateScalar(key, { batch: 0, batches: 1, tick, step });
  return Float32Array.from({ length: samples * size }, (_, i) => normalAt(i % size, Math.floor(i / size), at));
}

/** `noise.h`, `noise.h.1`, `noise.h.2`, … in the order of the ticks. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let i = 1; taken.has(free); i++) free = `${name}.${i}`;
  taken.add(free);
  return free;
}
