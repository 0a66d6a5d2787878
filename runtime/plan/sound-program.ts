/**
 * A program read from a stranger's text: whether its numbers are numbers and its sizes can be. That operations and
 * shapes fit together is for the compiler's `verify` to say; this comes first, so that nothing absurd is computed with.
 */
import { gradientName } from '../../spec/lanes.ts';
import type {
  Block,
  Initializer,
  Input,
  Program,
  ProgramFunction,
  ScalarExpr,
  Shape,
  State,
} from '../../spec/program.ts';
import { isScalarFunction } from '../../spec/scalars.ts';

const BYTES = 4;
const MOST_AXES = 16;
/** Attributes name pages too: one number for each link of an array. */
const MOST_PAGES = 1_000_000;
const MOST_ELEMENTS = 2 ** 45;
const MOST_REPEATS = 1_000_000;
/** A batch of a field is held by the feed, not by the plan's count of memory. */
const MOST_INPUT_ELEMENTS = 2 ** 30;
const ROLES = ['parameter', 'optimizer', 'statistic', 'memory', 'value', 'sum'];

/**
 * @param memory bytes that the plan says its values and states need
 * @returns what is wrong, or nothing
 */
export function programProblem(program: Program, memory: number): string | undefined {
  let bytes = 0;
  for (const state of program.states) {
    const problem = stateProblem(state);
    if (problem !== undefined) return `state ${state.id} ${problem}`;
    bytes += elements(state.shape) * BYTES;
  }
  if (bytes > memory) return `its states need ${bytes} bytes, but the plan says ${memory} for everything`;
  const names = new Set<string>();
  for (const f of program.functions) {
    if (names.has(f.name)) return `function ${f.name} is there twice`;
    names.add(f.name);
    const problem = functionProblem(f, program.states, memory);
    if (problem !== undefined) return `function ${f.name}: ${problem}`;
  }
  return undefined;
}

function stateProblem(state: State): string | undefined {
  if (!ROLES.includes(state.role)) return `has the unknown role ${state.role}`;
  return shapeProblem(state.shape) ?? sliceProblem(state) ?? initProblem(state.init);
}

/** A tile has to lie within its whole, which is as large as the tile but for the cut axes, of which there are two at most. */
function sliceProblem({ shape, slice }: State): string | undefined {
  if (slice === undefined) return undefined;
  if (typeof slice !== 'object' || slice === null || typeof slice.of !== 'string' || !Array.isArray(slice.shape))
    return 'is a tile of nothing';
  const { axis, from, groups = 1, across } = slice;
  const problem = shapeProblem(slice.shape);
  if (problem !== undefined) return problem;
  const [own, all] = [shape[axis], slice.shape[axis]];
  const second = across === undefined ? undefined : across?.axis;
  if (across !== undefined && !(groups === 1 && second !== axis && liesAcross(shape, slice.shape, across)))
    return `is no tile of ${slice.of}`;
  const inside =
    own !== undefined &&
    all !== undefined &&
    [from, groups, own / groups, all / groups].every((n) => Number.isSafeInteger(n) && n >= 0) &&
    from + own / groups <= all / groups &&
    shape.length === slice.shape.length &&
    shape.every((n, i) => i === axis || i === second || n === slice.shape[i]);
  return inside ? undefined : `is no tile of ${slice.of}`;
}

function liesAcross(
  shape: Shape,
  whole: Shape,
  across: { readonly axis: number; readonly from: number } | null,
): boolean {
  if (typeof across !== 'object' || across === null) return false;
  const [own, all] = [shape[across.axis], whole[across.axis]];
  const sound = own !== undefined && all !== undefined && Number.isSafeInteger(across.from) && across.from >= 0;
  return sound && across.from + own <= all;
}

