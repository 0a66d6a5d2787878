/** Everything the compiler makes of one file, as texts by name: what a golden folder holds. */
import { parse } from '../../compiler/1-syntax/parse.ts';
import { printSourceFile } from '../../compiler/1-syntax/text.ts';
import type { Checked } from '../../compiler/3-check/checked.ts';
import { printGraph } from '../../compiler/4-graph/text.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { buildProgram, finishPlan, type Staged } from '../../compiler/build-program.ts';
import { checkFile } from '../../compiler/compile.ts';
import { renderDiagnostics } from '../../compiler/diagnostics/render.ts';
import { fileHost } from '../../compiler/host.ts';
import { printProgram } from '../../spec/program-text.ts';

export interface Compiled {
  readonly staged: readonly Staged[];
  /** By file name: `ast.pcn`, `graph.txt`, `program.TASK.txt`, `program.TASK.lowered.txt`, `plan.TASK.json`. */
  readonly texts: ReadonlyMap<string, string>;
  /** Every file of every plan, by task and path: for byte-for-byte comparisons. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

/** @param path of a `.pcn` file without errors, relative to the repository */
export function compileStages(path: string): Compiled {
  const host = fileHost();
  const { value: checked, diagnostics, texts: sources } = checkFile(host, path);
  if (!checked) throw new Error(renderDiagnostics(diagnostics, sources));
  const texts = new Map<string, string>();
  const bytes = new Map<string, Uint8Array>();
  texts.set('ast.pcn', printAst(sources.get(path) ?? '', path));
  const modules = [...sources].map(([file, text]) => ({ path: file.split('/').at(-1) ?? file, text }));
  const staged = selections(checked).map((selected) => buildProgram(selected));
  for (const stages of staged) {
    const { graph, lowered, program, task } = stages;
    const of = staged.length === 1 || !task ? '' : `.${task.name}`;
    texts.set(graphFile(graph.name, checked), printGraph(graph));
    texts.set(`program${of}.lowered.txt`, printProgram(lowered));
    texts.set(`program${of}.txt`, printProgram(program));
    const { plan, files } = finishPlan(stages, { compiler: 'nmc', modules }, lowerToCpu(program));
    // Without the hashes of sources: a comment in the standard library would change every case.
    const shown = { ...plan, source: plan.source.map((module) => module.path) };
    texts.set(`plan${of}.json`, `${JSON.stringify(shown, null, 1)}\n`);
    bytes.set(`plan${of}.json`, planBytes(plan));
    for (const [name, content] of files) bytes.set(`${task?.name ?? ''}/${name}`, content);
  }
  return { staged, texts, bytes };
}

function printAst(text: string, path: string): string {
  const { value } = parse(text, path);
  if (!value) throw new Error(`${path} has no tree`);
  return printSourceFile(value);
}

function graphFile(model: string, checked: Checked): string {
  return checked.models.length === 1 ? 'graph.txt' : `graph.${model}.txt`;
}

/** Every train block with the predictions of its model; a file without any: its last model alone. */
function selections(checked: Checked): Parameters<typeof buildProgram>[0][] {
  const { trains, predicts, models } = checked;
  const of = (model: string): typeof predicts => predicts.filter((p) => p.model.name === model);
  const last = models.at(-1);
  if (trains.length > 0 || !last)
    return trains.map((task) => ({ checked, model: task.model, task, predicts: of(task.model.name) }));
  return [{ checked, model: last, task: undefined, predicts: of(last.name) }];
}
