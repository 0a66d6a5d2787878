/** How the values of each message are packed, and which of them go on from those of another message. Pure. */
import { sizeOf } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';

export interface ValueForm {
  /** Values with the same one continue each other. */
  readonly memory: string;
  /** Elements. */
  readonly length: number;
  /** Elements that share a scale or a threshold: they lie side by side, and divide the length. */
  readonly row: number;
  /** Of a node that is too narrow to be thinned. */
  readonly isNarrow: boolean;
  /** It is a value of each sample of a batch: others, such as sums, cross as they are. */
  readonly isOfSamples: boolean;
}

/** Of narrower nodes every change is sent: ten outputs of which one is sent are not learnt. */
const MIN_UNITS = 32;

/**
 * Of each message of a shard, by its id. What one shard tells another in the ticks of a batch it has told it before them,
 * and tells it once more behind them, by messages of their own: values are known by their shape, and by their place among
 * those with the same one in their stage.
 */
export function messageForms({ functions, messages }: ShardSchedule): ReadonlyMap<number, readonly ValueForm[]> {
  const forms = new Map<number, readonly ValueForm[]>();
  const byId = new Map(messages.map((m) => [m.id, m]));
  for (const { batch, stages, after = [] } of functions)
    for (const { segments } of [...stages, ...after]) {
      const ids = new Set(segments.flatMap(({ receive, send }) => [...receive, ...send]));
      const places = new Map<string, number>();
      for (const id of [...ids].sort((a, b) => a - b)) {
        const { from, to, values = [] } = byId.get(id) ?? {};
        forms.set(
          id,
          values.map(({ shape }) => {
            const alike = `${from}/${to}/${shape.join('x')}`;
            const place = places.get(alike) ?? 0;
            places.set(alike, place + 1);
            return { memory: `${alike}/${place}`, ...formOf(shape, batch) };
          }),
        );
      }
    }
  return forms;
}

/** @param batch samples of the function that sends it */
export function formOf(shape: readonly number[], batch: number): Omit<ValueForm, 'memory'> {
  const length = sizeOf([...shape]);
  const [samples, ...unit] = shape;
  if (samples !== batch || unit.length === 0 || length === 0)
    return { length, row: Math.max(1, length), isNarrow: true, isOfSamples: false };
  let row = 1;
  for (let axis = unit.length - 1; axis >= 0 && row < MIN_UNITS; axis--) row *= unit[axis] as number;
  return { length, row, isNarrow: length / samples < MIN_UNITS, isOfSamples: true };
}
