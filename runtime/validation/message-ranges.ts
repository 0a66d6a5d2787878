/**
 * Which values a message can have, whatever the weights are: those that come out of a tanh, a sigmoid, a softmax, a
 * relu, a comparison, and of what is made of these. By the plan alone, over all shards. Pure.
 */
import type { Block, Op, Program, ProgramFunction } from '../../spec/program.ts';
import type { Message, Move, ShardSchedule, Stage } from '../../spec/schedule.ts';
import type { Range } from './border-watch.ts';

const ANY: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const UNIT: Range = { low: 0, high: 1 };
/** Rounds in which ranges may grow: what still grows then goes on for ever, as a value that settles. */
const ROUNDS = 8;
/** Devices round, and half precision rounds more. */
const SLACK = 2e-3;

type Ranges = Map<string, Range>;

/** By `Message.id`; messages that may have any value are not in it. */
export function messageRanges(
  programs: readonly Program[],
  schedules: readonly ShardSchedule[],
): ReadonlyMap<number, Range> {
  const segments = programs.map(({ functions }) => new Map(functions.map((f) => [f.name, f])));
  const locals: Ranges = new Map();
  for (let round = 0; ; round++) {
    const grown = oneRound(schedules, segments, locals);
    if (grown.length === 0) break;
    if (round < ROUNDS) continue;
    for (const name of grown) locals.set(name, ANY);
  }
  const found = new Map<number, Range>();
  for (const schedule of schedules)
    for (const f of schedule.functions)
      for (const message of sentBy(schedule, [...f.stages, ...(f.after ?? [])])) {
        const range = hull(
          message.values.map(({ name }) => locals.get(localName(schedule.shard, f.name, name)) ?? ANY),
        );
        if (Number.isFinite(range.low) || Number.isFinite(range.high)) found.set(message.id, slackened(range));
      }
  return found;
}

/** @returns locals of which more values are possible than was known before */
function oneRound(
  schedules: readonly ShardSchedule[],
  segments: readonly ReadonlyMap<string, ProgramFunction>[],
  locals: Ranges,
): string[] {
  const grown = new Set<string>();
  const take = (name: string, range: Range | undefined): void => {
    if (range === undefined) return;
    const before = locals.get(name);
    const after = before ? hull([before, range]) : range;
    if (before && after.low === before.low && after.high === before.high) return;
    locals.set(name, after);
    grown.add(name);
  };
  for (const schedule of schedules) {
    const { shard } = schedule;
    for (const f of schedule.functions) {
      const at = (name: string): string => localName(shard, f.name, name);
      const move = (moves: readonly Move[]): void => {
        for (const { from, to } of moves) take(at(to), locals.get(at(from)));
      };
      const given = new Set(f.inputs.map(({ name }) => name));
      for (const { begin, next, end, segments: all } of [...f.stages, ...(f.after ?? [])]) {
        move(begin);
        for (const { receive, run } of all) {
          for (const message of receive.flatMap((id) => schedule.messages.find((m) => m.id === id) ?? []))
            for (const { name } of message.values) take(at(name), locals.get(localName(message.from, f.name, name)));
          const code = run === undefined ? undefined : segments[shard]?.get(run);
          if (code)
            for (const [name, range] of resultsOf(code, (field) => (given.has(field) ? ANY : locals.get(at(field)))))
              take(at(name), range);
        }
        move(next);
        move(end);
      }
    }
  }
  return [...grown];
}

function sentBy(schedule: ShardSchedule, stages: readonly Stage[]): Message[] {
  const ids = new Set(stages.flatMap(({ segments }) => segments.flatMap(({ send }) => send)));
  return schedule.messages.filter(({ id, from }) => from === schedule.shard && ids.has(id));
}

