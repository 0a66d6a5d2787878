/** The parameter of a model that says how wide its nodes are, where it is one. */
import type { ModelInstance } from '../../../compiler/3-check/checked.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { WidthParameter } from '../planning/plan-rate.ts';

/** @returns nothing where none is the width of a node, or several are */
export function widthParameterOf({
  parameters,
  nodes,
}: Pick<ModelInstance, 'parameters' | 'nodes'>): WidthParameter | undefined {
  const widths = new Set(nodes.filter(({ role }) => role === 'node').map(({ shape }) => sizeOf(shape)));
  const found = Object.entries(parameters).flatMap(([name, value]) =>
    typeof value === 'number' && widths.has(value) ? [{ name, value }] : [],
  );
  return found.length === 1 ? found[0] : undefined;
}
