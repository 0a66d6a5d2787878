/** A small chain of five nodes for tests of a mesh that really trains: its data, and its plans in so many shards. */
import { buildProgram } from '../../compiler/compile.ts';
import { builtPlan } from '../support/built-plans.ts';
import { checked } from '../support/check-source.ts';
import { normalData } from '../support/filled-data.ts';

const CHAIN = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model chain {
  sense x: f32[6]
  node  h: f32[5] = nodes.gaussian()
  node  i: f32[4] = nodes.gaussian()
  node  j: f32[4] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h -> i -> j = links.dense(after = tanh)
  link j -> y = links.dense()
}

train il of chain on data.file("points.npz", x = f32[6], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = 4, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = 4
  epochs    = 1
}

predict answer of chain {
  clamp x = input.x
  read y = y
}

check error(answer.y, data.file("points.npz", x = f32[6], y = f32[2]).y) <= 100
`;

/** Two ways from the input to the answer. */
export const FORK = CHAIN.replace(
  / {2}node {2}h[\s\S]*?}\n/,
  `  node  h: f32[5] = nodes.gaussian()
  node  i: f32[5] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()
  link x -> h = links.dense(after = tanh)
  link x -> i = links.dense(after = tanh)
  link h -> y = links.dense()
  link i -> y = links.dense()
}
`,
);

const SAMPLES = 28;
/** Seven batches. */
export const points = normalData('points', SAMPLES, { x: 6, y: 2 });

/** Wide enough to be thinned on borders. */
const wide = CHAIN.replace('h: f32[5]', 'h: f32[40]')
  .replace('i: f32[4]', 'i: f32[36]')
  .replace('j: f32[4]', 'j: f32[33]');

/** Ticks in which errors come through three shards, of values that are two ticks old. */
const FREE_STEPS = 9;

export interface ChainOptions {
  /** Of the schedule `async`; absent: another one. */
  readonly staleness?: number;
  readonly late?: 'absent';
  /** Its nodes have more than 32 values. */
  readonly isWide?: boolean;
  readonly model?: string;
}

export function staged(
  microbatches: number,
  ahead: number,
  { staleness, late, isWide = false, model }: ChainOptions = {},
) {
  const text = model ?? (isWide ? wide : CHAIN);
  const all = checked(staleness === undefined ? text : text.replace('steps = 4', `steps = ${FREE_STEPS}`));
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return {
    ...buildProgram(
      { checked: all, model: task.model, task, predicts: all.predicts },
      { microbatches, ...(staleness === undefined ? {} : { async: { staleness, ...(late && { late }) } }) },
    ),
    ahead,
  };
}

/** For the schedule `async`. */
export function freePlanOf(shards: number, staleness: number, model = CHAIN, late?: 'absent', microbatches = 1) {
  return builtPlan(staged(microbatches, 0, { staleness, model, ...(late && { late }) }), { shards });
}

/** @param isWide its nodes have more than 32 values */
export function planOf(shards: number, ahead: number, microbatches = 2, isWide = false) {
  return builtPlan(staged(microbatches, ahead, { isWide }), { shards });
}
