/** Moves between two plans are told from the plans alone. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { diffPlans, type PlanDiff } from '../../../compiler/8-plan/diff.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import type { Plan } from '../../../spec/plan.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'nmc-diff-'));
const at = (name: string): string => join(folder, name);

const desk = { name: 'desk', rate: 4e10, memory: 1e9 };
const attic = { name: 'attic', rate: 2e10, memory: 1e9 };
const shed = { name: 'shed', rate: 1e10, memory: 1e9 };

async function compiled(name: string, machines: object[]): Promise<Plan> {
  writeFileSync(at(`${name}.json`), JSON.stringify({ format: '1.0', machines }));
  const args = ['dsl-examples/digits.pcn', '--set', 'hidden=12', '--mesh', at(`${name}.json`), '-o', at(name)];
  expect(await nmc('compile', ...args)).toMatchObject({ code: 0, stderr: '' });
  return openPlan(at(name)).plan;
}

let three: Plan;
let other: Plan;
let two: Plan;
beforeAll(async () => {
  three = await compiled('three', [desk, attic, shed]);
  other = await compiled('other', [shed, desk, { ...attic, rate: 1e9 }]);
  two = await compiled('two', [desk, attic]);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => removeFolder(folder));

/** Where every piece is, by names of machines. */
function places(plan: Plan): Map<string, string> {
  return new Map(
    plan.shards.flatMap((s, i) => s.nodes.map((n) => [n, plan.predicted?.machines[i]?.name ?? ''] as const)),
  );
}

test('nothing moves between a plan and itself, nor where shards only have other numbers', () => {
  const turned: Plan = {
    ...three,
    shards: [...three.shards].reverse(),
    ...(three.predicted && {
      predicted: { ...three.predicted, machines: [...three.predicted.machines].reverse() },
    }),
  };
  for (const plan of [three, turned]) {
    const diff = diffPlans(three, plan);
    expect(diff).toMatchObject({ moves: [], recut: [], machines: { gone: [], added: [], changed: [] } });
    expect(diff.parameterBytes.moved).toBe(0);
  }
});

test('the pieces of a machine that is gone move or are cut anew, and the reason names it', () => {
  const diff = diffPlans(three, two);
  expect(diff.machines).toMatchObject({ gone: ['shed'], added: [] });
  const cut = new Set(diff.recut.map((r) => r.node));
  for (const [piece, place] of places(three)) {
    if (place !== 'shed' || cut.has(piece.replace(/\/\d+$/, ''))) continue;
    expect(diff.moves.find((m) => m.piece === piece)).toMatchObject({ from: 'shed', why: 'shed is gone' });
  }
  expect(diff.before.shards).toBe(3);
  expect(diff.after).toMatchObject({ shards: 2, secondsPerTick: two.predicted?.tick });
  // The way back: the same moves the other way, because a machine is new.
  const back = diffPlans(two, three);
  expect(back.machines).toMatchObject({ gone: [], added: ['shed'] });
  expect(back.moves.map((m) => `${m.piece} ${m.from} ${m.to}`).sort()).toEqual(
    diff.moves.map((m) => `${m.piece} ${m.to} ${m.from}`).sort(),
  );
});

test('a machine that became slower is named with its former rate', () => {
  const { machines } = diffPlans(three, other);
  expect(machines).toEqual({ gone: [], added: [], changed: ['attic: rate 2e+10 → 1e+9'] });
});

test('nmc plan diff prints the difference, and --json gives it as one object', async () => {
  const { code, stdout } = await nmc('plan', 'diff', at('three'), at('two'));
  expect(code).toBe(0);
  expect(stdout).toContain('shards      3 → 2');
  expect(stdout).toContain('machine     - shed');
  const json = await nmc('plan', 'diff', at('three'), at('two'), '--json');
  const { event, ...diff } = JSON.parse(json.stdout) as PlanDiff & { event: string };
  expect(event).toBe('diff');
  expect(diff).toEqual(JSON.parse(JSON.stringify(diffPlans(three, two))));
  expect(await nmc('plan', 'diff', at('three'), at('nothing'))).toMatchObject({ code: 2 });
});
