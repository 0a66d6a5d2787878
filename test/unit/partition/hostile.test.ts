/** Plans of several shards, forged with the right hashes: whatever one part says of another is checked before it is run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import type { Plan } from '../../../spec/plan.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';
import { SMALL_MEMORY } from '../../support/small-memory.ts';
import { changePlan, forge, opening, remove, writeMade } from '../plan/make-plan.ts';

vi.setConfig({ testTimeout: 60_000 });

const plans = { lateral: shardedPlan(SMALL_MEMORY, 11), thinned: shardedPlan(THINNED, 2) };
type Name = keyof typeof plans;

let folder = '';
afterEach(() => {
  if (folder !== '') remove(folder);
  folder = '';
});

function write(name: Name): void {
  const { plan, files } = plans[name];
  folder = writeMade({ plan, json: planBytes(plan), files });
}

const opened = (): string => opening(folder);

/** Changes the first line among the shards' programs in which `pattern` is found. */
function forgeProgram(pattern: RegExp, to: string): void {
  const { shards } = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8')) as Plan;
  for (const { program: path } of shards) {
    const text = readFileSync(join(folder, path), 'utf8');
    if (!pattern.test(text)) continue;
    forge(folder, path, text.replace(pattern, to));
    return;
  }
  throw new Error(`no program has ${pattern}`);
}

test.each<Name>(['lateral', 'thinned'])('a %s plan as it was made is accepted', (name) => {
  write(name);
  expect(opened()).toBe('accepted');
});

