/** Memory for writing a very large plan beside the plan itself, as the compiler has it. */
import { fileURLToPath } from 'node:url';
import { atMost, type Figure, told } from '../figure.ts';
import { runProcess } from '../processes.ts';

const child = fileURLToPath(new URL('../plan-child.js', import.meta.url));
const TILES = 1_000_000;
const SHARDS = 64;
/** Of the plan's bytes: pieces of it are in memory, and never a second copy. */
const MAX_EXTRA = 0.2;

export async function planWritingFigures(): Promise<readonly Figure[]> {
  const { stdout } = await runProcess(process.execPath, [child, String(TILES), String(SHARDS)]);
  const { seconds, planBytes, heldBytes, extraBytes } = JSON.parse(stdout) as Record<
    'seconds' | 'planBytes' | 'heldBytes' | 'extraBytes',
    number
  >;
  const what = `a plan of ${TILES.toLocaleString('en')} tiles`;
  return [
    told(`${what}, on disk`, planBytes / 1e6, 'MB'),
    told(`${what}, in memory before it is written`, heldBytes / 1e6, 'MB'),
    told(`${what}, written`, seconds, 's'),
    atMost(
      `${what}, memory while it is written, of its size`,
      Math.max(0, extraBytes) / planBytes,
      'times',
      MAX_EXTRA,
      null,
    ),
  ];
}
