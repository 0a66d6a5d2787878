/** Plans of several shards, and a network with thinned links to make them of. */

import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { buildProgram } from '../../compiler/compile.ts';
import { builtPlan } from './built-plans.ts';
import { checked } from './check-source.ts';
import { smallSource } from './tiled-training.ts';

/** One link is a matrix with a mask, the other a list of connections. */
export const THINNED = smallSource(
  'thinned',
  `  sense x: f32[12]
  node  h: f32[10] = nodes.gaussian()
  node  y: f32[4] = nodes.gaussian()
  link x -> h = links.sparse(density = 0.6)
  link h -> y = links.sparse(density = 0.1)`,
  { x: 'f32[12]', y: 'f32[4]' },
);

export function shardedPlan(source: string, shards: number): BuiltPlan {
  const all = checked(source);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: [] });
  return builtPlan(staged, { shards });
}
