/**
 * The longest way through the work of all shards: seconds of a batch where each has a thread of its own, does one run
 * after the other, and waits for the frames that a run needs. Shards with equal work may have a longer way than others
 * with less even work, where one waits while the other computes.
 */
import { type Costs, secondsOfCounted } from '../../../spec/costs.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { Stage } from '../../../spec/schedule.ts';
import { countWork } from '../../5-program/cost.ts';
import type { ShardProgram } from './split.ts';

const BYTES = 4;
/** A shard may begin a batch before others have ended the one before: the last of these counts. */
const BATCHES = 4;

interface Step {
  /** Frames that have to be there, and those that are sent behind it, by message and repetition. */
  readonly receive: readonly string[];
  readonly send: readonly string[];
  readonly seconds: number;
}

interface Walker {
  readonly steps: readonly Step[];
  /** Steps behind it, of all batches. */
  done: number;
  /** When it has done them. */
  now: number;
}

/** Of a function that no microbatches divide. @param costs of each shard's machine */
export function longestWay(split: readonly ShardProgram[], name: string, costs: readonly Costs[]): number {
  const walkers = split.map(
    (shard, i): Walker => ({ steps: stepsOf(shard, name, costs[i] as Costs), done: 0, now: 0 }),
  );
  const seconds = frameSeconds(split, costs);
  const arrived = new Map<string, number>();
  const ends: number[] = [];
  for (let moved = true; moved; ) {
    moved = false;
    for (const walker of walkers)
      for (;;) {
        const step = stepAt(walker);
        if (!step?.receive.every((key) => arrived.has(key))) break;
        for (const key of step.receive) walker.now = Math.max(walker.now, arrived.get(key) ?? 0);
        walker.now += step.seconds;
        for (const key of step.send) arrived.set(key, walker.now + (seconds.get(messageOf(key)) ?? 0));
        walker.done++;
        moved = true;
        if (walker.done % walker.steps.length > 0) continue;
        const batch = walker.done / walker.steps.length - 1;
        ends[batch] = Math.max(ends[batch] ?? 0, walker.now);
      }
  }
  return (ends[BATCHES - 1] ?? 0) - (ends[BATCHES - 2] ?? 0);
}

const keyOf = (message: number, repetition: number): string => `${message} ${repetition}`;
const messageOf = (key: string): number => Number.parseInt(key.slice(key.indexOf(':') + 1), 10);

/** What comes next, with the frames of its batch. */
function stepAt({ steps, done }: Walker): Step | undefined {
  const step = steps[done % steps.length];
  const batch = Math.floor(done / Math.max(1, steps.length));
  if (!step || batch >= BATCHES) return undefined;
  const within = (key: string): string => `${batch}:${key}`;
  return { ...step, receive: step.receive.map(within), send: step.send.map(within) };
}

function stepsOf({ program, schedule }: ShardProgram, name: string, costs: Costs): Step[] {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const secondsOf = (run: string | undefined): number => {
    const f = functions.get(run ?? '');
    return f ? secondsOfCounted({ ...countWork(program, f), calls: 1 }, costs, 'short') : 0;
  };
  const f = schedule.functions.find((g) => g.name === name);
  return [...(f?.stages ?? []), ...(f?.after ?? [])].flatMap(({ segments, repeat }: Stage): Step[] => {
    const timed = segments.map((segment) => ({ ...segment, seconds: secondsOf(segment.run) }));
    return Array.from({ length: repeat }, (_, repetition) =>
      timed.map(({ receive, send, seconds }) => ({
        receive: receive.map((id) => keyOf(id, repetition)),
        send: send.map((id) => keyOf(id, repetition)),
        seconds,
      })),
    ).flat();
  });
}

/** Within one process: over a network they take longer, and the more there are the more so. */
function frameSeconds(split: readonly ShardProgram[], costs: readonly Costs[]): Map<number, number> {
  return new Map(
    split.flatMap(({ schedule }) =>
      schedule.messages.map(({ id, to, values }) => {
        const bytes = values.reduce((sum, { shape }) => sum + BYTES * sizeOf(shape), 0);
        return [id, bytes * (costs[to]?.handByte ?? 0)] as const;
      }),
    ),
  );
}
