/**
 * Writes one large plan in a process of its own, so that its memory is its own: `node plan-child.js TILES SHARDS`.
 * Prints `{seconds, planBytes, heldBytes, extraBytes}`: of the folder, of the process before anything is written, and
 * how much more it ever had while it wrote.
 */
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programPart } from '../../compiler/8-plan/build.ts';
import { writeCanonical } from '../../compiler/8-plan/canonical.ts';
import { writePlanParts } from '../../runtime/plan/write-plan.ts';
import { PLAN_FORMAT, type Plan, type PlanPart, type PlanShard } from '../../spec/plan.ts';
import type { Op, Program, State } from '../../spec/program.ts';
import { removeFolder } from '../support/remove-folder.ts';

const WIDTH = 64;

/** A layer of `tiles` tiles with a product each, in shards of as many. */
function layer(tiles: number, shards: number): { readonly plan: Plan; readonly parts: readonly PlanPart[] } {
  const parts: PlanPart[] = [];
  const each = Math.floor(tiles / shards);
  const all = Array.from({ length: shards }, (_, id): PlanShard => {
    const own = Array.from({ length: each }, (_none, i) => id * each + i);
    const states = own.map(
      (i): State => ({
        id: `x->h.w/${i}`,
        shape: [4, WIDTH],
        role: 'parameter',
        init: { kind: 'uniform', bound: 0.125 },
        slice: { of: 'x->h.w', shape: [4 * tiles, WIDTH], axis: 0, from: 4 * i },
      }),
    );
    const ops = own.map(
      (i): Op => ({
        id: `%12/${i}`,
        op: 'matmul',
        args: ['x', `x->h.w/${i}`],
        attributes: { tb: true },
        shape: [128, 4],
        origin: `link x->h/${i}`,
      }),
    );
    const block = { name: 'tick', repeat: 8, firstTick: 0, scalars: [], carries: [], ops };
    const f = {
      name: 'train',
      role: 'train' as const,
      batch: 128,
      inputs: [],
      blocks: [block],
      updates: [],
      results: [],
    };
    const program: Program = { name: 'layer', states, functions: [f] };
    const path = `shards/${id}/program.txt`;
    parts.push(programPart(path, program));
    return {
      id,
      nodes: own.map((i) => `h/${i}`),
      tiles: own.map((i) => ({ name: `h/${i}`, from: 4 * i, to: 4 * (i + 1) })),
      parameters: states.map(({ id: name, shape, init }) => ({ name, shape, init })),
      parameterCount: each * 4 * WIDTH,
      memory: each * 16 * WIDTH,
      flopsPerBatch: 1,
      program: path,
      cpu: [],
    };
  });
  const plan = { format: PLAN_FORMAT, compiler: 'bench', model: 'layer', source: [], predictions: [], checks: [] };
  return { plan: { ...plan, shards: all, borders: [], files: [] }, parts };
}

const [tiles, shards] = [Number(process.argv[2]), Number(process.argv[3])];
const folder = mkdtempSync(join(tmpdir(), 'nmc-plan-'));
try {
  const { plan, parts } = layer(tiles, shards);
  const held = process.resourceUsage().maxRSS * 1024;
  const started = performance.now();
  let listed = 0;
  const place = join(folder, 'plan');
  writePlanParts(place, parts, (files, sink) => {
    listed = files.reduce((sum, f) => sum + f.bytes, 0);
    writeCanonical({ ...plan, files }, sink);
  });
  const seconds = (performance.now() - started) / 1000;
  const planBytes = listed + statSync(join(place, 'plan.json')).size;
  const extraBytes = process.resourceUsage().maxRSS * 1024 - held;
  console.log(JSON.stringify({ seconds, planBytes, heldBytes: held, extraBytes }));
} finally {
  removeFolder(folder);
}
