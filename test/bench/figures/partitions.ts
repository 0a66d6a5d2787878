/** How long the partitioner takes for very many tiles, and what memory. */
import { fileURLToPath } from 'node:url';
import { atMost, type Figure, told } from '../figure.ts';
import { runProcess } from '../processes.ts';

const child = fileURLToPath(new URL('../partition-child.js', import.meta.url));
const MACHINES = 64;

export async function partitionFigures(): Promise<readonly Figure[]> {
  return [...(await figuresOf(100_000, 5)), ...(await figuresOf(1_000_000, 60, 4))];
}

async function figuresOf(tiles: number, mostSeconds: number, mostGigabytes?: number): Promise<Figure[]> {
  const { stdout } = await runProcess(process.execPath, [child, String(tiles), String(MACHINES)]);
  const { seconds, gigabytes, bottleneck } = JSON.parse(stdout) as Record<
    'seconds' | 'gigabytes' | 'bottleneck',
    number
  >;
  const what = `${tiles.toLocaleString('en')} tiles into ${MACHINES} parts`;
  return [
    atMost(what, seconds, 's', mostSeconds, null),
    mostGigabytes === undefined
      ? told(`${what}, memory`, gigabytes, 'GB')
      : atMost(`${what}, memory`, gigabytes, 'GB', mostGigabytes, null),
    atMost(`${what}, heaviest against the mean`, bottleneck, 'times', 1.05, 1),
  ];
}
