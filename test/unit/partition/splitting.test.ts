/** That splitting does no more work than it has to. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ownersOf } from '../../../compiler/6-partition/shards/owners.ts';
import { type ShardProgram, splitProgram, splitting } from '../../../compiler/6-partition/shards/split.ts';
import { shardMemory, shardWork } from '../../../compiler/6-partition/shards/work.ts';
import type { State } from '../../../spec/program.ts';
import { compileText, randomAssignment } from '../../support/shards.ts';
import { smallModel } from '../../support/tiled-training.ts';

const BODY = `  sense x: f32[3]
  node  a: f32[5] = nodes.gaussian()
  node  b: f32[6] = nodes.gaussian()
  node  y: f32[4] = nodes.gaussian()

  link x -> a = links.dense()
  link a -> b = links.dense()
  link b -> y = links.dense()`;

test('splitting asks for the owner of a state as often for eight shards as for two', () => {
  const { graph, program } = smallModel('cells', BODY, { x: 'f32[3]', y: 'f32[4]' });
  const owners = ownersOf(graph);
  const timesAsked = (shards: number): number => {
    let asked = 0;
    const counting = {
      ...owners,
      ofState: (state: State) => {
        asked++;
        return owners.ofState(state);
      },
    };
    splitProgram(program, counting, randomAssignment(graph, shards, 1), shards);
    return asked;
  };
  expect(timesAsked(2)).toBeGreaterThan(0);
  expect(timesAsked(8)).toBe(timesAsked(2));
});

test('what a batch costs each shard is found without a split of predictions, which comes out the same behind it', () => {
  const { graph, program } = compileText(readFileSync('dsl-examples/digits.pcn', 'utf8'));
  const assignment = randomAssignment(graph, 3, 2);
  const parts = splitting(program, ownersOf(graph), assignment, 3);
  const ofBatch = parts.ofBatch();
  const whole = splitProgram(program, ownersOf(graph), assignment, 3);
  expect(ofBatch.flatMap(({ schedule }) => schedule.functions.map((f) => f.name))).toEqual(['train', 'train', 'train']);
  expect(shardWork(ofBatch)).toEqual(shardWork(whole));
  expect(whole.some((shard, i) => shardMemory(shard) > shardMemory(ofBatch[i] as ShardProgram))).toBe(true);
  expect(parts.all()).toEqual(whole);
});
