/**
 * A program as text, one line per fact, and back: `parseProgram(printProgram(p))` equals `p`.
 *
 *   %12 = matmul(%3, pixels->h1.w, ta=false, tb=true) : [128, 128]  ; link pixels->h1
 */
import { functionRole, isOrigin } from './names.ts';
import type {
  Attributes,
  AttributeValue,
  Block,
  Carry,
  Initializer,
  Member,
  Op,
  Program,
  ProgramFunction,
  Scalar,
  ScalarExpr,
  Shape,
  Slice,
  State,
} from './program.ts';
import { reasonOf } from './reason-of.ts';

const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

function showScalar(expr: ScalarExpr): string {
  if (typeof expr !== 'object') return String(expr);
  return `${expr.op}(${expr.args.map(showScalar).join(', ')})`;
}

/** JSON has a zero with a sign, which `JSON.stringify` leaves away. */
function showAttribute(value: AttributeValue | undefined): string {
  return Object.is(value, -0) ? '-0' : JSON.stringify(value);
}

function printOp(op: Op): string {
  const attributes = Object.keys(op.attributes)
    .sort()
    .map((name) => `${name}=${showAttribute(op.attributes[name])}`);
  const inside = [...op.args, ...attributes].join(', ');
  const slot = op.slot === undefined ? '' : ` @${op.slot}`;
  return `${op.id} = ${op.op}(${inside}) : ${showShape(op.shape)}${slot}${op.origin ? `  ; ${op.origin}` : ''}`;
}

function blockLines(block: Block, line: (text: string) => void): void {
  const ticks = block.repeat === 1 ? '' : ` repeat ${block.repeat}`;
  line(`  block ${block.name}${ticks} from ${block.firstTick}`);
  for (const s of block.scalars) line(`    scalar ${s.id} = ${showScalar(s.expr)}`);
  for (const { id, shape, init, next, result } of block.carries)
    line(`    carry ${id} : ${showShape(shape)} = ${init} -> ${next} => ${result}`);
  for (const op of block.ops) line(`    ${printOp(op)}`);
}

function functionLines(f: ProgramFunction, line: (text: string) => void): void {
  line(`function ${f.name} batch ${f.batch}`);
  for (const i of f.inputs) line(`  input ${i.id} : ${i.type}${showShape(i.shape)} = ${i.field}`);
  for (const block of f.blocks) blockLines(block, line);
  for (const u of f.updates) line(`  update ${u.state} = ${u.value}`);
  for (const r of f.results)
    line(`  result ${r.name} = ${r.value}${r.members ? ` for ${JSON.stringify(r.members)}` : ''}`);
}

export function printFunction(f: ProgramFunction): string[] {
  const lines: string[] = [];
  functionLines(f, (line) => lines.push(line));
  return lines;
}

function printState(s: State): string {
  const members = s.members ? ` for ${JSON.stringify(s.members)}` : s.slice ? ` from ${JSON.stringify(s.slice)}` : '';
  return `state ${s.id} : ${showShape(s.shape)} ${s.role} = ${JSON.stringify(s.init)}${members}`;
}

export function printProgram(program: Program): string {
  const lines: string[] = [];
  printLines(program, (line) => lines.push(line));
  return `${lines.join('\n')}\n`;
}

/** Calls `line` with every line of the text, in order. */
export function printLines(program: Program, line: (text: string) => void): void {
  line(`program ${program.name}`);
  for (const state of program.states) line(printState(state));
  for (const f of program.functions) {
    line('');
    functionLines(f, line);
  }
}

/** A line of a program text that cannot be read. */
export class ProgramTextError extends Error {
  override readonly name = 'ProgramTextError';
}

interface Draft {
  name: string;
  role: ProgramFunction['role'];
  batch: number;
  inputs: ProgramFunction['inputs'][number][];
  blocks: { name: string; repeat: number; firstTick: number; scalars: Scalar[]; carries: Carry[]; ops: Op[] }[];
  updates: ProgramFunction['updates'][number][];
  results: ProgramFunction['results'][number][];
}

export function parseProgram(text: string): Program {
  let name = '';
  const states: State[] = [];
  const functions: Draft[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line === '') return;
    try {
      if (line.startsWith('program ')) name = line.slice(8);
      else if (line.startsWith('state ')) states.push(parseState(line));
      else parseFunctionLine(line, functions);
    } catch (error) {
      throw new ProgramTextError(`line ${index + 1}: ${reasonOf(error)}: ${line}`);
    }
  });
  if (name === '') throw new ProgramTextError('line 1: a program text begins with `program NAME`');
  return { name, states, functions };
}

