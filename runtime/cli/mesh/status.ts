/** `nmc status`: what a mesh is doing, and why not where it is not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askStatus } from '../../net/ask-status.ts';
import type { MeshStatus, RunStatus, ShardStatus } from '../../net/mesh-status.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { openMeshToLook } from './mesh-link.ts';
import type { StatusArguments } from './options.ts';

const LOOK_EVERY_MS = 1000;

export default async function (args: StatusArguments): Promise<number> {
  const link = await openMeshToLook(args);
  const interrupt = watchInterrupt(() => undefined);
  try {
    do {
      const status = await askStatus(link);
      if (args.json) emit({ ...status });
      else process.stdout.write(statusText(status));
      if (args.watch) await sleep(LOOK_EVERY_MS);
    } while (args.watch && !interrupt.requested());
    return EXIT.done;
  } finally {
    interrupt.release();
    link.close();
  }
}

/** How many of its borders go straight to another trainer. */
function bordersText({ borders, direct }: ShardStatus): string {
  return borders === 0 ? '' : `${direct} of ${borders} direct  `;
}

function scheduleText({ schedule, microbatches, ahead }: RunStatus): string {
  return `${schedule}${microbatches > 1 ? ` in ${microbatches}` : ''}${ahead > 0 ? `, ${ahead} ahead` : ''}`;
}

function statusText({ runs, trainers, refused, more }: MeshStatus): string {
  const lines: string[] = [];
  for (const run of runs) {
    const result = [
      run.energy === null ? '' : `energy ${run.energy.toPrecision(5)}`,
      run.accuracy === null ? '' : `accuracy ${(run.accuracy * 100).toFixed(2)} %`,
      run.samplesPerSecond === null ? '' : `${run.samplesPerSecond.toFixed(0)} samples/s`,
      run.snapshotAge === null ? 'no snapshot yet' : `snapshot ${run.snapshotAge.toFixed(0)} s ago`,
    ].filter((part) => part !== '');
    lines.push(
      printed`${run.run}  ${run.state}${run.reason === '' ? '' : ` (${run.reason})`}${run.checked === 'unchecked' ? ', unchecked' : ''}  ${scheduleText(run)}  epoch ${run.epoch} of ${run.epochs}  ${result.join('  ')}`,
    );
    for (const s of run.shards)
      lines.push(
        printed`  shard ${String(s.shard).padStart(2)}  ${s.state.padEnd(9)} ${(s.trainer ?? '-').padEnd(14)} batch ${String(s.batch).padStart(5)}  ${s.ticksPerSecond.toFixed(0).padStart(5)} ticks/s  busy ${(s.busy * 100).toFixed(0).padStart(3)} %  out ${formatBytes(s.bytesSent)}  in ${formatBytes(s.bytesReceived)}  ${bordersText(s)}${s.limit === '' ? s.reason : `limited by ${s.limit}`}`.trimEnd(),
      );
  }
  if (runs.length === 0) lines.push('no runs yet: nmc deploy FILE');
  for (const t of trainers)
    lines.push(printed`${t.name.padEnd(14)} ${t.state.padEnd(8)} ${t.key}${t.pid === null ? '' : `  pid ${t.pid}`}`);
  const counted = Object.entries(refused).map(([why, n]) => `${n} ${why}`);
  if (counted.length > 0) lines.push(printed`refused: ${counted.join(', ')}`);
  if (more > 0) lines.push(printed`and ${more} more`);
  return `${lines.join('\n')}\n`;
}
