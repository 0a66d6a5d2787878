/** Warnings of a file that concern one training: those of its other train blocks are told when these are trained. */
import type { TrainTask } from '../../../compiler/3-check/checked.ts';
import type { Diagnostic, Span } from '../../../compiler/diagnostics/diagnostic.ts';
import type { CheckedModel } from './compile-model.ts';

export function warningsOf(
  { checked, warnings }: Pick<CheckedModel, 'checked' | 'warnings'>,
  task: Pick<TrainTask, 'name' | 'span' | 'method'>,
): readonly Diagnostic[] {
  const own = placesOf(task);
  const others = checked.trains.filter(({ name }) => name !== task.name).flatMap(placesOf);
  return warnings.filter(({ span }) => own.some(isAt(span)) || !others.some(isAt(span)));
}

/** Where what is said of a train block is said. */
const placesOf = ({ span, method }: Pick<TrainTask, 'span' | 'method'>): Span[] => [span, method.span];

const isAt =
  ({ file, start, end }: Span) =>
  (other: Span): boolean =>
    other.file === file && other.start === start && other.end === end;
