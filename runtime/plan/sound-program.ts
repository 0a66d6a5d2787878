/**
 * A program read from a stranger's text: whether its numbers are numbers and its sizes can be. That operations and
 * shapes fit together is for the compiler's `verify` to say; this comes first, so that nothing absurd is computed with.
 */
import { gradientName } from '../../spec/names.ts';
import type { Block, Input, Program, ProgramFunction, State } from '../../spec/program.ts';
import { isScalar } from './sound-scalar.ts';
import { elements, isCount, shapeProblem } from './sound-shape.ts';
import { stateProblem } from './sound-states.ts';

const BYTES = 4;
/** Attributes name pages too: one number for each link of an array. */
const MAX_PAGES = 1_000_000;
const MAX_REPEATS = 1_000_000;
/** A batch of a field is held by the feed, not by the plan's count of memory. */
const MAX_INPUT_ELEMENTS = 2 ** 30;

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
    if (names.has(f.name)) return `function ${f.name} occurs twice`;
    names.add(f.name);
    const problem = functionProblem(f, program.states, memory);
    if (problem !== undefined) return `function ${f.name}: ${problem}`;
  }
  return undefined;
}

/** Lanes of a batch hand over gradients of whole weights, not samples. */
function isGradient(input: Input, states: readonly State[]): boolean {
  const weight = states.find((s) => s.role === 'parameter' && input.field === gradientName(s.id));
  return weight !== undefined && String(weight.shape) === String(input.shape);
}

function functionProblem(f: ProgramFunction, states: readonly State[], memory: number): string | undefined {
  if (!isCount(f.batch)) return `a batch of ${f.batch}`;
  for (const input of f.inputs) {
    const problem = shapeProblem(input.shape);
    if (problem !== undefined) return `input ${input.id} ${problem}`;
    // What another function of the shard has made is as large as it is: shapes of values are checked where it is made.
    if (!isGradient(input, states) && input.id !== input.field && input.shape[0] !== f.batch)
      return `input ${input.id} is not a batch of ${f.batch}`;
    if (elements(input.shape) > MAX_INPUT_ELEMENTS) return `input ${input.id} is too large`;
  }
  for (const block of f.blocks) {
    const problem = blockProblem(block, memory);
    if (problem !== undefined) return `block ${block.name}: ${problem}`;
  }
  return undefined;
}

function blockProblem(block: Block, memory: number): string | undefined {
  if (!(isCount(block.repeat) && block.repeat <= MAX_REPEATS)) return `repeats ${block.repeat} times`;
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

function isAttribute(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= MAX_PAGES && value.every((n) => Number.isSafeInteger(n));
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
}