test.each<[string, RegExp, string]>([
  ['no object', /"across":\{[^}]*\}/, '"across":7'],
  ['null', /"across":\{[^}]*\}/, '"across":null'],
  ['along the axis of the tile', /"across":\{"axis":1/, '"across":{"axis":0'],
  ['along an axis that does not exist', /"across":\{"axis":\d/, '"across":{"axis":2'],
  ['along an axis that is a word', /"across":\{"axis":\d/, '"across":{"axis":"length"'],
  ['along an axis in quotes', /"across":\{"axis":(\d)/, '"across":{"axis":"$1"'],
  ['after the end', /"across":\{"axis":\d,"from":\d+/, '"across":{"axis":1,"from":49'],
  ['before the start', /("across":\{"axis":\d,"from":)\d+/, '$1-1'],
  ['between two elements', /"across":\{"axis":\d,"from":\d+/, '"across":{"axis":1,"from":0.5'],
  ['with runs as well', /"across":/, '"groups":1.5,"across":'],
  ['beyond all numbers', /"across":\{"axis":\d,"from":\d+/, '"across":{"axis":1,"from":9e99'],
])('the second axis of a tile is refused: %s', (_, pattern, to) => {
  write('lateral');
  forgeProgram(pattern, to);
  expect(opened()).toMatch(/^plan\/format: .*(is not a tile of|overlap)/);
});

test.each<[string, RegExp, string]>([
  ['another place, where another tile lies', /"across":\{"axis":\d,"from":[1-9]\d*/, '"across":{"axis":1,"from":0'],
  ['a whole of another shape', /"shape":\[49,49\]/, '"shape":[49,50]'],
  ['a whole of another name', /"of":"pixels->pixels\.w"/, '"of":"pixels->pixels.x"'],
  ['another beginning than the others', /(parameter = \{"kind":")\w+","\w+":[\d.]+/, '$1constant","value":1'],
  ['an axis that is a word', /("shape":\[49,49\],"axis":)\d/, '$1"length"'],
])('a tile is refused: %s', (_, pattern, to) => {
  write('lateral');
  forgeProgram(pattern, to);
  expect(opened()).toMatch(/^plan\/format: .*(overlap|not of one tensor|do not cover it|is not a tile of)/);
});

test.each<[string, RegExp, string]>([
  ['nothing', /"sparsity":\{[^}]*\}[^}]*\}/, '"sparsity":null'],
  ['an unknown topology', /"topology":"\w+"/, '"topology":"eval"'],
  ['more sources than there are', /"total":\d+/, '"total":1'],
  ['sources beyond all numbers', /"total":\d+/, '"total":1e300'],
  ['too many connections to draw', /"total":\d+/, '"total":9000000000'],
  ['a seed that is not a number', /"seed":\d+/, '"seed":"x"'],
  ['a density that is not a number', /"arguments":\{"density":[\d.]+/, '"arguments":{"density":"x"'],
  ['an offset before the start', /"offset":\d+/, '"offset":-1'],
  [
    'more inputs than sources',
    /"topology":"random","arguments":\{[^}]*\}/,
    '"topology":"fixed_indegree","arguments":{"n":1e12}',
  ],
])('a thinned beginning that is drawn from %s is refused', (_, pattern, to) => {
  write('thinned');
  forgeProgram(pattern, to);
  expect(opened()).toMatch(/^plan\/format: .*(drawn from|connections to draw from|wants|begins|has no beginning)/);
});

test.each<[string, RegExp, string]>([
  ['a matrix of nothing', /"matrix":\[\d+,\d+\]/, '"matrix":[0,4]'],
  ['a matrix of words', /"matrix":\[\d+,\d+\]/, '"matrix":["a","b"]'],
  ['a huge matrix', /"matrix":\[\d+,\d+\]/, '"matrix":[2147483647,2147483647]'],
  ['another rank', /("matrix":\[\d+,\d+)\]/, '$1,1]'],
])('a list of connections in %s is refused', (_, pattern, to) => {
  write('thinned');
  forgeProgram(pattern, to);
  expect(opened()).toMatch(/^plan\/format: .*(is not a list of connections|drawn from|connections to draw from)/);
});

type Shard = Plan['shards'][number];
const onShard = (change: (shard: Shard) => object) => (plan: Plan) => ({
  ...plan,
  shards: plan.shards.map((s, i) => (i === 1 ? { ...s, ...change(s) } : s)),
});

test.each<[string, (plan: Plan) => unknown]>([
  ['a shard by the number of another', onShard(() => ({ id: 0 }))],
  ['a node twice', onShard((s) => ({ nodes: [...s.nodes, ...s.nodes] }))],
  ['a tile of a node that it does not have', onShard(() => ({ tiles: [{ name: 'x/0', from: 0, to: 1 }] }))],
  ['a tile without units', onShard((s) => ({ tiles: s.tiles?.map((t) => ({ ...t, to: t.from })) }))],
  [
    'a border with a shard that does not exist',
    (p) => ({ ...p, borders: p.borders.map((b) => ({ ...b, shards: [0, 99] })) }),
  ],
  ['a border of a shard with itself', (p) => ({ ...p, borders: p.borders.map((b) => ({ ...b, shards: [1, 1] })) })],
  ['a border twice', (p) => ({ ...p, borders: [...p.borders, ...p.borders] })],
  [
    'flows of other shards',
    (p) => ({ ...p, borders: p.borders.map((b) => ({ ...b, flows: b.flows.map((f) => ({ ...f, from: 99 })) })) }),
  ],
  ['fewer machines than shards', (p) => ({ ...p, predicted: p.predicted && { ...p.predicted, machines: [] } })],
  ['fewer predictions than shards', (p) => ({ ...p, predicted: p.predicted && { ...p.predicted, shards: [] } })],
  [
    'a bottleneck that does not exist',
    (p) => ({ ...p, predicted: p.predicted && { ...p.predicted, limit: { shard: 99, by: 'compute' } } }),
  ],
  [
    'a beginning in a beginning without end',
    onShard((s) => {
      let of: unknown = { kind: 'constant', value: 0 };
      for (let i = 0; i < 3000; i++) of = { kind: 'thinned', of, sparsity: {} };
      return { parameters: s.parameters.map((p) => ({ ...p, init: of })) };
    }),
  ],
])('a plan with %s is refused', (_, change) => {
  write('lateral');
  changePlan(folder, change);
  expect(opened()).toMatch(/^plan\/format: /);
});
