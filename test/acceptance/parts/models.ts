/** Random models on every device against the interpreter of the semantics, many more of them than the tests take. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Part, Row } from '../row.ts';

const WANTED = { others: 20_000, webgpu: 1_000 };
/** Of one call of the tests, as `test/models/models.test.ts` divides them; its seeds are apart by more than there are. */
const EACH = { others: 120, webgpu: 10 };
const SEEDS_APART = 1000;

interface State {
  /** Calls that found nothing. */
  readonly done: number;
  /** The seed of the first one that did. */
  readonly failed?: number;
}

export const modelsPart: Part = {
  name: 'models',
  what: 'random models on every device are what spec/semantics.md says',
  takes: 'four hours, kept as it goes',
  run: async (context) => run(context),
};

function run({ root, fresh, trial, progress }: Context): readonly Row[] {
  const kept = join(root, '.cache', 'acceptance', 'models.json');
  if (fresh) rmSync(kept, { force: true });
  let state: State = existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as State) : { done: 0 };
  const calls = trial ? state.done + 1 : Math.max(WANTED.others / EACH.others, WANTED.webgpu / EACH.webgpu);
  // What failed is tried again: it may have been mended since.
  while (state.done < calls) {
    const seed = 1 + SEEDS_APART * (state.done + 1);
    const tested = spawnSync(
      'npx',
      ['vitest', 'run', '--config', 'test/vitest.config.ts', 'test/models/models.test.ts'],
      {
        cwd: root,
        env: { ...process.env, NMC_MODELS_SEED: String(seed), NMC_MODELS: '100' },
        encoding: 'utf8',
      },
    );
    const failed = tested.status !== 0;
    state = failed ? { done: state.done, failed: seed } : { done: state.done + 1 };
    writeFileSync(kept, JSON.stringify(state));
    if (failed) {
      progress(tested.stdout.slice(0, 6000));
      break;
    }
    progress(`${state.done * EACH.others} models, and ${state.done * EACH.webgpu} on webgpu`);
  }
  const { done, failed } = state;
  const row: Row = {
    name: 'models',
    what: modelsPart.what,
    target: `${WANTED.others} models without a difference, and ${WANTED.webgpu} on webgpu`,
    measured: `${done * EACH.others} and ${done * EACH.webgpu}${failed === undefined ? '' : `, then NMC_MODELS_SEED=${failed} differs`}`,
  };
  return [trial && failed === undefined ? row : { ...row, holds: failed === undefined && done >= calls }];
}
