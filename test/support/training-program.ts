/** The training function of a text's first task, without the rest of its program. */
import { buildProgram } from '../../compiler/compile.ts';
import type { Program } from '../../spec/program.ts';
import { checked } from './check-source.ts';

export function trainingProgram(text: string): Program {
  const source = checked(text);
  const [task] = source.trains;
  if (!task) throw new Error(`nothing to train:\n${text}`);
  const { program } = buildProgram({ checked: source, model: task.model, task, predicts: [] });
  return { ...program, functions: program.functions.filter((f) => f.name === 'train') };
}
