/** Shards whose ticks read old values of each other (schedule `async`): what stays equal, what becomes late, what is refused. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { reachAcross, stepsAcross } from '../../../compiler/5-program/free-ticks.ts';
import { scheduleProblem } from '../../../compiler/5-program/rule-schedules.ts';
import { verify } from '../../../compiler/5-program/verify.ts';
import { unpairedErrors } from '../../../compiler/6-partition/paired-errors.ts';
import { ownersOf } from '../../../compiler/6-partition/shards/owners.ts';
import { splitProgram } from '../../../compiler/6-partition/shards/split.ts';
import type { Tensor } from '../../../runtime/device/device.ts';
import { asTaken, emulated, freeMessages, newestWithin, type Taken } from '../../../runtime/training/free-ticks.ts';
import { linkOrigin, nodeOrigin } from '../../../spec/names.ts';
import { freeModel, RULES } from '../../support/free-model.ts';
import {
  type Compiled,
  compileText,
  inputsFor,
  type Outcome,
  openShards,
  positionOf,
  runShards,
  runWhole,
} from '../../support/shards.ts';

const TEXT = freeModel();
const SHARDS = ['x', 'a', 'b', 'c'];
const free = (rule: string, staleness: number): Compiled => compileText(TEXT, rule, {}, 1, { staleness });

/** A node in each shard, the last one with `y`; links where their sources are, or their targets. */
function inLine({ graph, program }: Compiled, side: 'source' | 'target' = 'source') {
  const home = (name: string): number => (name === 'y' ? 3 : SHARDS.indexOf(name));
  const assignment = new Map([
    ...graph.nodes.map((n) => [nodeOrigin(n.name), home(n.name)] as const),
    ...graph.links.map((l) => [linkOrigin(l.name), home(l[side])] as const),
  ]);
  const split = splitProgram(program, ownersOf(graph), assignment, SHARDS.length);
  for (const shard of split) verify(shard.program);
  return split;
}

const late = (delay: number, loss = 0, staleness = delay) => emulated({ delay, loss, seed: 7 }, staleness);

const firstCall = ({ program }: Compiled) => ({
  name: 'train',
  position: positionOf(1),
  inputs: inputsFor(program, 'train', 1),
  callIndex: 0,
  microbatch: 0,
});

const CAN = Object.keys(RULES).filter((rule) => scheduleOf(rule) === undefined);
function scheduleOf(rule: string): string | undefined {
  const { graph, task } = compileText(TEXT, rule);
  return scheduleProblem('async', graph, task);
}

describe.each(CAN)('%s', (rule) => {
  const compiled = free(rule, 2);
  const split = inLine(compiled, rule === 'ipc' ? 'target' : 'source');

  test('with frames of the same tick has the bits of lockstep, and what one machine computes', async () => {
    const lockstep = await runShards(compiled.program, split);
    expect(await runShards(compiled.program, split, undefined, late(0))).toEqual(lockstep);
    expect(await runShards(compiled.program, split, undefined, newestWithin(0))).toEqual(lockstep);
    close(await runWhole(compileText(TEXT, rule).program), lockstep);
  });

  test('with late and lost frames gives the same bits again, and others than without', async () => {
    const [one, two] = [
      await runShards(compiled.program, split, undefined, late(2, 0.2, 4)),
      await runShards(compiled.program, split, undefined, late(2, 0.2, 4)),
    ];
    expect(one).toEqual(two);
    if (rule !== 'fixed_prediction') expect(one).not.toEqual(await runShards(compiled.program, split));
  });
});

test('errors of fixed prediction are those of backpropagation, however late', async () => {
  const compiled = free('fixed_prediction', 2);
  const bp = await runWhole(compileText(TEXT, 'bp').program);
  for (const delay of [1, 2, 3]) close(bp, await runShards(compiled.program, inLine(compiled), undefined, late(delay)));
});

test('shards that run freely give, done again by what they took, the same bits', async () => {
  const compiled = free('il', 3);
  const split = inLine(compiled);
  const { sessions, states } = await openShards(split, newestWithin(3));
  const taken: Taken[][] = split.map(() => []);
  const pending: (() => void)[] = [];
  for (const session of sessions) session.start(firstCall(compiled));
  let open = sessions.length;
  // The last shard goes on as far as it can before the others get anything: its frames are new, theirs are old.
  for (let round = 0; open > 0; round++) {
    const session = sessions[(round * 7 + (round % 3)) % sessions.length];
    const step = await session?.advance();
    if (step?.kind === 'send')
      for (const frame of step.frames)
        pending.push(() => {
          const to = split.findIndex((s) =>
            s.schedule.messages.some((m) => m.id === frame.message && m.to === s.schedule.shard),
          );
          sessions[to]?.deliver(frame);
        });
    if (step?.kind === 'done') {
      taken[session?.shard ?? 0]?.push(...(step.taken ?? []));
      open--;
    }
    if (round % 5 === 4) for (const deliver of pending.splice(0)) deliver();
  }
  expect(taken.flat().length).toBeGreaterThan(0);
  const found = await states();
  // Once more, all frames kept, each shard with what it took.
  expect(await replay(compiled, split, taken)).toEqual(found);
});

