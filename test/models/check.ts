/** One model on some machines, against the equations. */
import { compiled, DRAWS, differences, type Model, startOf, trainedOn, type Wanted, wantedOf } from './compare.ts';
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
  const inAdvance = model.staged.ahead === 1;
  const [few] = DRAWS;
  const known = new Map<boolean, Wanted | undefined>();
  const wanted = (ahead: boolean): Wanted | undefined => {
    if (!known.has(ahead)) known.set(ahead, wantedOf(model, start, ahead, few));
    return known.get(ahead);
  };
  const found: string[] = [];
  const on: string[] = [];
  for (const machine of machines) {
    const ahead = inAdvance && machine.inShards === true;
    const those = wanted(ahead);
    // Machines that take an error for none, or rounding for an error, would both be right.
    if (!those || those.leastError < ROUNDING_UNITS * machine.unit) continue;
    const shard = await machine.open(model);
    if (!shard) continue;
    const outcome = await trainedOn(shard, model);
    await shard.close();
    let lines = differences(outcome, those, model, machine.unit);
    let more: Wanted | undefined = those;
    for (const draws of DRAWS.slice(1)) {
      if (lines.length === 0 || !more) break;
      more = wantedOf(model, start, ahead, draws);
      if (more) lines = differences(outcome, more, model, machine.unit);
    }
    if (!more) continue;
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
