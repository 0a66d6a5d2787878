/** `cortex.pcn`, the largest example: how soon it is compiled and at work, and how fast it trains. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, plainEnvironment, runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';

const SECONDS = 5;
/** Ten batches: enough to know the speed. */
const SAMPLES = '320';
const MODEL = 'dsl-examples/cortex.pcn';

export const cortexPart: Part = {
  name: 'cortex',
  what: `${MODEL}: compiled, first batch, samples per second`,
  takes: '1 minute',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  const scratch = join(context.root, '.cache', 'acceptance', 'cortex');
  removeFolder(scratch);
  mkdirSync(scratch, { recursive: true });
  const nmc = (args: readonly string[]) =>
    runCommand(process.execPath, [join(context.root, 'dist/nmc.cjs'), ...args], {
      cwd: context.root,
      env: plainEnvironment({ NMC_DEBUG: '1' }),
      onLine: context.progress,
    });
  const compiled = await nmc(['compile', MODEL, '-o', join(scratch, 'plan')]);
  const trained = await nmc(['train', MODEL, '--limit', SAMPLES, '--json', '--out', join(scratch, 'run')]);
  const first = Number(/first batch +until (\d+) ms/.exec(trained.tail)?.[1] ?? Number.NaN) / 1000;
  const epoch = jsonLines(trained.lines).find((event) => event.event === 'epoch');
  const speed = typeof epoch?.samplesPerSecond === 'number' ? epoch.samplesPerSecond : Number.NaN;
  const seconds = (name: string, what: string, measured: number, fine: boolean): Row => ({
    name,
    what: `${MODEL}: ${what}`,
    target: `< ${SECONDS} s`,
    measured: `${measured.toFixed(1)} s`,
    holds: fine && measured < SECONDS,
  });
  return [
    seconds('cortex-compile', 'nmc compile, all of the command', compiled.seconds, compiled.code === 0),
    seconds('cortex-first-batch', 'from the command to the first batch done', first, true),
    {
      name: 'cortex-speed',
      what: `${MODEL}: trains on the CPU`,
      target: 'samples per second reported',
      measured: `${speed.toFixed(1)} samples/s`,
      holds: speed > 0,
    },
  ];
}
