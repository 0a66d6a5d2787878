/** A data set becomes blobs piece by piece: the machine that deploys it need not have room for it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BlobWriter } from '../../runtime/backplane/blob-writer.ts';
import { writeFetchedRun } from '../../runtime/cli/mesh/fetch-run.ts';
import { type Dataset, type FieldArray, sizeOf } from '../../runtime/data/dataset.ts';
import { KEPT_VOCABULARY } from '../../runtime/data/vocabulary-file.ts';
import type { Link } from '../../runtime/net/link.ts';
import { shardNeeds } from '../../runtime/net/shard-memory.ts';
import { blobsOf, deploymentProblem } from '../../runtime/wire/deployment-problem.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { ROWS as TINY_ROWS, tinyDeployment, tinyPart, tinyPlan } from './hostile/tiny-deployment.ts';

const ROWS = 20_000;
const PIECE_BYTES = 4 * 1024 * 1024;

/** Every row has values of its own, and none is kept. */
function drawn(asked: (bytes: number) => void): Dataset {
  const fields = [
    { name: 'image', type: 'u8', shape: [28, 28] },
    { name: 'digit', type: 'i32', shape: [] },
  ] as const;
  return {
    ...{ name: 'drawn', origin: 'drawn', length: ROWS, fields },
    gather(name: string, rows: ArrayLike<number>, out: FieldArray) {
      const field = fields.find((f) => f.name === name);
      const size = field ? sizeOf(field) : 0;
      asked(out.byteLength);
      for (let k = 0; k < rows.length; k++)
        for (let e = 0; e < size; e++) out[k * size + e] = ((rows[k] as number) * 31 + e) % 251;
    },
  };
}

test('no more than a piece of a column is there at a time, when it is hashed and when it is wanted', () => {
  let most = 0;
  const { deployment, blobs } = tinyDeployment(
    drawn((bytes) => {
      most = Math.max(most, bytes);
    }),
  );
  const image = deployment.train.columns.find((c) => c.name === 'image');
  expect(image?.blobs.length).toBe(Math.ceil(ROWS / Math.floor(PIECE_BYTES / 784)));
  expect(image?.blobs.reduce((sum, b) => sum + b.bytes, 0)).toBe(ROWS * 784);
  for (const { blob, bytes } of image?.blobs ?? []) {
    const found = blobs.get(blob) ?? new Uint8Array(0);
    expect([found.length, hex(sha256(found))]).toEqual([bytes, blob]);
  }
  expect(most).toBeLessThanOrEqual(PIECE_BYTES);
});

test('a vocabulary of tokens is a blob of the deployment, and a file of the run that is fetched', async () => {
  const content = Buffer.from('{"model": {}}');
  const vocabulary = { sha256: hex(sha256(content)), content };
  const made = tinyDeployment({ ...drawn(() => undefined), length: 64, vocabulary });
  const { deployment } = made;
  expect(deployment.vocabulary).toEqual({ blob: vocabulary.sha256, bytes: content.length });
  expect(deploymentProblem(deployment)).toBeUndefined();
  expect(blobsOf(deployment)).toContainEqual(deployment.vocabulary);
  const part = tinyPart(made);
  const at = hex(sha256(part));
  const link = {
    getBlob: async (blob: string) => made.blobs.get(blob),
    getBlobInto: async (_: string, __: number, open: (bytes: number) => BlobWriter) => {
      const writer = open(part.length);
      writer.write(part);
      writer.finishAtOnce(() => undefined);
    },
  };
  const manifest = { calls: 1, parts: [at], totals: {}, milliseconds: 1 };
  const run = { deployment, manifests: [manifest], rows: [], checks: [], phase: 'stopped' as const };
  const folder = mkdtempSync(join(tmpdir(), 'nmc-fetched-'));
  await writeFetchedRun(link as unknown as Link, run, join(folder, 'run'));
  expect(readFileSync(join(folder, 'run', KEPT_VOCABULARY))).toEqual(content);
  removeFolder(folder);
});

test('a ranking needs room for the scores that it keeps until its end', () => {
  const { deployment } = tinyDeployment();
  const { schedules, programs } = tinyPlan();
  const [schedule, program] = [schedules[0], programs[0]];
  if (!schedule || !program) throw new Error('no shard');
  const scoresOf = (metric: string): number | undefined => {
    const evaluations = deployment.evaluations.map((e) => ({ ...e, metric }));
    const needs = shardNeeds({ ...deployment, evaluations }, 0, { schedule, states: program.states, memory: 0 });
    return needs.find(({ what }) => what === 'scores of a ranking')?.bytes;
  };
  expect(scoresOf('auc')).toBe(3 * 8 * TINY_ROWS);
  expect(scoresOf('accuracy')).toBeUndefined();
});
