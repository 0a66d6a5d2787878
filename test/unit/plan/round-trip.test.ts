/** The loader takes every plan that the compiler writes: for every rule, and with batches that are shared by lanes. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { buildProgram, checkFile } from '../../../compiler/compile.ts';
import { fileHost } from '../../../compiler/host.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { writePlan } from '../../../runtime/plan/write-plan.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-plan-'));
afterAll(() => removeFolder(folder));

const { value: checked } = checkFile(fileHost(), 'dsl-examples/mnist.pcn');

test.each(checked?.trains ?? [])('the plan of $name comes back from its bytes as it was', (task) => {
  if (!checked) throw new Error('the example has errors');
  const predicts = checked.predicts.filter((p) => p.model.name === task.model.name);
  const staged = buildProgram({ checked, model: task.model, task, predicts });
  const { plan, files } = builtPlan(staged);
  const place = join(folder, task.name);
  writePlan(place, planBytes(plan), files);
  const loaded = openPlan(place);
  expect(loaded.plan).toEqual(plan);
  expect(loaded.programs).toEqual([staged.program]);
});
