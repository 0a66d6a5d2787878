/** What a shard holds within a batch is made before it is read: told from its schedule, without running it. */
import { describe, expect, test } from 'vitest';
import { heldProblem } from '../../../runtime/plan/held-states.ts';
import { schedulesProblem } from '../../../runtime/plan/schedules.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import type { ShardFunction, ShardSchedule } from '../../../spec/schedule.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';

const MAKES = '    %0 = constant(value=0.5) : []\n';

/** Of one segment: it reads the state, or makes it, or does one thing after the other. */
const segment = (name: string, read: string, written: string): string => `function ${name} batch 2
  block b from 0
${MAKES}${read === '' ? '' : `    %1 = neg(${read}) : []\n`}${written === '' ? '' : `  update ${written} = %0\n`}`;

const program = parseProgram(`program held

state held:train:%9 : [] value = {"kind":"constant","value":0}
state w : [] parameter = {"kind":"constant","value":0}

${segment('train.0', '', 'held:train:%9')}
${segment('train.1', 'held:train:%9', '')}
${segment('train.2', 'held:train:%9', 'held:train:%9')}
${segment('train.3', 'w', 'w')}
`);
const segments = new Map(program.functions.map((f) => [f.name, f]));

/** A function of two stages, the second of them a loop, and a weight step. */
function running(start: readonly string[], tick: readonly string[], after: readonly string[] = []): ShardFunction {
  const stage = (name: string, runs: readonly string[], repeat: number) => ({
    name,
    repeat,
    firstTick: 0,
    begin: [],
    segments: runs.map((run) => ({ receive: [], run, send: [] })),
    next: [],
    end: [],
  });
  const stages = [stage('start', start, 1), stage('tick', tick, 3)];
  return { name: 'train', batch: 2, inputs: [], stages, after: [stage('move', after, 1)], results: [] };
}

describe('a value that is held within a batch', () => {
  test.each([
    ['is read after the segment that makes it', running(['train.0', 'train.1'], [])],
    ['is read in a loop behind the stage that makes it', running(['train.0'], ['train.2', 'train.1'])],
    ['is read by the weight step', running(['train.0'], [], ['train.1'])],
    ['is not asked of weights, which a run brings', running(['train.3'], [])],
  ])('%s', (_, f) => {
    expect(heldProblem(f, segments)).toBeUndefined();
  });

  test.each([
    ['by an earlier segment', running(['train.1', 'train.0'], []), 'train.1'],
    ['by an earlier segment of a loop', running([], ['train.1', 'train.0']), 'train.1'],
    ['by the segment itself', running(['train.2'], []), 'train.2'],
    ['by a weight step that nothing makes it for', running([], [], ['train.1']), 'train.1'],
  ])('is refused where it is read too early: %s', (_, f, name) => {
    expect(heldProblem(f, segments)).toBe(`${name} reads held:train:%9 before anything has made it`);
  });
});

describe('a plan', () => {
  const { plan, files } = shardedPlan(THINNED, 2);
  const textOf = (path: string): string => new TextDecoder().decode(files.get(path));
  const schedules = plan.shards.map((s) => JSON.parse(textOf(s.schedule ?? '')) as ShardSchedule);
  const programs = plan.shards.map((s) => parseProgram(textOf(s.program)));

  test('is refused where a segment no longer makes what the next ones read', () => {
    const changed = programs.map(withoutHolding);
    expect(changed).not.toEqual(programs);
    expect(schedulesProblem(plan, schedules, programs)).toBeUndefined();
    expect(schedulesProblem(plan, schedules, changed)).toMatch(/reads held:.* before anything has made it/);
  });
});

function withoutHolding(one: Program): Program {
  const functions = one.functions.map((f) => ({
    ...f,
    updates: f.updates.filter((u) => !u.state.startsWith('held:t')),
  }));
  return { ...one, functions };
}