/** What is not known yet has no range, nor has what is made of it. */
function resultsOf(f: ProgramFunction, fieldOf: (name: string) => Range | undefined): [string, Range | undefined][] {
  const values: Ranges = new Map();
  const unknown = new Set<string>();
  for (const { id, field } of f.inputs) {
    const range = fieldOf(field);
    if (range) values.set(id, range);
    else unknown.add(id);
  }
  const rangeOf = (id: string): Range | undefined => (unknown.has(id) ? undefined : (values.get(id) ?? ANY));
  const put = (id: string, range: Range | undefined): void => {
    if (range) values.set(id, range);
    else unknown.add(id);
  };
  for (const block of f.blocks) {
    for (const { id, init } of block.carries) put(id, repeats(block) ? ANY : rangeOf(init));
    for (const op of block.ops) put(op.id, sound(rangeOfOp(op, rangeOf)));
    for (const { result, next } of block.carries) put(result, repeats(block) ? ANY : rangeOf(next));
  }
  return f.results.flatMap(({ name, value, members = [] }) =>
    [name, ...members].map((result): [string, Range | undefined] => [result, rangeOf(value)]),
  );
}

function repeats({ repeat }: Block): boolean {
  return repeat > 1;
}

function rangeOfOp({ op, args, attributes }: Op, rangeOf: (id: string) => Range | undefined): Range | undefined {
  const given = args.map(rangeOf);
  const fixed = FIXED.get(op);
  if (fixed) return fixed;
  if (op === 'constant') return typeof attributes.value === 'number' ? point(attributes.value) : ANY;
  if (given.some((range) => range === undefined)) return undefined;
  const [a = ANY, b = ANY, c = ANY] = given as Range[];
  switch (op) {
    case 'relu':
      return { low: Math.max(0, a.low), high: Math.max(0, a.high) };
    case 'abs':
      return { low: 0, high: Math.max(-a.low, a.high) };
    case 'square':
      return { low: 0, high: Math.max(a.low ** 2, a.high ** 2) };
    case 'exp':
      return { low: 0, high: Math.exp(a.high) };
    case 'sqrt':
      return { low: 0, high: Math.sqrt(Math.max(0, a.high)) };
    case 'neg':
      return { low: -a.high, high: -a.low };
    case 'add':
      return { low: a.low + b.low, high: a.high + b.high };
    case 'sub':
      return { low: a.low - b.high, high: a.high - b.low };
    case 'mul':
      return product(a, b);
    case 'max':
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case 'min':
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case 'select':
      return hull([b, c]);
    case 'reshape':
    case 'transpose':
    case 'broadcast':
    case 'slice':
    case 'amax':
    case 'mean':
    case 'max_pool2d':
      return a;
    case 'concatenate':
      return hull(given as Range[]);
    case 'pad':
      return hull([a, point(0)]);
    default:
      return ANY;
  }
}

const FIXED: ReadonlyMap<string, Range> = new Map([
  ['tanh', { low: -1, high: 1 }],
  ['sin', { low: -1, high: 1 }],
  ['cos', { low: -1, high: 1 }],
  ['sign', { low: -1, high: 1 }],
  ['sigmoid', UNIT],
  ['softmax', UNIT],
  ['step', UNIT],
  ['one_hot', UNIT],
  ['greater', UNIT],
  ['greater_equal', UNIT],
  ['less', UNIT],
  ['less_equal', UNIT],
  ['equal', UNIT],
]);

function product(a: Range, b: Range): Range {
  return hull([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high].map(point));
}

/** Nothing times anything is not a number, and may be any. */
function sound(range: Range | undefined): Range | undefined {
  return range && (Number.isNaN(range.low) || Number.isNaN(range.high)) ? ANY : range;
}

function hull(ranges: readonly Range[]): Range {
  return { low: Math.min(...ranges.map((r) => r.low)), high: Math.max(...ranges.map((r) => r.high)) };
}

const point = (value: number): Range => ({ low: value, high: value });

function slackened({ low, high }: Range): Range {
  const slack =
    SLACK * Math.max(1e-3, Number.isFinite(low) ? Math.abs(low) : 0, Number.isFinite(high) ? Math.abs(high) : 0);
  return { low: low - slack, high: high + slack };
}

function localName(shard: number, f: string, local: string): string {
  return `${shard}/${f}/${local}`;
}
