/** That splitting does no more work than it has to. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ownersOf } from '../../../compiler/6-partition/shards/owners.ts';
import { splitProgram, splitting } from '../../../compiler/6-partition/shards/split.ts';
import { tickWork } from '../../../compiler/6-partition/shards/work.ts';
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

test('splitting looks up the owner of a state as often for eight shards as for two', () => {
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

test.each([
  ['digits', 1],
  ['digits', 4],
  ['memory', 1],
  ['own_link', 1],
  ['small_brain', 1],
])(
  'the cost of a batch of %s for each shard is known without its program, in %i microbatches',
  (example, microbatches) => {
    const text = readFileSync(`dsl-examples/${example}.pcn`, 'utf8');
    const { graph, program } = compileText(text, undefined, {}, microbatches);
    const placing = { owners: ownersOf(graph), assignment: randomAssignment(graph, 3, 2), shards: 3 };
    const parts = splitting(program, placing);
    const work = parts.tickWork();
    const programs = parts.programs();
    expect(work.some((flops) => flops > 0)).toBe(true);
    expect(work).toEqual(tickWork(programs));
    expect(programs).toEqual(splitProgram(program, placing.owners, placing.assignment, 3));
  },
);
