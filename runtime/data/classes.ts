/** Numbers of classes as training has them: another folder of pictures may lack a class, and count the others anew. */
import { UserError } from '../support/errors.ts';
import type { Classes, Dataset } from './dataset.ts';

/**
 * Returns the data set with its classes numbered as `known` numbers them.
 * @param known of the training data
 * @throws UserError `data/classes` where the data have a class that training did not have
 */
export function alignClasses(dataset: Dataset, known: Classes | undefined): Dataset {
  const numbers = new Map<string, readonly number[]>();
  for (const [field, names] of Object.entries(dataset.classes ?? {})) {
    const order = known?.[field];
    if (!order || order.join('\n') === names.join('\n')) continue;
    numbers.set(
      field,
      names.map((name) => numberOf(dataset, name, order)),
    );
  }
  if (numbers.size === 0) return dataset;
  return {
    ...dataset,
    classes: { ...dataset.classes, ...known },
    gather(field, indices, out) {
      dataset.gather(field, indices, out);
      const own = numbers.get(field);
      if (own) for (let i = 0; i < out.length; i++) out[i] = own[out[i] as number] ?? -1;
    },
  };
}

function numberOf({ name: data }: Dataset, name: string, order: readonly string[]): number {
  const number = order.indexOf(name);
  if (number >= 0) return number;
  throw new UserError(
    'data/classes',
    `${data} has the class ${name}, which the training data do not have: ${order.slice(0, 20).join(', ')}`,
    'give its folder the name of a class of training, or train with it',
  );
}
