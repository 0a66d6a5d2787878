/** Checks that a synchronizer cannot compute end in a reason: what is too large is not begun, what ends is noticed. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CheckProcess } from '../../../runtime/cli/compiling/check-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { checkedChain } from './role-driver.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-check-'));
const checker = new CheckProcess(folder);
afterAll(async () => {
  await checker.close();
  removeFolder(folder);
});

test('a model that does not fit is not started', async () => {
  const deployment = checkedChain();
  const large = { ...deployment, needs: deployment.needs.map((need) => ({ ...need, memory: 1e12 })) };
  expect(await checker.check({ deployment: large, parts: [] })).toMatchObject({
    problem: expect.stringMatching(/^it needs .* the synchronizer has .* for it$/),
  });
});

test('a process that ends leaves a reason, and the next check starts a new one', async () => {
  for (let i = 0; i < 2; i++)
    // From source there is no such process: it ends before it has said a word.
    expect(await checker.check({ deployment: checkedChain(), parts: [] })).toEqual({
      problem: 'the process that computes it has ended',
    });
});

test('a check process that was closed starts nothing more', async () => {
  await checker.close();
  expect(await checker.check({ deployment: checkedChain(), parts: [] })).toEqual({
    problem: 'the synchronizer is closing',
  });
});
