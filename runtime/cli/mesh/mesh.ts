/**
 * `nmc mesh gc`, `nmc mesh replay`, `nmc mesh stretch`, `nmc mesh init`, `nmc mesh verify`, `nmc mesh move`,
 * `nmc mesh nats`, and `nmc mesh record`: puts what `nmc doctor --json` said on each machine together into a file for
 * `--mesh`.
 */
import { meshOf, readCapability } from '../../plan/mesh-file.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import { giveCharter } from './mesh-charter.ts';
import { collectGarbage } from './mesh-gc.ts';
import { replayRecords } from './mesh-replay.ts';
import { fetchStretch } from './mesh-stretch.ts';
import { showNatsProgram } from './nats-program.ts';
import type { MeshFileArguments } from './options.ts';

export default async function (args: MeshFileArguments): Promise<number> {
  if (args.action === 'init' && args.charter !== undefined) return giveCharter(args, args.charter);
  // The client of NATS is loaded for this alone.
  if (args.action === 'init') return (await import('./mesh-init.ts')).initialiseMesh(args);
  if (args.action === 'verify') return (await import('./mesh-verify.ts')).verifyMesh(args);
  if (args.action === 'move') return (await import('./mesh-move.ts')).moveStoredMesh(args);
  if (args.action === 'nats') return showNatsProgram(args);
  if (args.action === 'replay') return replayRecords(args);
  if (args.action === 'stretch') return fetchStretch(args);
  return args.action === 'gc' ? collectGarbage(args) : record(args);
}

function record(args: MeshFileArguments): number {
  const paths = args.records;
  if (paths.length === 0)
    throw new UserError('usage/records', 'no record is named', `on each machine: ${nmc`doctor --json > NAME.json`}`);
  const out = args.out ?? 'mesh.json';
  const mesh = meshOf(paths.map((path) => ({ path, record: readCapability(path) })));
  writeFileAtomic(ownPath(out), `${JSON.stringify(mesh, null, 2)}\n`);
  const rate = mesh.machines.reduce((sum, machine) => sum + machine.rate, 0);
  const unbounded = mesh.machines.filter(({ upload }) => upload === undefined).map(({ name }) => name);
  if (args.json) {
    emit({ event: 'recorded', out, machines: mesh.machines.length, rate, uploadUnknown: unbounded });
    return EXIT.done;
  }
  for (const { name, rate: own, memory, upload } of mesh.machines)
    process.stdout.write(
      `${name}  ${(own / 1e9).toFixed(1)} GFLOP/s  ${formatBytes(memory)}${upload === undefined ? '' : `  ${formatBytes(upload)}/s up`}\n`,
    );
  process.stdout.write(`wrote  ${out}  ${mesh.machines.length} machines, ${(rate / 1e9).toFixed(1)} GFLOP/s in all\n`);
  if (unbounded.length > 0)
    process.stdout.write(
      `the uplink of ${unbounded.join(', ')} is unknown and counts as unbounded: write upload and download there\n`,
    );
  return EXIT.done;
}
