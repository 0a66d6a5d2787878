/** Everything the compiler makes of one file, as texts by name: what a golden folder holds. */
import type { Checked } from '../../compiler/3-check/checked.ts';
import { builtOf, planBytes } from '../../compiler/8-plan/build.ts';
import { compile, type Made, type Selected, type Staged } from '../../compiler/compile.ts';
import { renderDiagnostics } from '../../compiler/diagnostics/render.ts';
import { fileHost } from '../../compiler/host.ts';

export interface Compiled {
  readonly staged: readonly Staged[];
  /** By file name: `ast.pcn`, `graph.txt`, `program.TASK.txt`, `program.TASK.lowered.txt`, `plan.TASK.json`. */
  readonly texts: ReadonlyMap<string, string>;
  /** Every file of every plan, by task and path: for byte-for-byte comparisons. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

/** @param path of a `.pcn` file without errors, relative to the repository */
export function compileStages(path: string): Compiled {
  const made: Made[] = [];
  const options = { select: selections, compiler: 'nmc' };
  const observer = { made: (form: Made) => void made.push(form) };
  const { file, staged, plans } = compile({ host: fileHost(), path }, options, observer);
  if (!file.value) throw new Error(renderDiagnostics(file.diagnostics, file.texts));
  const texts = new Map<string, string>();
  const bytes = new Map<string, Uint8Array>();
  const of = (task: string | undefined): string => (staged.length === 1 || task === undefined ? '' : `.${task}`);
  const { models } = file.value;
  const printers = new Map<string, () => string>();
  for (const { stage, name, task, print } of made) {
    if (stage === 'ast') printers.set('ast.pcn', print);
    if (stage === 'graph') printers.set(models.length === 1 ? 'graph.txt' : `graph.${name}.txt`, print);
    // The last of them stays: the program behind all passes.
    if (stage === 'program') printers.set(`program${of(task)}${name === 'none' ? '.lowered' : ''}.txt`, print);
  }
  for (const [name, print] of printers) texts.set(name, print());
  plans.forEach((drafted, i) => {
    if (drafted.kind !== 'draft') throw new Error(drafted.reason);
    const task = staged[i]?.task?.name;
    const { plan, files } = builtOf(drafted.draft);
    // Without the hashes of sources: a comment in the standard library would change every case.
    const shown = { ...plan, source: plan.source.map((module) => module.path) };
    texts.set(`plan${of(task)}.json`, `${JSON.stringify(shown, null, 1)}\n`);
    bytes.set(`plan${of(task)}.json`, planBytes(plan));
    for (const [name, content] of files) bytes.set(`${task ?? ''}/${name}`, content);
  });
  return { staged, texts, bytes };
}

/** Every train block with the predictions of its model; a file without any: its last model alone. */
function selections(checked: Checked): Selected[] {
  const { trains, predicts, models } = checked;
  const of = (model: string): typeof predicts => predicts.filter((p) => p.model.name === model);
  const last = models.at(-1);
  if (trains.length > 0 || !last)
    return trains.map((task) => ({ checked, model: task.model, task, predicts: of(task.model.name) }));
  return [{ checked, model: last, task: undefined, predicts: of(last.name) }];
}
