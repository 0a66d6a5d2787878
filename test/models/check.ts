/** One model on some machines, against the equations. */
import { compiled, differences, MANY_DRAWS, type Model, startOf, trainedOn, wantedOf } from './compare.ts';
import { type Machine, reference } from './devices.ts';
import type { Start } from './interpreter.ts';

/** Units in the last place within which an error of values of about 1 may be rounding. */
const ROUNDING_UNITS = 100;

export interface Checked {
  /** What differs, in words. */
  readonly found: readonly string[];
  /** Names of the machines that trained it; none where its values run away, so that there is nothing to compare. */
  readonly on: readonly string[];
}

export async function check(text: string, machines: readonly Machine[]): Promise<Checked> {
  const model = compiled(text);
  const start = await beginningOf(model);
  const ahead = model.staged.ahead === 1;
  const wanted = wantedOf(model, start, false);
  const wantedAhead = ahead && wanted ? wantedOf(model, start, true) : wanted;
  if (!wanted || !wantedAhead) return { found: [], on: [] };
  const found: string[] = [];
  const on: string[] = [];
  for (const machine of machines) {
    const those = machine.inShards ? wantedAhead : wanted;
    // Machines that take an error for none, or rounding for an error, would both be right.
    if (those.leastError < ROUNDING_UNITS * machine.unit) continue;
    const shard = await machine.open(model);
    if (!shard) continue;
    const outcome = await trainedOn(shard, model);
    await shard.close();
    let lines = differences(outcome, those, model, machine.unit);
    if (lines.length > 0) {
      const surely = wantedOf(model, start, ahead && machine.inShards === true, MANY_DRAWS) ?? those;
      lines = differences(outcome, surely, model, machine.unit);
    }
    found.push(...lines.map((line) => `${machine.name}: ${line}`));
    on.push(machine.name);
  }
  return { found, on };
}

async function beginningOf(model: Model): Promise<Start> {
  const shard = await reference.open(model);
  if (!shard) throw new Error('the reference device opens everything');
  const start = await startOf(shard, model);
  await shard.close();
  return start;
}
