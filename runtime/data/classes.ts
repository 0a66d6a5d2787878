/** Numbers of classes as training has them: another folder of pictures may lack a class, and count the others anew. */
import { UserError } from '../support/errors.ts';
import type { Classes, Dataset } from './dataset.ts';
import { foldedName } from './formats/alike.ts';

/**
 * Returns the data set with its classes numbered as `known` numbers them.
 * @param known of the training data
 * @param trained names of the fields that training read
 * @throws UserError `data/classes` where the data have a class that training did not have, or where one of both has
 * names of classes and the other one has numbers, which nothing matches
 */
export function alignClasses(dataset: Dataset, known: Classes | undefined, trained: readonly string[]): Dataset {
  for (const { name } of dataset.fields) if (trained.includes(name)) checkKinds(dataset, name, known);
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

function checkKinds({ name: data, classes }: Dataset, field: string, known: Classes | undefined): void {
  const [own, theirs] = [classes, known].map((all) => (all && Object.hasOwn(all, field) ? all[field] : undefined));
  const names = own ?? theirs;
  // Folders and words named 0, 1, 2, … are numbered so.
  if (!names || (own && theirs) || names.every((name, number) => name === String(number))) return;
  const shown = names.slice(0, 5).join(', ');
  throw new UserError(
    'data/classes',
    own
      ? `${data} names the classes of \`${field}\` (${shown}), and the training data number them`
      : `${data} numbers the classes of \`${field}\`, and the training data name them (${shown})`,
    'give both the same: names, or numbers',
  );
}

function numberOf({ name: data }: Dataset, name: string, order: readonly string[]): number {
  // One text in two encodings is one name: file systems differ in which they keep.
  // Two characters of a text may be one name in that sense, and are two classes.
  const own = order.indexOf(name);
  const number = own >= 0 ? own : order.findIndex((known) => known.normalize() === name.normalize());
  if (number >= 0) return number;
  const alike = order.find((known) => foldedName(known) === foldedName(name));
  if (alike !== undefined)
    throw new UserError(
      'data/classes',
      `${data} has the class "${name}", and the training data have "${alike}": two classes, or one written in two ways`,
      'write it as in training',
    );
  throw new UserError(
    'data/classes',
    `${data} has the class ${name}, which the training data do not have: ${order.slice(0, 20).join(', ')}`,
    'write the name of a class of training, or train with this one',
  );
}
