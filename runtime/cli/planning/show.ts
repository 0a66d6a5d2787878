/** `nmc show`: any stage of the compiler as text, the graph as a picture. */

import { parse } from '../../../compiler/1-syntax/parse.ts';
import { printSourceFile } from '../../../compiler/1-syntax/text.ts';
import { printGraph } from '../../../compiler/4-graph/text.ts';
import { passes } from '../../../compiler/5-program/passes/index.ts';
import type { Staged } from '../../../compiler/build-program.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { fileHost } from '../../../compiler/host.ts';
import { printProgram } from '../../../spec/program-text.ts';
import { isPlanFolder } from '../../plan/plan-folder.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath } from '../../support/safe-path.ts';
import { buildStages, checkModel, fileArgument, planOf, selectTask } from '../compiling/compile-model.ts';
import { EXIT } from '../shell/command.ts';
import type { ShowArguments } from './options.ts';

const STAGES = ['ast', 'graph', 'program', 'onnx'] as const;

export default async function (args: ShowArguments): Promise<number> {
  const path = fileArgument(args.file);
  if (isPlanFolder(path)) {
    const { showPlan } = await import('./show-plan.ts');
    const { json, svg, html } = args;
    return showPlan(path, { json, ...(svg === undefined ? {} : { svg }), ...(html === undefined ? {} : { html }) });
  }
  if (args.html !== undefined)
    throw new UserError('usage/html', `${path} is no plan`, 'nmc compile makes one; --svg draws a model');
  const stage = args.stage ?? 'graph';
  if (!(STAGES as readonly string[]).includes(stage)) {
    const close = closest(stage, STAGES);
    throw new UserError(
      'usage/stage',
      `there is no stage ${stage}`,
      close ? `did you mean ${close}?` : `use one of ${STAGES.join(', ')}`,
    );
  }
  const print = (shown: string): number => {
    if (args.json) emit({ stage, text: shown });
    else process.stdout.write(shown);
    return EXIT.done;
  };
  if (stage === 'ast' && args.svg === undefined) return print(showAst(path));
  const model = checkModel(path, args);
  const selected = selectTask(model, args.task, {});
  const staged = buildStages(selected, checkedPass(args.after));
  if (args.svg !== undefined) return drawGraph(staged, args.svg, args.json);
  if (stage === 'graph') return print(printGraph(staged.graph));
  if (stage === 'program') return print(printProgram(staged.program));
  const { files } = await planOf(model, staged);
  const { printOnnx } = await import('../../../compiler/7-kernels/onnx/text.ts');
  const graphs = [...files].filter(([name]) => name.endsWith('.onnx'));
  return print(graphs.map(([name, bytes]) => `; ${name}\n${printOnnx(bytes)}\n`).join(''));
}

function showAst(path: string): string {
  const found = fileHost().read(path);
  if (found.kind !== 'text') throw new UserError('file/unreadable', found.detail, 'name a .pcn file');
  const { value, diagnostics } = parse(found.text, path);
  if (!value || diagnostics.some((d) => d.severity === 'error'))
    throw new DiagnosticsError(diagnostics, new Map([[path, found.text]]));
  return printSourceFile(value);
}

function checkedPass(name: string | undefined): string | undefined {
  const names = ['none', ...passes.map((p) => p.name)];
  if (name === undefined || names.includes(name)) return name;
  const close = closest(name, names);
  throw new UserError(
    'usage/pass',
    `there is no pass ${name}`,
    close ? `did you mean ${close}?` : `there are: ${names.join(', ')}`,
  );
}

async function drawGraph(staged: Staged, target: unknown, asJson: boolean): Promise<number> {
  const { graphSvg } = await import('../../../compiler/4-graph/svg.ts');
  const svg = await graphSvg(staged.graph);
  const path = typeof target === 'string' && target !== '' ? target : undefined;
  if (path !== undefined) writeFileAtomic(ownPath(path), svg);
  if (asJson) emit({ stage: 'graph', ...(path === undefined ? { svg } : { path }) });
  else if (path === undefined) process.stdout.write(svg);
  return EXIT.done;
}
