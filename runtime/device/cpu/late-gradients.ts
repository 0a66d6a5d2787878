/**
 * Gradients of large weights are made tile by tile, each tile as soon as the kernels of the one before it are through,
 * in memory that all of them share. The product that makes one becomes a graph of its own: the same operation on the
 * same values, for some rows of the result.
 */
import onnxProto from 'onnx-proto';
import { type CpuManifest, gradientTiles, LARGE_GRADIENT_BYTES } from '../../../spec/cpu-manifest.ts';
import type { Shape } from '../../../spec/program.ts';
import { largeGradients } from './large-gradients.ts';
import { type SplitGraph, TILE_BEGIN, TILE_END } from './split-graph.ts';

const { onnx } = onnxProto;

type Model = InstanceType<typeof onnx.ModelProto>;
type Node = NonNullable<NonNullable<Model['graph']>['node']>[number];

/** A larger graph is not taken apart: that would take long, and it is not a graph of one large product. */
const MAX_GRAPH_BYTES = 4 * 1024 * 1024;

/**
 * @param least bytes of a gradient that is made late, and of one of its tiles
 * @returns nothing where there is none of these
 */
export function splitGraph(
  graph: Uint8Array,
  manifest: CpuManifest,
  least = LARGE_GRADIENT_BYTES,
): SplitGraph | undefined {
  const wanted = largeGradients(manifest, least);
  if (wanted.size === 0 || graph.length > MAX_GRAPH_BYTES) return undefined;
  const model = onnx.ModelProto.decode(graph);
  const nodes = model.graph?.node ?? [];
  const products = nodes.filter((node) => wanted.has(node.output?.[0] ?? '') && isAlone(node, nodes, manifest));
  if (products.length === 0) return undefined;
  return split(model, products, wanted, least);
}

/**
 * A product whose result the graph does not read, and whose sides are neither states, which kernels change meanwhile, nor
 * something that the product takes into itself.
 */
function isAlone(node: Node, nodes: readonly Node[], { states, graphNames }: CpuManifest): boolean {
  const [output = ''] = node.output ?? [];
  const sides = node.input ?? [];
  const stateNames = new Set(states.map((id) => graphNames?.[id] ?? id));
  return (
    node.opType === 'Gemm' &&
    sides.length === 2 &&
    !nodes.some((n) => n.input?.includes(output)) &&
    !sides.some((side) => stateNames.has(side)) &&
    !nodes.some((n) => n.opType === 'Transpose' && sides.includes(n.output?.[0] ?? ''))
  );
}

function split(
  model: Model,
  products: readonly Node[],
  shapes: ReadonlyMap<string, Shape>,
  tileBytes: number,
): SplitGraph {
  const graph = model.graph;
  const { input = [], output = [], initializer = [], node = [] } = graph ?? {};
  const inputs = new Map((input ?? []).map((i) => [i.name ?? '', i]));
  const constants = new Map((initializer ?? []).map((i) => [i.name ?? '', i]));
  const names = new Set(products.map((p) => p.output?.[0] ?? ''));
  const read = [...new Set(products.flatMap((p) => p.input ?? []))];
  const kept = (output ?? []).filter((o) => !names.has(o.name ?? ''));
  const outputs = new Set(kept.map((o) => o.name ?? ''));
  const handed = read.filter((name) => !inputs.has(name) && !constants.has(name) && !outputs.has(name));
  const encode = (parts: object): Uint8Array =>
    onnx.ModelProto.encode({ ...model, graph: { ...graph, ...parts } }).finish();
  const rest = { node: (node ?? []).filter((n) => !products.includes(n)), output: [...kept, ...handed.map(floats)] };
  return {
    graph: rest.output.length > 0 ? encode(rest) : undefined,
    handed,
    late: products.map((product) => {
      const [name = ''] = product.output ?? [];
      const sides = [...new Set(product.input ?? [])];
      const own = sides.filter((side) => !constants.has(side));
      const shape = shapes.get(name) ?? [];
      return {
        output: name,
        shape,
        inputs: own,
        tiles: gradientTiles(shape, tileBytes),
        graph: encode({
          node: tiled(product),
          input: [
            ...own.map((side) => inputs.get(side) ?? floats(side)),
            ...[TILE_BEGIN, TILE_END].map((bound) => typed(bound, onnx.TensorProto.DataType.INT64)),
          ],
          output: [floats(name)],
          initializer: [...sides.flatMap((side) => constants.get(side) ?? []), ROWS_OF_LEFT[axisOfRows(product)]],
          valueInfo: [],
        }),
      };
    }),
  };
}

const LEFT = 'tile:left';
const AXIS = 'tile:axis';
const ROWS_OF_LEFT = [0, 1].map((axis) => ({
  name: AXIS,
  dataType: onnx.TensorProto.DataType.INT64,
  dims: [1],
  int64Data: [axis],
}));

/** The axis of the product's left side that the rows of the result are of. */
function axisOfRows({ attribute }: Node): 0 | 1 {
  return attribute?.some((a) => a.name === 'transA' && Number(a.i) === 1) ? 1 : 0;
}

/** The product of some rows alone. */
function tiled(product: Node): object[] {
  const [left = '', ...others] = product.input ?? [];
  return [
    { opType: 'Slice', input: [left, TILE_BEGIN, TILE_END, AXIS], output: [LEFT] },
    { ...product, input: [LEFT, ...others] },
  ];
}

/** A value of the graph, of whatever shape it has there. */
function floats(name: string): object {
  return typed(name, onnx.TensorProto.DataType.FLOAT);
}

function typed(name: string, elemType: number): object {
  return { name, type: { tensorType: { elemType } } };
}