async function replay(
  compiled: Compiled,
  split: ReturnType<typeof inLine>,
  taken: readonly Taken[][],
): Promise<Tensor[]> {
  const opened = await Promise.all(split.map((shard, i) => openShards([shard], asTaken(taken[i] ?? []))));
  const sessions = opened.flatMap((o) => o.sessions);
  for (const session of sessions) session.start(firstCall(compiled));
  let open = sessions.length;
  for (let i = 0; open > 0; i++) {
    const step = await sessions[i % sessions.length]?.advance();
    if (step?.kind === 'done') open--;
    if (step?.kind === 'send')
      for (const frame of step.frames)
        for (const to of sessions)
          if (to.schedule.messages.some((m) => m.id === frame.message && m.to === to.shard)) to.deliver(frame);
  }
  return (await Promise.all(opened.map((o) => o.states()))).flat();
}

test('a tick of every border is free, the sweep and the exchange behind the ticks are not', () => {
  const split = inLine(free('il', 1));
  for (const { schedule } of split.slice(1)) {
    const all = freeMessages(schedule);
    expect(all.size).toBeGreaterThan(0);
    expect(all.size).toBeLessThan(schedule.messages.length);
  }
});

test('an error waits at every border, and ticks are counted with that', () => {
  const { graph, task } = compileText(TEXT, 'il');
  const across = (staleness: number, crosses: (a: string, b: string) => boolean) =>
    reachAcross(graph, task, { staleness }, crosses)?.hops;
  expect(across(0, () => true)).toBe(3);
  expect(across(5, () => false)).toBe(3);
  // The first error is known at once; it is late at the two borders behind.
  expect(across(2, () => true)).toBe(3 + 2 * 2);
  expect(across(2, (source) => source === 'a')).toBe(3 + 2);
  expect(reachAcross(graph, task, { staleness: 6 }, () => true)?.never).toEqual(['a']);
  expect([stepsAcross(3, 0), stepsAcross(3, 2)]).toEqual([3, 11]);
  const auto = TEXT.replace('pc_alm(steps = 12', 'pc_alm(steps = auto');
  const stepsOf = (staleness?: number) =>
    compileText(
      auto,
      'pc_alm',
      {},
      1,
      staleness === undefined ? undefined : { staleness },
    ).program.functions[0]?.blocks.find((b) => b.carries.length > 0)?.repeat;
  expect(stepsOf(2)).toBe((2 + 1) * 3 + 2);
});

test('incremental PC is cut only where errors meet their own activities', () => {
  const compiled = free('ipc', 1);
  expect(unpairedErrors(compiled.task, inLine(compiled, 'target'))).toBeUndefined();
  expect(unpairedErrors(compiled.task, inLine(compiled, 'source'))).toBeUndefined();
  // Two shards predict one node: its error comes back to the weights of both.
  const text = TEXT.replace(
    'link c -> y           = links.dense()',
    'link c -> y = links.dense()\n  link a -> y = links.dense()',
  );
  const skip = compileText(text, 'ipc', {}, 1, { staleness: 1 });
  expect(unpairedErrors(skip.task, inLine(skip))?.reason).toContain('comes back to the weight `a->y.w`');
  expect(unpairedErrors(compileText(text, 'il', {}, 1, { staleness: 1 }).task, inLine(skip))).toBeUndefined();
});

test('the table of rules and schedules says what the code does', () => {
  const rows = readFileSync('spec/semantics.md', 'utf8').matchAll(
    /^\| `(\w+)` \| (yes|no) \| (yes|no) \| (yes|no) \| ([^|]+) \|$/gm,
  );
  const told = [...rows].map(([, rule, ...cells]) => [rule, ...cells.slice(0, 3)]);
  const found = Object.keys(RULES).map((rule) => {
    const { graph, task } = compileText(TEXT, rule);
    return [
      rule,
      ...(['lockstep', 'pipelined', 'async'] as const).map((s) =>
        scheduleProblem(s, graph, task) === undefined ? 'yes' : 'no',
      ),
    ];
  });
  expect(told.toSorted()).toEqual(found.toSorted());
});

/** As sums in another order leave it. */
function close(expected: Outcome, found: Outcome): void {
  for (const [id, values] of found.states) {
    const wanted = expected.states.get(id);
    if (!wanted) continue;
    const scale = Math.max(1e-3, ...wanted.map(Math.abs));
    values.forEach((v, i) => {
      expect(Math.abs(v - (wanted[i] ?? Number.NaN)) / scale, `${id}[${i}]`).toBeLessThan(1e-10);
    });
  }
}
