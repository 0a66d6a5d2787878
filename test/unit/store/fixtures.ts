import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '../../../runtime/store/run-config.ts';
import type { RunState } from '../../../runtime/store/snapshots.ts';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'nmc-store-'));
}

export const CONFIG: RunConfig = {
  model: 'digits',
  task: 'classify',
  settings: { epochs: 6, batch: 128, learning_rate: 0.001, device: 'cpu' },
  compilerVersion: '0.1.0',
  seed: 1,
  parameterCount: 6,
  source: { path: 'digits.pcn', text: 'model digits {\n  # a comment with ``` in it\n}\n' },
};

/** A state whose every part is a function of its update, so that a mixture of two states is noticed. */
export function stateAt(update: number, epoch = update, size = 6): RunState {
  return {
    epoch,
    batch: update % 7,
    update,
    finished: false,
    totals: { energy: update / 3, samples: update * 128 },
    parameters: [{ name: 'h1.weight', dtype: 'F32', shape: [size], data: new Float32Array(size).fill(update) }],
    auxiliary: [
      { name: 'h1.weight/first_moment', dtype: 'F32', shape: [size], data: new Float32Array(size).fill(-update) },
      { name: 'random', dtype: 'U8', shape: [3], data: Uint8Array.of(update, 2, 3) },
    ],
  };
}

/** 22 November 2026, noon, wherever the test runs. */
export const NOON = new Date(2026, 10, 22, 12).getTime();

/** The thrown error's code; fails the test when nothing is thrown. */
export function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  throw new Error('expected an error');
}
