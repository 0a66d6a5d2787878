/** Trainers that are watched by their neighbours: whether honest ones are suspicious, and which lies are seen. */
import { commitmentFigures } from '../../bench/figures/commitments.ts';
import { HARDLY, seenLies } from '../../support/watched-lies.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

export const validationPart: Part = {
  name: 'validation',
  what: 'suspicion of honest and of lying trainers, and what looking costs',
  takes: 'ten minutes',
  run,
};

const SEEDS = 100;
const TRIAL_SEEDS = 1;
/** A stretch of real trainings has more samples, and is more like those before it. */
const LENGTH = { stretches: 24, batches: 6 };

async function run(context: Context): Promise<readonly Row[]> {
  const seeds = Array.from({ length: context.trial ? TRIAL_SEEDS : SEEDS }, (_, i) => i + 1);
  const { honest, stretches, counted } = await seenLies(seeds, LENGTH, (seed) => {
    if (seed % 10 === 0) context.progress(`${seed} of ${seeds.length} trainings`);
  });
  for (const line of honest) context.progress(line);
  const cells = [...counted].map(([name, { of, seen }]) => [name, `${seen} of ${of}`, percentText(seen / of)]);
  context.table({ name: 'validation', head: ['frames or weights', 'seen', 'share'], rows: cells });
  const gross = [...counted].filter(([name]) => !HARDLY.has(name));
  const [seen, of] = [gross.reduce((n, [, c]) => n + c.seen, 0), gross.reduce((n, [, c]) => n + c.of, 0)];
  const figures = await commitmentFigures();
  const shares = figures.filter(({ name }) => name.includes('commitments and looking'));
  const measured = (holds: boolean): { readonly holds?: boolean } => (context.trial ? {} : { holds });
  return [
    {
      name: 'validation',
      what: `stretches of honest shards with a suspicion, ${seeds.length} trainings of random models`,
      target: 'at most 0.1 %',
      measured: `${honest.length} of ${stretches}`,
      ...measured(honest.length <= 0.001 * stretches),
    },
    {
      name: 'validation',
      what: 'lies that are seen within three stretches, without those of a twentieth and slow ones',
      target: 'at least 95 %',
      measured: `${percentText(seen / of)} of ${of}`,
      ...measured(seen / of >= 0.95),
    },
    ...shares.map(
      ({ name, value, holds }): Row => ({
        name: 'validation',
        what: name,
        target: 'at most 3 %',
        measured: `${value.toFixed(2)} %`,
        ...measured(holds),
      }),
    ),
  ];
}
