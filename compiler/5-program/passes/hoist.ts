/** Moves out of loops what does not change over the ticks: the prediction of a clamped input, above all. */
import type { Block, Op, ProgramFunction, Scalar } from '../../../spec/program.ts';
import { dependsOn } from '../../../spec/scalars.ts';

export function hoist(f: ProgramFunction): ProgramFunction {
  const blocks: Block[] = [];
  for (const block of f.blocks) {
    if (block.repeat === 1) {
      blocks.push(block);
      continue;
    }
    const { outside, inside, scalarsOutside, scalarsInside } = split(block);
    const before = blocks.pop();
    if (before && before.repeat === 1) {
      blocks.push({ ...before, scalars: [...before.scalars, ...scalarsOutside], ops: [...before.ops, ...outside] });
    } else {
      if (before) blocks.push(before);
      if (outside.length > 0 || scalarsOutside.length > 0)
        blocks.push({
          name: `before-${block.name}`,
          repeat: 1,
          firstTick: block.firstTick,
          carries: [],
          scalars: scalarsOutside,
          ops: outside,
        });
    }
    blocks.push({ ...block, ops: inside, scalars: scalarsInside });
  }
  return { ...f, blocks };
}

function split(block: Block): { outside: Op[]; inside: Op[]; scalarsOutside: Scalar[]; scalarsInside: Scalar[] } {
  const scalarsInside = block.scalars.filter((s) => dependsOn(s.expr, 'tick'));
  const varying = new Set([...block.carries.map((c) => c.id), ...scalarsInside.map((s) => s.id)]);
  const outside: Op[] = [];
  const inside: Op[] = [];
  for (const op of block.ops) {
    if (op.args.some((a) => varying.has(a))) {
      varying.add(op.id);
      inside.push(op);
    } else outside.push(op);
  }
  return { outside, inside, scalarsOutside: block.scalars.filter((s) => !varying.has(s.id)), scalarsInside };
}
