/** What a machine reaches, as trainers keep it for a day: meshes of tests measure nothing, and plan alike everywhere. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assumedBorderCosts } from '../../runtime/cli/measuring/border-costs.ts';
import type { MachineRecord } from '../../runtime/cli/measuring/machine-record.ts';
import { OPTIONAL_COSTS } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';

/** @param config folder that NMC_CONFIG names */
export function writeMachineRecord(config: string): void {
  const { rate, costs } = DEFAULT_MACHINE;
  // The default machine may have been measured before some costs were.
  const none = Object.fromEntries(OPTIONAL_COSTS.map((name) => [name, 0]));
  const record: MachineRecord = { rate, costs: { ...none, ...costs, ...assumedBorderCosts(costs) } };
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'machine-cpu.json'), JSON.stringify(record));
}
