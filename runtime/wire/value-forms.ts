/** How the values of each message are packed, and from which others each may go on. Pure. */
import { isCarriedValue } from '../../spec/names.ts';
import { sizeOf } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';

export interface ValueForm {
  /** Where both ends keep what was sent last of it. */
  readonly own: string;
  /** Of which values it may go on from what was sent last, in the order in which a frame counts them; the first is its own. */
  readonly bases: readonly string[];
  /** Elements. */
  readonly length: number;
  /** Elements that share a scale or a threshold: they lie side by side, and divide the length. */
  readonly row: number;
  /** Of a node that is too narrow to be thinned. */
  readonly isNarrow: boolean;
  /** It is a value of each sample of a batch: others, such as sums, cross as they are. */
  readonly isOfSamples: boolean;
  /**
   * Whether it may be rounded where it goes on from nothing. What crosses before the ticks, and values of nodes, may not:
   * what settles is small beside them, and a receiver would take their rounding for an error.
   */
  readonly mayBeRounded: boolean;
}

/** Of narrower nodes every change is sent: ten outputs of which one is sent are not learnt. */
const MIN_UNITS = 32;
/** A frame has five bits to say which one it goes on from; 0 is none. */
export const MAX_BASES = 31;

interface Place extends ValueForm {
  readonly message: number;
  /** Same sender, receiver and shape. */
  readonly kind: string;
  /** Among those of its kind in its stage. */
  readonly place: number;
}

/**
 * Of each message of a shard, by its id. What one shard tells another in the ticks of a batch it has told it before them,
 * and tells it once more behind them, by messages of their own. No name says which is which, so a value may go on from
 * any one of its shape that was sent before: a sender takes the nearest.
 */
export function messageForms({ functions, messages }: ShardSchedule): ReadonlyMap<number, readonly ValueForm[]> {
  const forms = new Map<number, readonly ValueForm[]>();
  const byId = new Map(messages.map((m) => [m.id, m]));
  for (const { batch, stages, after = [] } of functions) {
    const all: Place[] = [];
    for (const [stage, { segments }] of [...stages, ...after].entries()) {
      const ids = new Set(segments.flatMap(({ receive, send }) => [...receive, ...send]));
      const counts = new Map<string, number>();
      for (const id of [...ids].sort((a, b) => a - b)) {
        const { from, to, values = [] } = byId.get(id) ?? {};
        for (const [i, { name, shape }] of values.entries()) {
          const kind = `${from}/${to}/${shape.join('x')}`;
          const place = counts.get(kind) ?? 0;
          counts.set(kind, place + 1);
          const mayBeRounded = stage > 0 && !isCarriedValue(name);
          all.push({ ...formOf(shape, batch), message: id, own: `${id}.${i}`, bases: [], kind, place, mayBeRounded });
        }
      }
    }
    for (const id of new Set(all.map(({ message }) => message)))
      forms.set(
        id,
        all
          .filter(({ message }) => message === id)
          .map(({ message: _id, kind, place, ...form }) => ({ ...form, bases: basesOf(form.own, kind, place, all) })),
      );
  }
  return forms;
}

/** Itself, then those at the same place of other stages, the latest first, then all others. */
function basesOf(own: string, ofKind: string, at: number, all: readonly Place[]): string[] {
  const alike = all.filter(({ kind }) => kind === ofKind).reverse();
  const near = alike.filter(({ place }) => place === at);
  return [...new Set([own, ...[...near, ...alike].map((each) => each.own)])].slice(0, MAX_BASES);
}

/**
 * Values of samples are told by their first axis: the batch, or where positions of a text lie behind each other, some times
 * the batch.
 * @param batch samples of the function that sends it
 */
export function formOf(
  shape: readonly number[],
  batch: number,
): Pick<ValueForm, 'length' | 'row' | 'isNarrow' | 'isOfSamples'> {
  const length = sizeOf([...shape]);
  const [rows = 0, ...unit] = shape;
  const isOfSamples = rows === batch || (batch > 1 && rows % batch === 0);
  if (!isOfSamples || unit.length === 0 || length === 0)
    return { length, row: Math.max(1, length), isNarrow: true, isOfSamples: false };
  let row = 1;
  for (let axis = unit.length - 1; axis >= 0 && row < MIN_UNITS; axis--) row *= unit[axis] as number;
  return { length, row, isNarrow: length / batch < MIN_UNITS, isOfSamples: true };
}
