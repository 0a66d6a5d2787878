/**
 * Masks of attention without `Where`, which takes half as long again as a sum of elements: what the mask leaves out is
 * lowered by so much that its softmax is exactly zero. Then so is its gradient, without another mask.
 */
import { type Op, sizeOf } from '../../../spec/program.ts';
import type { ReferenceTensor } from '../../operators/operator.ts';
import { axisOf } from '../../operators/reduction.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { Uses } from './uses.ts';

/** Scores are so far above it that a softmax of both leaves exactly zero below. */
const LOW = -1e8;
/** Larger masks are not worked out when compiling. */
const MAX_ELEMENTS = 2 ** 20;

/**
 * @param kept values that something outside reads
 * @param constants numbers by their names
 * @returns operations that give the same values of finite scores
 */
export function withoutMasks(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  constants: ReadonlyMap<string, number>,
): readonly Op[] {
  if (!ops.some((op) => op.op === 'softmax')) return ops;
  const uses = new Uses(ops, kept);
  const masks = new KnownMasks(ops);
  /** The masks of softmaxes, by the names of their results. */
  const maskOf = new Map<string, string>();
  const same = new Map<string, string>();
  return ops.flatMap((given): Op[] => {
    const op = { ...given, args: given.args.map((arg) => same.get(arg) ?? arg) };
    const [mask = '', value = '', other = ''] = op.args;
    const number = op.op === 'select' && !kept.has(op.id) ? constants.get(other) : undefined;
    if (number === undefined) return [op];
    if (number === 0 && uses.definition(value, 'mul')?.args.some((arg) => maskOf.get(arg) === mask)) {
      same.set(op.id, value);
      return [];
    }
    const readers = uses.users(op.id);
    if (number > LOW || !readers.every(isAlongRows) || !masks.leaveSomeOfEachRow(mask)) return [op];
    for (const reader of readers) maskOf.set(reader.id, mask);
    return lowered(op, value, { mask, shape: masks.shape(mask) }, number);
  });
}

const isAlongRows = ({ op, attributes, shape }: Op): boolean =>
  op === 'softmax' && axisOf(attributes, shape.length) === shape.length - 1;

/** value + number · (1 - mask) */
function lowered(op: Op, value: string, { mask, shape }: { mask: string; shape: Op['shape'] }, number: number): Op[] {
  const made = (name: string, of: string, args: string[], attributes = {}): Op => ({
    ...{ id: `${op.id}.${name}`, op: of, args, attributes },
    shape: of === 'constant' ? [] : shape,
  });
  const one = made('one', 'constant', [], { value: 1 });
  const by = made('by', 'constant', [], { value: number });
  const out = made('out', 'sub', [one.id, mask]);
  const low = made('low', 'mul', [out.id, by.id]);
  return [one, by, out, low, { ...op, op: 'add', args: [value, low.id] }];
}

/** Values that nothing which is fed to the function takes part in. */
class KnownMasks {
  readonly #definitions: ReadonlyMap<string, Op>;
  readonly #known = new Map<string, ReferenceTensor | undefined>();

  constructor(ops: readonly Op[]) {
    this.#definitions = new Map(ops.map((op) => [op.id, op]));
  }

  shape(id: string): Op['shape'] {
    return this.#definitions.get(id)?.shape ?? [];
  }

  /** Whether it is all zeros and ones, with a one in each row: a softmax of a row of one number throughout is not zero. */
  leaveSomeOfEachRow(id: string): boolean {
    const mask = this.#tensor(id);
    const width = mask?.shape.at(-1);
    if (!mask || width === undefined) return false;
    const rows = Array.from({ length: mask.data.length / width }, (_, row) =>
      mask.data.subarray(row * width, (row + 1) * width),
    );
    return mask.data.every((n) => n === 0 || n === 1) && rows.every((row) => row.includes(1));
  }

  #tensor(id: string): ReferenceTensor | undefined {
    if (!this.#known.has(id)) this.#known.set(id, this.#workOut(id));
    return this.#known.get(id);
  }

  #workOut(id: string): ReferenceTensor | undefined {
    const op = this.#definitions.get(id);
    if (!op || !isOperator(op.op) || sizeOf(op.shape) > MAX_ELEMENTS) return undefined;
    const args = op.args.map((arg) => this.#tensor(arg));
    if (args.some((arg) => arg === undefined)) return undefined;
    const data = operators[op.op].reference(args as ReferenceTensor[], op.attributes, op.shape);
    return { shape: op.shape, data };
  }
}
