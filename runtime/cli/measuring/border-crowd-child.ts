/** A pair of trainers whose shards answer each other until their parent has seen enough: see `border-crowd.ts`. */
import { loadCpu } from '../../device/load-cpu.ts';
import { BorderPair } from './border-pair.ts';
import { shortTurns } from './turn-programs.ts';

// The parent kills it, and removes what it has written; without one it is of no use.
process.once('disconnect', () => process.exit(0));

async function goOn(): Promise<never> {
  const device = await loadCpu();
  const pair = await BorderPair.open(device);
  const sources = await shortTurns(device);
  for (;;) {
    await pair.time(sources);
    process.send?.('going');
  }
}

goOn().catch(() => process.exit(1));
