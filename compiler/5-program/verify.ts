/** Conditions that every program must satisfy, before and after each pass. A violation is a bug of the compiler. */
import { type Block, type Program, type ProgramFunction, type Shape, sameShape } from '../../spec/program.ts';
import { isOperator, operators } from '../operators/table.ts';

export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

export function verify(program: Program): void {
  const states = new Map<string, Shape>();
  for (const state of program.states) {
    if (states.has(state.id)) throw new ProgramError(`state ${state.id} is declared twice`);
    states.set(state.id, state.shape);
  }
  for (const f of program.functions) verifyFunction(f, states);
}

function verifyFunction(f: ProgramFunction, states: ReadonlyMap<string, Shape>): void {
  const scope = new Map<string, Shape>(states);
  const fail = (what: string): never => {
    throw new ProgramError(`${f.name}: ${what}`);
  };
  const define = (into: Map<string, Shape>, id: string, shape: Shape): void => {
    if (into.has(id)) fail(`${id} is defined twice`);
    into.set(id, shape);
  };
  for (const input of f.inputs) define(scope, input.id, input.shape);
  for (const block of f.blocks) verifyBlock(block, scope, define, fail);
  for (const update of f.updates) {
    const shape =
      scope.get(update.value) ?? fail(`update of ${update.state} reads ${update.value}, which is not defined`);
    const wanted = states.get(update.state) ?? fail(`${update.state} is not a state`);
    if (!sameShape(shape, wanted)) fail(`update of ${update.state} has shape [${shape}], not [${wanted}]`);
  }
  for (const result of f.results)
    if (!scope.has(result.value)) fail(`result ${result.name} reads ${result.value}, which is not defined`);
}

function verifyBlock(
  block: Block,
  scope: Map<string, Shape>,
  define: (into: Map<string, Shape>, id: string, shape: Shape) => void,
  fail: (what: string) => never,
): void {
  if (!Number.isInteger(block.repeat) || block.repeat < 1) fail(`block ${block.name} repeats ${block.repeat} times`);
  const straight = block.repeat === 1 && block.carries.length === 0;
  const inside = straight ? scope : new Map(scope);
  for (const carry of block.carries) {
    const shape = scope.get(carry.init) ?? fail(`carry ${carry.id} begins with ${carry.init}, which is not defined`);
    if (!sameShape(shape, carry.shape)) fail(`carry ${carry.id} has shape [${carry.shape}] but begins with [${shape}]`);
    define(inside, carry.id, carry.shape);
  }
  for (const scalar of block.scalars) define(inside, scalar.id, []);
  for (const op of block.ops) {
    const shapes = op.args.map((a) => inside.get(a) ?? fail(`${op.id} = ${op.op}(…) reads ${a}, which is not defined`));
    if (op.op !== 'constant') {
      if (!isOperator(op.op)) fail(`${op.op} is not an operator`);
      const shape = isOperator(op.op) ? operators[op.op].shape(shapes, op.attributes) : [];
      if (!sameShape(shape, op.shape)) fail(`${op.id} = ${op.op}(…) has shape [${op.shape}], not [${shape}]`);
    }
    define(inside, op.id, op.shape);
  }
  for (const carry of block.carries) {
    const shape = inside.get(carry.next) ?? fail(`carry ${carry.id} becomes ${carry.next}, which is not defined`);
    if (!sameShape(shape, carry.shape)) fail(`carry ${carry.id} becomes [${shape}], not [${carry.shape}]`);
    define(scope, carry.result, carry.shape);
  }
}
