/** Expressions evaluated sample by sample, straight from the operator table: what lowering with a batch must equal. */
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { type Expr, sizeOf } from '../../compiler/operators/expr.ts';
import type { ReferenceTensor } from '../../compiler/operators/operator.ts';
import { operators } from '../../compiler/operators/table.ts';

export function evaluateDirectly(expr: Expr, leaf: (name: string) => ReferenceTensor): ReferenceTensor {
  if (expr.kind === 'constant') return { shape: [], data: Float64Array.of(expr.value) };
  if (expr.kind === 'leaf') return leaf(expr.name);
  const args = expr.args.map((a) => evaluateDirectly(a, leaf));
  return { shape: expr.shape, data: operators[expr.op].reference(args, expr.attributes, expr.shape) };
}

function stateOf(owner: Graph['nodes' | 'links'][number], name: string): string {
  return owner.weights.find((w) => w.name === name)?.shared ?? `${owner.name}.${name}`;
}

/** Energy of each predicted node, summed over the samples; nothing is masked. */
export function energiesDirectly(
  graph: Graph,
  batch: number,
  state: (id: string) => Float64Array,
): Map<string, number> {
  const energies = new Map<string, number>();
  for (let sample = 0; sample < batch; sample++) {
    const z = (name: string): ReferenceTensor => {
      const shape = graph.nodes.find((n) => n.name === name)?.shape ?? [];
      const size = sizeOf(shape);
      return { shape, data: state(`z.${name}`).slice(sample * size, (sample + 1) * size) };
    };
    for (const node of graph.nodes) {
      const mu = new Float64Array(sizeOf(node.shape));
      const links = graph.links.filter((l) => l.target === node.name);
      for (const link of links) {
        const source = graph.nodes.find((n) => n.name === link.source);
        if (!source) throw new Error(`no node ${link.source}`);
        const read = (owner: typeof source | typeof link, given: Record<string, ReferenceTensor>) => (name: string) =>
          given[name] ?? {
            shape: owner.weights.find((w) => w.name === name)?.shape ?? [],
            data: state(stateOf(owner, name)),
          };
        const activated = evaluateDirectly(source.activation, read(source, { z: z(source.name) }));
        const part = evaluateDirectly(link.body, read(link, { source: activated }));
        part.data.forEach((v, i) => {
          mu[i] = (mu[i] as number) + v;
        });
      }
      if (links.length === 0) continue;
      const given: Record<string, ReferenceTensor> = { z: z(node.name), mu: { shape: node.shape, data: mu } };
      const leaf = (name: string): ReferenceTensor =>
        given[name] ?? {
          shape: node.weights.find((w) => w.name === name)?.shape ?? [],
          data: state(stateOf(node, name)),
        };
      const energy = evaluateDirectly(node.energy, leaf).data.reduce((a, b) => a + b, 0);
      energies.set(node.name, (energies.get(node.name) ?? 0) + energy);
    }
  }
  return energies;
}
