/** Small networks built by hand, for tests that should not depend on the language. */
import type { Definition } from '../../compiler/1-syntax/ast.ts';
import type {
  CallValue,
  ClampInstance,
  DataReference,
  OptimizerInstance,
  TrainTask,
} from '../../compiler/3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, constant, type Expr, leaf, type Shape } from '../../compiler/operators/expr.ts';
import type { DeviceSession, FieldData } from '../../runtime/device/device.ts';
import { initialValues } from '../../spec/initialise.ts';
import type { Program, ProgramFunction } from '../../spec/program.ts';
import { memberStates, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';

const span = { file: 'test.pcn', start: 0, end: 0 };

export function gaussianNode(name: string, shape: Shape, activation: (z: Expr) => Expr = (z) => z): GraphNode {
  const error = apply('sub', [leaf('z', shape), leaf('mu', shape)]);
  return {
    name,
    role: 'node',
    shape,
    activation: activation(leaf('z', shape)),
    energy: apply('mul', [constant(0.5), apply('square', [error])]),
    energyKind: 'gaussian',
    clampedOnly: false,
    weights: [],
    start: { kind: 'constant', value: 0 },
    prior: 'zero',
  };
}

/** The same node without an energy: its values are its prediction. */
export function exactly(node: GraphNode): GraphNode {
  return { ...node, energy: constant(0), energyKind: 'exact', value: leaf('mu', node.shape) };
}

export function denseLink(
  source: string,
  target: string,
  n: number,
  m: number,
  after: (u: Expr) => Expr = (u) => u,
  bias = true,
): GraphLink {
  const row = apply('reshape', [leaf('source', [n])], { shape: [1, n] });
  const product = apply('matmul', [row, apply('transpose', [leaf('w', [m, n], false)])]);
  const flat = apply('reshape', [product], { shape: [m] });
  const u = bias ? apply('add', [flat, leaf('c', [m], false)]) : flat;
  const bound = 1 / Math.sqrt(n);
  const weights = [{ name: 'w', shape: [m, n], init: { kind: 'uniform', bound } as const }];
  return {
    name: `${source}->${target}`,
    source,
    target,
    delay: 0,
    body: after(u),
    weights: bias ? [...weights, { name: 'c', shape: [m], init: { kind: 'uniform', bound } }] : weights,
  };
}

export interface ChainOptions {
  /** Activation of hidden values (convention A). */
  readonly act?: (z: Expr) => Expr;
  /** Activation behind hidden links (convention B). */
  readonly after?: (u: Expr) => Expr;
  readonly bias?: boolean;
}

/** n0 -> l1 -> … -> l(L), with gaussian energies. */
export function chain(dims: readonly number[], options: ChainOptions = {}): Graph {
  const last = dims.length - 1;
  const nodes = dims.map((d, i) => gaussianNode(`l${i}`, [d], i > 0 && i < last ? options.act : undefined));
  const links = dims
    .slice(1)
    .map((d, i) =>
      denseLink(`l${i}`, `l${i + 1}`, dims[i] as number, d, i + 1 < last ? options.after : undefined, options.bias),
    );
  return { name: 'chain', nodes, links };
}

export const tanh = (x: Expr): Expr => apply('tanh', [x]);

export function call(name: string, args: CallValue['arguments'] = {}): CallValue {
  const definition: Definition = {
    kind: 'definition',
    what: 'method',
    name: { text: name, span },
    parameters: [],
    body: [],
    doc: '',
    span,
  };
  return { kind: 'call', definition, name, arguments: args, span };
}

export function sgd(rate: number): OptimizerInstance {
  const step = apply('mul', [leaf('rate', [], false), leaf('gradient', [], false)]);
  return {
    name: 'sgd',
    rate: constant(rate),
    states: [],
    nextStates: [],
    nextWeight: apply('sub', [leaf('weight', [], false), step]),
  };
}

export interface TaskOptions {
  readonly method: CallValue;
  readonly batch: number;
  readonly optimizer?: OptimizerInstance;
  /** Clamped nodes; each reads a field of its own name. */
  readonly clamped: readonly string[];
}

export function trainTask(graph: Graph, options: TaskOptions): TrainTask {
  const fields = options.clamped.map((name) => ({
    name,
    type: 'f32' as const,
    shape: graph.nodes.find((n) => n.name === name)?.shape ?? [],
  }));
  const data: DataReference = { source: 'test', split: 'train', fields, options: {}, span };
  const clamps: ClampInstance[] = fields.map((f) => ({ node: f.name, value: leaf(`sample.${f.name}`, f.shape), span }));
  return {
    kind: 'train',
    name: 'test',
    model: { name: graph.name, parameters: {}, nodes: [], links: [], span },
    data,
    clamps,
    method: options.method,
    optimizer: options.optimizer ?? sgd(0.1),
    replicas: 1,
    batch: options.batch,
    epochs: 1,
    span,
  };
}

/** Normal numbers for every input of a function. */
export function randomInputs(f: ProgramFunction, seed: number): Record<string, FieldData> {
  const inputs: Record<string, FieldData> = {};
  for (const input of f.inputs) {
    const rng = stream(seed, `input/${input.field}`);
    inputs[input.field] = Float32Array.from({ length: sizeOf(input.shape) }, (_, i) => rng.normal(i));
  }
  return inputs;
}

/** Sets every parameter and every other state to its initial value, in f64. */
export async function initialise(session: DeviceSession, program: Program, seed: number): Promise<void> {
  for (const state of program.states) {
    if (
      memberStates(state).some(
        ({ init: { kind } }) => kind === 'entries' || kind === 'connections' || kind === 'thinned',
      )
    ) {
      // Which connections exist: anything else in there would be two in one place.
      await session.write(state.id, initialValues(state, seed));
      continue;
    }
    const rng = stream(seed, state.id);
    const { init } = state;
    const draw = (i: number): number => {
      if (init.kind === 'uniform') return (2 * rng.uniform(i) - 1) * init.bound;
      if (init.kind === 'normal') return rng.normal(i) * init.std;
      return init.kind === 'constant' ? init.value : 0;
    };
    await session.write(
      state.id,
      Float64Array.from({ length: sizeOf(state.shape) }, (_, i) => draw(i)),
    );
  }
}

export async function readParameters(session: DeviceSession, program: Program): Promise<Map<string, Float64Array>> {
  const found = new Map<string, Float64Array>();
  for (const s of program.states)
    if (s.role === 'parameter') found.set(s.id, Float64Array.from(await session.read(s.id)));
  return found;
}

/** |a - b| / |b| (Frobenius). */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2;
    size += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference / Math.max(size, 1e-300));
}
