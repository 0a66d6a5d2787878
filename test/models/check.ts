/** One model on one machine, against the equations. */
import { compiled, differences, type Model, startOf, trainedOn, wantedOf } from './compare.ts';
import { type Machine, reference } from './devices.ts';
import { type Description, textOf } from './generator.ts';
import type { Start } from './interpreter.ts';

/** @returns what differs, in words */
export async function check(description: Description, machines: readonly Machine[]): Promise<string[]> {
  const model = compiled(textOf(description));
  const start = await beginningOf(model);
  const found: string[] = [];
  const units = new Map([...new Set(machines.map((m) => m.unit))].map((unit) => [unit, wantedOf(model, start, unit)]));
  for (const machine of machines) {
    const shard = await machine.open(model);
    const outcome = await trainedOn(shard, model);
    await shard.close();
    const wanted = units.get(machine.unit);
    if (wanted) found.push(...differences(outcome, wanted, model).map((line) => `${machine.name}: ${line}`));
  }
  return found;
}

async function beginningOf(model: Model): Promise<Start> {
  const shard = await reference.open(model);
  const start = await startOf(shard, model);
  await shard.close();
  return start;
}
