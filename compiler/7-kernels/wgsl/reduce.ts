/**
 * Reductions: several threads share the terms of one element, each from its first to its last, and then put their sums
 * together in pairs: always in the same order.
 */
import type { Place, Reduction } from './lowering.ts';
import type { ModuleWriter } from './writer.ts';

const THREADS = 256;
/** Threads that a device should have at work before several share an element. */
const ENOUGH = 32768;

/** Terms that are worth a thread of their own. */
const TERMS = 16;

/** Threads that share an element: more when there are few elements and many terms. */
export function lanesFor(elements: number, count: number): number {
  let lanes = 1;
  while (lanes < THREADS && lanes * TERMS <= count && elements * lanes < ENOUGH) lanes *= 2;
  return lanes;
}

export function reduceGroups(elements: number, lanes: number): number {
  return Math.ceil(elements / (THREADS / lanes));
}

const LOWEST = '-3.4028234e38';

/** Writes `main`; `finish(at, value)` is called for every element of the result. */
export function writeReduction(
  w: ModuleWriter,
  reduction: Reduction,
  elements: number,
  lanes: number,
  place: (at: string) => Place,
): void {
  declareParts(w, reduction, lanes, THREADS);
  w.line(`@compute @workgroup_size(${THREADS})`);
  const head =
    'fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32)';
  w.block(head, () => {
    writeElements(w, reduction, { elements, lanes, threads: THREADS, first: '(group.y * groups.x + group.x)' }, place);
  });
}

/** The memory through which `threads` threads put their sums together. */
export function declareParts(w: ModuleWriter, { combine }: Reduction, lanes: number, threads: number): void {
  if (lanes === 1) return;
  w.once(`var<workgroup> parts: array<f32, ${threads}>;`);
  if (combine === 'argmax') w.once(`var<workgroup> places_of_parts: array<u32, ${threads}>;`);
}

/** The work that a group of threads does at once. */
interface Share {
  readonly elements: number;
  readonly lanes: number;
  readonly threads: number;
  /** Which group of elements, an expression. */
  readonly first: string;
}

export function writeElements(w: ModuleWriter, reduction: Reduction, share: Share, place: (at: string) => Place): void {
  const { combine } = reduction;
  const { elements, lanes, threads } = share;
  const each = threads / lanes;
  const position = combine === 'argmax';
  if (combine === 'max') w.need('larger');
  const inside = lanes === 1 ? 'thread' : reduction.byColumns ? `thread % ${each}u` : `thread / ${lanes}u`;
  const lane = lanes === 1 ? '0u' : reduction.byColumns ? `thread / ${each}u` : `thread % ${lanes}u`;
  w.line(`let lane = ${lane};`);
  w.line(`let at = ${share.first} * ${each}u + ${inside};`);
  w.line(`var sum = ${combine === 'max' || position ? LOWEST : '0.0'};`);
  if (position) w.line('var best = 0xffffffffu;');
  w.block(`if (at < ${w.size(elements)})`, () => {
    w.block(`for (var r = lane; r < ${w.size(reduction.count)}; r += ${lanes}u)`, () => {
      const term = reduction.term(place('at'), 'r');
      if (position) w.line(`let term = ${term};`);
      if (position) w.line('if (best == 0xffffffffu || term > sum) { sum = term; best = r; }');
      else w.line(combine === 'max' ? `sum = larger(sum, ${term});` : `sum += ${term};`);
    });
  });
  if (lanes > 1) writeTree(w, reduction, lanes, each);
  const value = position ? 'f32(best)' : combine === 'mean' ? `sum / f32(${w.size(divisorOf(reduction))})` : 'sum';
  w.line(`if (lane == 0u && at < ${w.size(elements)}) { finish${w.part}(${w.givesPlaces}at, ${value}); }`);
}

const divisorOf = (r: Reduction): number => r.divisor ?? r.count;

function writeTree(w: ModuleWriter, { combine, byColumns }: Reduction, lanes: number, each: number): void {
  const position = combine === 'argmax';
  const stride = byColumns ? each : 1;
  w.line('parts[thread] = sum;');
  if (position) w.line('places_of_parts[thread] = best;');
  w.line('workgroupBarrier();');
  w.block(`for (var half = ${lanes / 2}u; half > 0u; half /= 2u)`, () => {
    w.block('if (lane < half)', () => {
      w.line(`let other = thread + half * ${stride}u;`);
      if (position) {
        const better =
          'parts[other] > parts[thread] || (parts[other] == parts[thread] && places_of_parts[other] < places_of_parts[thread])';
        // A lane without terms has no place, and loses against every other.
        w.line(`if (places_of_parts[other] != 0xffffffffu && (places_of_parts[thread] == 0xffffffffu || ${better})) {`);
        w.line('parts[thread] = parts[other]; places_of_parts[thread] = places_of_parts[other];');
        w.line('}');
      } else
        w.line(
          combine === 'max' ? 'parts[thread] = larger(parts[thread], parts[other]);' : 'parts[thread] += parts[other];',
        );
    });
    w.line('workgroupBarrier();');
  });
  w.line('sum = parts[thread];');
  if (position) w.line('best = places_of_parts[thread];');
}
