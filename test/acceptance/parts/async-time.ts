/**
 * Time to equal accuracy of the schedule `async` beside the fastest strict one, in virtual time with real numbers: what a
 * tick takes is counted, frames are on their way as long as it is said, and every shard has a machine of its own. So the
 * figures depend on no load. Each side has the division, or the age of values, with which a batch is fastest.
 */
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { paceTimed, type TimedPoint, trainTimed } from '../../../runtime/cli/mesh/timed-training.ts';
import { openWithin } from '../../../runtime/device/cpu/here.ts';
import type { Executable } from '../../../runtime/device/device.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';
import { builtFor, dataFor, small, TIMED_CASES, type TimedCase, type TimedSchedule } from '../timed-cases.ts';

const NAME = 'async-time';
const SEED = 1;
/** Batches over which schedules are compared, and by which seconds of a batch are meant. */
const TRIED = 6;
/** Of accuracy, and of perplexity as a factor. */
const [NEAR, NEAR_FACTOR] = [0.005, 1.02];
const MOST = 2;
const NETWORKS = 2;
const TARGET = `<= ${MOST} times pipelined's; at the end within ${100 * NEAR} points (perplexity: ${NEAR_FACTOR} times) of one machine`;

export const asyncTimePart: Part = {
  name: NAME,
  what: 'seconds to equal accuracy in async and in the fastest strict schedule, in virtual time with real numbers',
  takes: 'half an hour, kept as it goes',
  run,
};

/** How a schedule of a case goes over one network. */
interface Pace {
  readonly schedule: TimedSchedule;
  readonly ticks: number;
  /** Of a batch. */
  readonly seconds: number;
  /** Means over the shards: shares of the time. */
  readonly busy: number;
  readonly onNew: number;
}

interface Learnt {
  readonly points: readonly TimedPoint[];
  readonly broken?: string;
}

type Kept = Pace | Learnt;

interface Side {
  readonly pace: Pace;
  readonly end: number;
  /** Seconds to the value that counts as equal. */
  readonly reached: number;
}

interface Compared {
  readonly of: TimedCase;
  readonly roundTrip: number;
  readonly aim: number;
  readonly one: number;
  readonly strict: Side;
  readonly free: Side;
}

async function run(context: Context): Promise<readonly Row[]> {
  const kept = new KeptRows<Kept>(context, context.trial ? `${NAME}-trial` : NAME);
  const rows: Row[] = [];
  const compared: Compared[] = [];
  for (const whole of TIMED_CASES) {
    const of = context.trial ? small(whole) : whole;
    const data = dataWith(context, of.data, ...(of.data === 'shakespeare' ? ['text'] : []));
    if (data === undefined) {
      rows.push(notRun(`${NAME}-${of.name}`, of.what, TARGET, noData(of.data)));
      continue;
    }
    const found = await new Comparison(context, kept, of, data).compare();
    compared.push(...found);
    rows.push(...found.map((one) => rowOf(one, context.trial)));
  }
  if (compared.length > 0) context.table({ name: NAME, head: HEAD, rows: compared.flatMap(cellsOf) });
  kept.done();
  return [...rows, ...(compared.length > 0 ? [sumOf(compared, context.trial)] : [])];
}

/** One network, at each of its delays. */
class Comparison {
  readonly #context: Context;
  readonly #kept: KeptRows<Kept>;
  readonly #of: TimedCase;
  readonly #data: string;
  readonly #built = new Map<string, BuiltPlan>();

  constructor(context: Context, kept: KeptRows<Kept>, of: TimedCase, data: string) {
    this.#context = context;
    this.#kept = kept;
    this.#of = of;
    this.#data = data;
  }

