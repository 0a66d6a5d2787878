/** One model on some machines, against the equations. */
import { compiled, differences, type Model, startOf, trainedOn, wantedOf } from './compare.ts';
import { type Machine, reference } from './devices.ts';
import type { Start } from './interpreter.ts';

/** @returns what differs, in words */
export async function check(text: string, machines: readonly Machine[]): Promise<string[]> {
  const model = compiled(text);
  const wanted = wantedOf(model, await beginningOf(model));
  if (!wanted) return [];
  const found: string[] = [];
  for (const machine of machines) {
    const shard = await machine.open(model);
    const outcome = await trainedOn(shard, model);
    await shard.close();
    found.push(...differences(outcome, wanted, model, machine.unit).map((line) => `${machine.name}: ${line}`));
  }
  return found;
}

async function beginningOf(model: Model): Promise<Start> {
  const shard = await reference.open(model);
  const start = await startOf(shard, model);
  await shard.close();
  return start;
}
