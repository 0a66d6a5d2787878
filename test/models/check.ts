/** One model on some machines, against the equations. */
import {
  beginning,
  compiled,
  DRAWS,
  differences,
  isOnEdge,
  type Machine,
  type Model,
  startOf,
  trainedOn,
  type Wanted,
  wantedOf,
} from './compare.ts';
import { reference } from './devices.ts';
import type { Start } from './interpreter.ts';

/** Units in the last place within which an error of values of about 1 may be rounding. */
const ROUNDING_UNITS = 100;

export interface Checked {
  /** The differences, in words. */
  readonly found: readonly string[];
  /** Names of the machines that trained it; none where its values run away, so that there is nothing to compare. */
  readonly on: readonly string[];
}

export async function check(text: string, machines: readonly Machine[]): Promise<Checked> {
  const model = compiled(text);
  const start = await beginningOf(model);
  const [few] = DRAWS;
  // Shards may begin batches in advance, and leave out what fills no batch.
  const apart = model.staged.ahead === 1 || model.last !== undefined;
  const known = new Map<boolean, Wanted | undefined>();
  const wanted = (inShards: boolean): Wanted | undefined => {
    if (!known.has(inShards)) known.set(inShards, wantedOf(model, start, inShards, few));
    return known.get(inShards);
  };
  const found: string[] = [];
  const on: string[] = [];
  for (const machine of machines) {
    const inShards = apart && machine.inShards === true;
    const those = wanted(inShards);
    // Machines that take an error for none, or rounding for an error, would both be right.
    if (!those || those.leastError < ROUNDING_UNITS * machine.unit) continue;
    if (machine.largest !== undefined && those.largest > machine.largest) continue;
    const outcome = await trainedOn(machine, model);
    if (!outcome) continue;
    let lines = differences(outcome, those, model, machine.unit);
    let more: Wanted | undefined = those;
    for (const draws of DRAWS.slice(1)) {
      if (lines.length === 0 || !more) break;
      more = wantedOf(model, start, inShards, draws);
      if (more) lines = differences(outcome, more, model, machine.unit);
    }
    if (!more || (lines.length > 0 && isOnEdge(more, machine.unit))) continue;
    found.push(...lines.map((line) => `${machine.name}: ${line}`));
    on.push(machine.name);
  }
  return { found, on };
}

async function beginningOf(model: Model): Promise<Start> {
  const shard = await reference.open(model, beginning);
  if (!shard) throw new Error('the reference device opens everything');
  const start = await startOf(shard, model);
  await shard.close();
  return start;
}