  async compare(): Promise<Compared[]> {
    const { roundTrips, strict, free } = this.#of;
    const one = endOf(await this.#learnt({ shards: 1 }, 0));
    const aim = this.#of.isPerplexity ? one * NEAR_FACTOR : one - NEAR;
    const compared: Compared[] = [];
    let learntStrictly: Learnt | undefined;
    for (const roundTrip of roundTrips) {
      const paceStrict = await this.#fastest(strict, roundTrip);
      const paceFree = await this.#fastest(free, roundTrip);
      // The network changes no number of a strict schedule; microbatches change their last digits.
      learntStrictly ??= await this.#learnt(paceStrict.schedule, roundTrip);
      const learntFreely = await this.#learnt(paceFree.schedule, roundTrip);
      compared.push({
        ...{ of: this.#of, roundTrip, aim, one },
        strict: this.#side(paceStrict, learntStrictly, aim),
        free: this.#side(paceFree, learntFreely, aim),
      });
    }
    return compared;
  }

  #side(pace: Pace, learnt: Learnt, aim: number): Side {
    const batches = batchesTo(learnt.points, aim, this.#of.isPerplexity === true);
    return { pace, end: endOf(learnt), reached: batches * pace.seconds };
  }

  /** Of these the one whose batches take the least time. */
  async #fastest(schedules: readonly TimedSchedule[], roundTrip: number): Promise<Pace> {
    const paces: Pace[] = [];
    for (const schedule of schedules) paces.push(await this.#pace(schedule, roundTrip));
    return paces.reduce((best, pace) => (pace.seconds < best.seconds ? pace : best));
  }

  async #pace(schedule: TimedSchedule, roundTrip: number): Promise<Pace> {
    const name = `${this.#of.name}, pace, ${scheduleText(schedule)}, ${roundTrip} ms`;
    const known = this.#kept.get(name);
    if (known && 'seconds' in known) return known;
    const built = this.#builtFor(schedule);
    const end = await paceTimed(built, this.#of.network(built, roundTrip), TRIED);
    const mean = (of: 'all' | 'onNew'): number =>
      end.worked.reduce((sum, worked) => sum + worked[of], 0) / end.worked.length / end.seconds;
    const ticks = built.plan.training?.ticks ?? 0;
    const pace = { schedule, ticks, seconds: end.seconds / TRIED, busy: mean('all'), onNew: mean('onNew') };
    this.#kept.keep(name, pace);
    this.#context.progress(`${name}: ${(1000 * pace.seconds).toFixed(1)} ms a batch, works ${percentText(pace.busy)}`);
    return pace;
  }

  async #learnt(schedule: TimedSchedule, roundTrip: number): Promise<Learnt> {
    const name = `${this.#of.name}, ${scheduleText(schedule)}, ${roundTrip} ms`;
    const known = this.#kept.get(name);
    if (known && 'points' in known) return known;
    const built = this.#builtFor(schedule);
    const { points, broken } = await trainTimed({
      ...{ built, data: await dataFor(this.#of, built, this.#data, SEED), network: this.#of.network(built, roundTrip) },
      open: (executable: Executable) => Promise.resolve(openWithin(executable)),
      ...{ seed: SEED, every: this.#of.every },
    });
    const learnt = { points, ...(broken === undefined ? {} : { broken }) };
    this.#kept.keep(name, learnt);
    this.#context.progress(`${name}: ${broken ?? points.map((p) => valueText(this.#of, p.value)).join(' ')}`);
    return learnt;
  }

  #builtFor(schedule: TimedSchedule): BuiltPlan {
    const name = scheduleText(schedule);
    const built = this.#built.get(name) ?? builtFor(this.#of, this.#context.root, schedule);
    this.#built.set(name, built);
    return built;
  }
}

const endOf = ({ points, broken }: Learnt): number =>
  broken === undefined ? (points.at(-1)?.value ?? Number.NaN) : Number.NaN;

/** Between two measurements as if it went evenly. @returns infinity where it is never reached */
function batchesTo(points: readonly TimedPoint[], aim: number, isLess: boolean): number {
  const i = points.findIndex(({ value }) => (isLess ? value <= aim : value >= aim));
  const [before, found] = [points[i - 1], points[i]];
  if (!found) return Number.POSITIVE_INFINITY;
  if (!before) return found.batch;
  const share = (aim - before.value) / (found.value - before.value);
  return before.batch + share * (found.batch - before.batch);
}

function scheduleText({ shards, microbatches = 1, staleness }: TimedSchedule): string {
  if (shards === 1) return 'one machine';
  const parts = microbatches > 1 ? `, ${microbatches} parts` : '';
  if (staleness !== undefined) return `async, ${shards} shards, ${staleness} ticks old${parts}`;
  return microbatches > 1 ? `pipelined, ${shards} shards${parts}` : `lockstep, ${shards} shards`;
}

const valueText = ({ isPerplexity }: TimedCase, value: number): string =>
  isPerplexity ? value.toFixed(3) : percentText(value);

const secondsText = (seconds: number): string => (Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : 'never');

const ratioOf = ({ free, strict }: Compared): number => free.reached / strict.reached;

function rowOf(found: Compared, isTrial: boolean): Row {
  const { of, roundTrip, aim, one, strict, free } = found;
  const isNear = of.isPerplexity ? free.end <= one * NEAR_FACTOR : free.end >= one - NEAR;
  const told = ({ pace, reached }: Side): string =>
    `${secondsText(reached)} (${scheduleText(pace.schedule)}, ${pace.ticks} ticks, ${(1000 * pace.seconds).toFixed(0)} ms a batch, works ${percentText(pace.onNew)}${pace.busy > pace.onNew ? `, and ${percentText(pace.busy - pace.onNew)} on nothing new` : ''})`;
  const ends = [free.end, strict.end, one].map((value) => valueText(of, value));
  return {
    name: `${NAME}-${of.name}`,
    what: `${of.what}, ${roundTrip} ms there and back: time to ${valueText(of, aim)}`,
    target: TARGET,
    measured: `${ratioOf(found).toFixed(2)} times: ${told(free)} against ${told(strict)}; at the end ${ends[0]}, ${ends[1]} strict, ${ends[2]} on one machine`,
    ...(isTrial ? {} : { holds: ratioOf(found) <= MOST && isNear }),
  };
}

function sumOf(compared: readonly Compared[], isTrial: boolean): Row {
  const names = [...new Set(compared.map(({ of }) => of.name))];
  const worst = names.map((name) => Math.max(...compared.filter(({ of }) => of.name === name).map(ratioOf)));
  const count = worst.filter((ratio) => ratio <= 1).length;
  return {
    ...{ name: NAME, what: 'networks in which async is at most as long as pipelined, at each of their delays' },
    target: `>= ${NETWORKS} of ${TIMED_CASES.length}`,
    measured: `${count}: ${names.map((name, i) => `${name} ${(worst[i] ?? Number.NaN).toFixed(2)} times at most`).join(', ')}`,
    ...(isTrial ? {} : { holds: count >= NETWORKS && names.length === TIMED_CASES.length }),
  };
}

const HEAD = [
  ...['network', 'there and back', 'schedule', 'ticks', 'a batch', 'works', 'on nothing new'],
  ...['at the end', 'time to equal accuracy'],
];

function cellsOf({ of, roundTrip, strict, free, one, aim }: Compared): string[][] {
  const told = ({ pace, end, reached }: Side): string[] => [
    ...[of.name, `${roundTrip} ms`, scheduleText(pace.schedule), String(pace.ticks)],
    ...[`${(1000 * pace.seconds).toFixed(0)} ms`, percentText(pace.onNew), percentText(pace.busy - pace.onNew)],
    ...[valueText(of, end), `${secondsText(reached)} to ${valueText(of, aim)}`],
  ];
  const alone = [of.name, '', 'one machine', '', '', '', '', valueText(of, one), ''];
  return [alone, told(strict), told(free)];
}
