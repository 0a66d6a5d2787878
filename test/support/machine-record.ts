/** What a machine reaches, as trainers keep it for a day: meshes of tests measure nothing, and plan alike everywhere. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineRecord } from '../../runtime/cli/measuring/machine-record.ts';
import { type Costs, OPTIONAL_COSTS } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';

/** @param config folder that NMC_CONFIG names */
export function writeMachineRecord(config: string): void {
  const { rate, costs } = DEFAULT_MACHINE;
  // Of a newer cost than the default machine was measured for, what it stands for where it is absent.
  const absent: Partial<Costs> = { framePath: costs.frame, framePathByte: costs.frameByte, streamFrame: costs.frame };
  const none = Object.fromEntries(OPTIONAL_COSTS.map((name) => [name, 0]));
  const record: MachineRecord = { rate, costs: { ...none, apartRun: costs.run ?? costs.call, ...absent, ...costs } };
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'machine-cpu.json'), JSON.stringify(record));
}