function parseFunctionLine(line: string, functions: Draft[]): void {
  const start = /^function (\S+) batch (\d+)$/.exec(line);
  if (start) {
    const name = group(start, 1);
    functions.push({
      name,
      role: functionRole(name),
      batch: Number(start[2]),
      inputs: [],
      blocks: [],
      updates: [],
      results: [],
    });
    return;
  }
  const current = functions.at(-1);
  if (!current) throw new Error('stands outside a function');
  const input = /^input (\S+) : (u8|i32|f32)(\[.*\]) = (\S+)$/.exec(line);
  const block = /^block (\S+)(?: repeat (\d+))? from (\d+)$/.exec(line);
  const update = /^update (\S+) = (\S+)$/.exec(line);
  const result = /^result (\S+) = (\S+)(?: for (\[.*\]))?$/.exec(line);
  if (input) {
    const type = input[2] as 'u8' | 'i32' | 'f32';
    current.inputs.push({ id: group(input, 1), type, shape: parseShape(group(input, 3)), field: group(input, 4) });
  } else if (block) {
    const repeat = block[2] === undefined ? 1 : Number(block[2]);
    current.blocks.push({
      name: group(block, 1),
      repeat,
      firstTick: Number(block[3]),
      scalars: [],
      carries: [],
      ops: [],
    });
  } else if (update) current.updates.push({ state: group(update, 1), value: group(update, 2) });
  else if (result)
    current.results.push({
      name: group(result, 1),
      value: group(result, 2),
      ...(result[3] === undefined ? {} : { members: JSON.parse(result[3]) as string[] }),
    });
  else parseBlockLine(line, current);
}

function parseBlockLine(line: string, current: Draft): void {
  const block = current.blocks.at(-1);
  if (!block) throw new Error('stands outside a block');
  const scalar = /^scalar (\S+) = (.+)$/.exec(line);
  const carry = /^carry (\S+) : (\[.*\]) = (\S+) -> (\S+) => (\S+)$/.exec(line);
  if (scalar) block.scalars.push({ id: group(scalar, 1), expr: parseScalar(group(scalar, 2)) });
  else if (carry)
    block.carries.push({
      id: group(carry, 1),
      shape: parseShape(group(carry, 2)),
      init: group(carry, 3),
      next: group(carry, 4),
      result: group(carry, 5),
    });
  else block.ops.push(parseOp(line));
}

function parseOp(line: string): Op {
  const match = /^(\S+) = (\w+)\((.*)\) : (\[[^\]]*\])(?: @(\d+))?(?: {2}; (.+))?$/.exec(line);
  if (!match) throw new Error('is not an operation');
  const args: string[] = [];
  const attributes: Record<string, AttributeValue> = {};
  for (const part of splitTop(group(match, 3))) {
    const attribute = /^(\w+)=(.+)$/s.exec(part);
    if (attribute) attributes[group(attribute, 1)] = JSON.parse(group(attribute, 2)) as AttributeValue;
    else args.push(part);
  }
  const op = {
    id: group(match, 1),
    op: group(match, 2),
    args,
    attributes: attributes as Attributes,
    shape: parseShape(group(match, 4)),
  };
  const origin = match[6];
  if (origin !== undefined && !isOrigin(origin)) throw new Error(`${origin} is not a node, link or weight`);
  return {
    ...op,
    ...(origin === undefined ? {} : { origin }),
    ...(match[5] === undefined ? {} : { slot: Number(match[5]) }),
  };
}

function parseState(line: string): State {
  const match = /^state (\S+) : (\[.*?\]) (\w+) = (\{.*?\})(?: for (\[.*\])| from (\{.*\}))?$/.exec(line);
  if (!match) throw new Error('is not a state');
  const role = match[3] as State['role'];
  return {
    id: group(match, 1),
    shape: parseShape(group(match, 2)),
    role,
    init: JSON.parse(group(match, 4)) as Initializer,
    ...(match[5] === undefined ? {} : { members: JSON.parse(match[5]) as Member[] }),
    ...(match[6] === undefined ? {} : { slice: JSON.parse(match[6]) as Slice }),
  };
}

function parseScalar(text: string): ScalarExpr {
  const call = /^(\w+)\((.*)\)$/s.exec(text);
  if (call) return { op: group(call, 1), args: splitTop(group(call, 2)).map(parseScalar) };
  if (text === 'batch' || text === 'batches' || text === 'tick' || text === 'step') return text;
  const value = Number(text);
  if (Number.isNaN(value) && text !== 'NaN') throw new Error(`${text} is not a scalar`);
  return value;
}

function parseShape(text: string): Shape {
  return JSON.parse(text) as number[];
}

/** Splits at the commas that stand outside brackets and quotes. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"' && text[i - 1] !== '\\') quoted = !quoted;
    else if (quoted) continue;
    else if (c === '(' || (c === '[' && !/[\w\]]/.test(text[i - 1] ?? ''))) depth++;
    else if (c === ')' || (c === ']' && depth > 0)) depth--;
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === '' ? parts : [...parts, last];
}

function group(match: RegExpExecArray, i: number): string {
  return match[i] ?? '';
}
