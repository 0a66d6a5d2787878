/** A small sound deployment, to be damaged by tests. */

import { verifyForeign } from '../../../runtime/cli/planning/verify-foreign.ts';
import { type Dataset, memoryDataset } from '../../../runtime/data/dataset.ts';
import { type MadeDeployment, makeDeployment } from '../../../runtime/net/make-deployment.ts';
import { encodeState } from '../../../runtime/net/shard-state.ts';
import { planInMemory } from '../../../runtime/plan/plan-memory.ts';
import { type VerifiedPlan, verifyPlan } from '../../../runtime/plan/verify-plan.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { makePlan } from '../../unit/plan/make-plan.ts';

export const ROWS = 32;

const MADE = memoryDataset('made', 'made', [
  { field: { name: 'image', type: 'u8', shape: [28, 28] }, data: new Uint8Array(ROWS * 784).fill(7) },
  { field: { name: 'digit', type: 'i32', shape: [] }, data: new Int32Array(ROWS).fill(3) },
]);

/** Its plan. */
export function tinyPlan(): VerifiedPlan {
  const { json, files } = makePlan();
  return verifyPlan(planInMemory('it', new Map([['plan.json', json], ...files])), verifyForeign);
}

/** @param data images of u8[28, 28] and digits */
export function tinyDeployment(data: Dataset = MADE): MadeDeployment {
  const verified = tinyPlan();
  const { training } = verified.plan;
  if (!training) throw new Error('nothing is trained');
  return makeDeployment({
    ...{ verified, training },
    data: { train: data, checks: [data] },
    statistics: new Map([['image', { mean: new Float32Array(784), scale: 1 }]]),
    epochs: 1,
    seed: 1,
    snapshotEvery: undefined,
    codec: 'f32',
    source: { path: 'tiny.pcn', text: '', compiler: 'test' },
  });
}

/** A part of a snapshot that the plan's only shard would take. */
export function tinyPart({ deployment, blobs }: MadeDeployment): Uint8Array {
  const file = deployment.plan.find((f) => f.path.endsWith('program.txt'));
  const { states } = parseProgram(new TextDecoder().decode(blobs.get(file?.blob ?? '')));
  const parameters = states
    .filter((s) => s.role === 'parameter' || s.role === 'statistic')
    .map(({ id, shape }) => ({
      name: id,
      dtype: 'F32' as const,
      shape: [...shape],
      data: new Float32Array(shape.reduce((product, n) => product * n, 1)),
    }));
  return encodeState({ parameters, auxiliary: [] });
}

/** One more file of the plan. */
export function withFile(
  { deployment, blobs }: MadeDeployment,
  path: string,
  bytes = new TextEncoder().encode('not yours'),
): { readonly deployment: Deployment; readonly blobs: ReadonlyMap<string, Uint8Array> } {
  const blob = hex(sha256(bytes));
  return {
    deployment: { ...deployment, plan: [...deployment.plan, { path, blob, bytes: bytes.length }] },
    blobs: new Map([...blobs, [blob, bytes]]),
  };
}
