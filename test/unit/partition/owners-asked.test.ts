/** That work of splitting does not grow with states times shards. */
import { expect, test } from 'vitest';
import { ownersOf } from '../../../compiler/6-partition/shards/owners.ts';
import { splitProgram } from '../../../compiler/6-partition/shards/split.ts';
import type { State } from '../../../spec/program.ts';
import { randomAssignment } from '../../support/shards.ts';
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
