/** A rate that is found and values that a cut keeps: told when a training begins, kept in its plan, and used from there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../spec/plan.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';

const folder = temporaryFolder();

function model(name: string, settings: string): string {
  const path = join(folder, `${name}.pcn`);
  writeFileSync(
    path,
    `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense pixels: f32[784]
  node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[12] = nodes.gaussian(act = tanh)
  node c: f32[12] = nodes.gaussian(act = tanh)
  node label: f32[10]
  link pixels -> a -> b -> c -> label = links.dense()
}
train t of m on data.glyphs.train {
  clamp pixels = standardize(sample.image)
  clamp label = one_hot(sample.digit, 10)
  ${settings}
  batch = 16
  epochs = 1
}
schedule s of m { cut_at = nodes }
predict classify of m {
  clamp pixels = standardize(input.image)
  read digit = argmax(label)
}
check accuracy(classify.digit, data.glyphs.test.digit) >= 0
`,
  );
  return path;
}

const planOf = (path: string): Plan => JSON.parse(readFileSync(join(path, 'plan.json'), 'utf8')) as Plan;

describe('rate = auto', () => {
  const path = model('auto', 'method = learn.pc_alm()');
  const run = (name: string): string => join(folder, name);
  const trained = (name: string, ...more: readonly string[]) =>
    nmcInProcess('train', path, '--limit', '64', '--json', '--seed', '3', '--out', run(name), ...more);

  test('is found once, and the same for one shard and for several', async () => {
    expect(await trained('one')).toMatchObject({ code: 0 });
    expect(await trained('two', '--shards', '2')).toMatchObject({ code: 0 });
    const [one, two] = ['one', 'two'].map((name) => planOf(join(run(name), 'plan')).training?.found);
    expect(one?.rate).toBeCloseTo(1 / (one?.curvature ?? 0), 3);
    expect(two).toEqual(one);
    // Predictions made anew of the text settle at the rate that the run has.
    expect(await nmcInProcess('eval', run('one'), '--model', path, '--json')).toMatchObject({ code: 0 });
  });

  test('is refused by commands that have no data, with a repair', async () => {
    const { code, stderr } = await nmcInProcess('compile', path, '-o', join(folder, 'none'));
    expect(code).toBe(2);
    expect(stderr).toContain('rate = 0.1');
  });
});

describe('values = borders', () => {
  const path = model('borders', 'method = learn.il(steps = 4, rate = 0.1)\n  values = borders');

  test('of a later cut are those of the plan that it is from', async () => {
    const [first, later] = [join(folder, 'first'), join(folder, 'later')];
    expect(await nmcInProcess('compile', path, '--partition', '2', '-o', first)).toMatchObject({ code: 0 });
    const { stdout } = await nmcInProcess('compile', path, '--partition', '3', '--from', first, '-o', later);
    const { values } = planOf(first).training ?? {};
    expect(values?.nodes).toHaveLength(1);
    expect(planOf(later).training?.values).toEqual(values);
    expect(stdout).toContain(`values ${values?.nodes[0]}`);
  });
});
