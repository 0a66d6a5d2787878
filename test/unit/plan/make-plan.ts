/** A small sound plan in a folder, to be damaged by tests. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { sha256 } from '../../../compiler/8-plan/canonical.ts';
import { buildProgram, checkFile, type PlanOptions } from '../../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { compilerName } from '../../../runtime/cli/shell/package-root.ts';
import { writePlan } from '../../../runtime/plan/write-plan.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import type { Plan } from '../../../spec/plan.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { tinyModel } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';

export interface MadePlan {
  readonly plan: Plan;
  readonly json: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export function makePlan(text = tinyModel(), options: PlanOptions = {}): MadePlan {
  const checked = checkFile(overlayHost({ 'tiny.pcn': text }, fileHost()), 'tiny.pcn');
  if (!checked.value) throw new Error('the tiny model has mistakes');
  const { trains, predicts } = checked.value;
  const [task] = trains;
  if (!task) throw new Error('the tiny model has no task');
  const staged = buildProgram({ checked: checked.value, model: task.model, task, predicts });
  const { plan, files } = builtPlan(staged, options, { compiler: compilerName(), modules: [] });
  return { plan, json: planBytes(plan), files };
}

/** Writes the plan into a new folder. */
export function writeMade({ json, files }: MadePlan): string {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-plan-'));
  writePlan(folder, json, files);
  return folder;
}

export function remove(folder: string): void {
  removeFolder(folder);
}

/** Replaces a file of the plan and makes its hash right: whoever makes a hostile plan can count. */
export function forge(folder: string, path: string, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  writeFileSync(join(folder, path), bytes);
  changePlan(folder, (plan) => ({
    ...plan,
    files: plan.files.map((f) => (f.path === path ? { path, sha256: sha256(bytes), bytes: bytes.length } : f)),
  }));
}

export function changePlan(folder: string, change: (plan: Plan) => unknown): void {
  const path = join(folder, 'plan.json');
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Plan)));
}

/** Result of opening: code and words of a user's error, or `accepted`. */
export function opening(folder: string): string {
  try {
    openPlan(folder);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}
