/** One model on some machines, against the equations. */
import { compiled, differences, type Model, startOf, trainedOn, wantedOf } from './compare.ts';
import { type Machine, reference } from './devices.ts';
import type { Start } from './interpreter.ts';

/** @returns what differs, in words */
export async function check(text: string, machines: readonly Machine[]): Promise<string[]> {
  const model = compiled(text);
  const start = await beginningOf(model);
  const ahead = model.staged.ahead === 1;
  const wanted = wantedOf(model, start, false);
  const wantedAhead = ahead ? wantedOf(model, start, true) : wanted;
  if (!wanted || !wantedAhead) return [];
  const found: string[] = [];
  for (const machine of machines) {
    const shard = await machine.open(model);
    if (!shard) continue;
    const outcome = await trainedOn(shard, model);
    await shard.close();
    const those = machine.inShards ? wantedAhead : wanted;
    found.push(...differences(outcome, those, model, machine.unit).map((line) => `${machine.name}: ${line}`));
  }
  return found;
}

async function beginningOf(model: Model): Promise<Start> {
  const shard = await reference.open(model);
  if (!shard) throw new Error('the reference device opens everything');
  const start = await startOf(shard, model);
  await shard.close();
  return start;
}