function initProblem(init: Initializer): string | undefined {
  if (typeof init !== 'object' || init === null) return 'begins with nothing';
  switch (init.kind) {
    case 'constant':
      return numberProblem(init.value);
    case 'uniform':
      return numberProblem(init.bound);
    case 'normal':
      return numberProblem(init.std);
    case 'identity':
      return numberProblem(init.scale);
    case 'statistic':
      return typeof init.field === 'string' && (init.what === 'mean' || init.what === 'scale')
        ? undefined
        : 'is a statistic of nothing';
    case 'thinned':
      return typeof init.sparsity === 'object' && init.sparsity !== null && init.of?.kind !== 'thinned'
        ? initProblem(init.of)
        : 'is drawn from nothing';
    case 'connections':
    case 'entries':
      return typeof init.sparsity === 'object' && init.sparsity !== null ? undefined : 'is drawn from nothing';
    default:
      return 'begins in an unknown way';
  }
}

/** Lanes of a batch hand over gradients of whole weights, not samples. */
function isGradient(input: Input, states: readonly State[]): boolean {
  const weight = states.find((s) => s.role === 'parameter' && input.field === gradientName(s.id));
  return weight !== undefined && String(weight.shape) === String(input.shape);
}

function numberProblem(value: unknown): string | undefined {
  return typeof value === 'number' ? undefined : 'begins with something that is no number';
}

function functionProblem(f: ProgramFunction, states: readonly State[], memory: number): string | undefined {
  if (!isCount(f.batch)) return `a batch of ${f.batch}`;
  for (const input of f.inputs) {
    const problem = shapeProblem(input.shape);
    if (problem !== undefined) return `input ${input.id} ${problem}`;
    // What another function of the shard has made is as large as it is: shapes of values are checked where it is made.
    if (!isGradient(input, states) && input.id !== input.field && input.shape[0] !== f.batch)
      return `input ${input.id} is not a batch of ${f.batch}`;
    if (elements(input.shape) > MOST_INPUT_ELEMENTS) return `input ${input.id} is too large`;
  }
  for (const block of f.blocks) {
    const problem = blockProblem(block, memory);
    if (problem !== undefined) return `block ${block.name}: ${problem}`;
  }
  return undefined;
}

function blockProblem(block: Block, memory: number): string | undefined {
  if (!(isCount(block.repeat) && block.repeat <= MOST_REPEATS)) return `repeats ${block.repeat} times`;
  if (!Number.isSafeInteger(block.firstTick)) return `begins with tick ${block.firstTick}`;
  for (const { id, expr } of block.scalars) if (!isScalar(expr)) return `scalar ${id} is made by an unknown function`;
  for (const { id, shape } of [...block.carries, ...block.ops]) {
    const problem = shapeProblem(shape);
    if (problem !== undefined) return `${id} ${problem}`;
    if (elements(shape) * BYTES > memory)
      return `${id} needs ${elements(shape) * BYTES} bytes, but the plan says ${memory} for everything`;
  }
  for (const { id, op, attributes } of block.ops) {
    for (const value of Object.values(attributes))
      if (!isAttribute(value)) return `${id} = ${op}(…) has no sound attributes`;
    if (op === 'constant' && typeof attributes.value !== 'number') return `${id} is a constant without a value`;
  }
  return undefined;
}

function isScalar(expr: ScalarExpr): boolean {
  return typeof expr !== 'object' || (isScalarFunction(expr.op) && expr.args.every(isScalar));
}

function isAttribute(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= MOST_PAGES && value.every((n) => Number.isSafeInteger(n));
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
}

function shapeProblem(shape: Shape): string | undefined {
  if (!Array.isArray(shape) || shape.length > MOST_AXES || !shape.every(isCount)) return 'has no sound shape';
  return elements(shape) > MOST_ELEMENTS ? 'is too large for any machine' : undefined;
}

/** May be beyond 2^53, which only makes it too large. */
function elements(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

function isCount(n: unknown): boolean {
  return Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) <= 2 ** 31;
}
