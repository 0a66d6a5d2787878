/**
 * What stands in for frames of a neighbour that is absent: within a call what it said last, as far as it has said anything.
 * What it predicts stays; the errors that it would send behind the ticks are zero.
 */
import { ofValuesInside } from '../../spec/names.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';

/** A value of a message of free ticks. */
export interface ToldBefore {
  readonly message: number;
  readonly index: number;
}

/** By message, for each of its values: where the ticks told the same node; nothing where they did not. */
export function toldInTicks(
  { messages }: Pick<ShardSchedule, 'messages'>,
  free: ReadonlySet<number>,
): ReadonlyMap<number, readonly (ToldBefore | undefined)[]> {
  const before = new Map<string, ToldBefore>();
  const nameOf = (from: number, to: number, value: string): string => `${from}/${to}/${value}`;
  for (const { id: message, from, to, values } of messages)
    for (const [index, { name }] of free.has(message) ? values.entries() : [])
      before.set(nameOf(from, to, name), { message, index });
  return new Map(
    messages.map(({ id, from, to, values }) => {
      const inside = values.map(({ name }) => ofValuesInside(name));
      return [id, inside.map((name) => (name === undefined ? undefined : before.get(nameOf(from, to, name))))];
    }),
  );
}
