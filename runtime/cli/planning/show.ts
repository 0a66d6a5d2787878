/** `nmc show`: any stage of the compiler as text, the graph as a picture. */

import { withRate } from '../../../compiler/5-program/auto-rate.ts';
import { passes } from '../../../compiler/5-program/passes/index.ts';
import { compile, type Made, type Selected, type Staged } from '../../../compiler/compile.ts';
import { hasErrors } from '../../../compiler/diagnostics/diagnostic.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { fileHost, type ReadResult } from '../../../compiler/host.ts';
import { isPlanFolder } from '../../plan/plan-folder.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath } from '../../support/safe-path.ts';
import { assertRate, fileArgument, OBSERVER, selectTask, settings } from '../compiling/compile-model.ts';
import { EXIT } from '../shell/command.ts';
import { compilerName } from '../shell/package-root.ts';
import type { ShowArguments } from './options.ts';

const STAGES = ['ast', 'graph', 'program', 'onnx'] as const;
type ShownStage = (typeof STAGES)[number];

export default async function (args: ShowArguments): Promise<number> {
  const path = fileArgument(args.file);
  if (isPlanFolder(path)) {
    const { showPlan } = await import('./show-plan.ts');
    const { json, svg, html } = args;
    return showPlan(path, { json, ...(svg === undefined ? {} : { svg }), ...(html === undefined ? {} : { html }) });
  }
  if (args.html !== undefined)
    throw new UserError(
      'usage/html',
      `${path} is not a plan`,
      `--svg draws a model; to make a plan: ${nmc`compile FILE -o DIR`}`,
    );
  const stage = checkedStage(args.stage ?? 'graph');
  const drawn = args.svg !== undefined;
  const { made, staged } = stagesOf(path, drawn ? 'graph' : stage, args);
  const [first] = staged;
  if (drawn && first) return drawGraph(first, args.svg, args.json);
  const shown = await shownText(made.filter((m) => m.stage === stage));
  if (args.json) emit({ stage, text: shown });
  else process.stdout.write(shown);
  return EXIT.done;
}

/** Results of the compiler up to that stage, and their sources. @throws DiagnosticsError for a model with errors */
function stagesOf(path: string, until: ShownStage, args: ShowArguments) {
  const host = fileHost();
  if (until === 'ast') assertReadable(host.read(path));
  const made: Made[] = [];
  const { file, staged } = compile(
    { host, path },
    {
      check: { set: settings(args) },
      select: (checked) => [shown(selectTask({ checked, path }, args.task, {}), until)],
      until,
      after: until === 'ast' ? undefined : checkedPass(args.after),
      compiler: compilerName(),
    },
    {
      ...OBSERVER,
      made: (form) => {
        OBSERVER.made?.(form);
        made.push(form);
      },
    },
  );
  if (!file.source || hasErrors(file.diagnostics)) throw new DiagnosticsError(file.diagnostics, file.texts);
  return { made, staged };
}

/** A graph is the same at any rate. @throws UserError `rate/auto` */
function shown(selected: Selected, until: ShownStage): Selected {
  const { task } = selected;
  if (until !== 'graph') assertRate(selected);
  return task ? { ...selected, task: withRate(task, 1) } : selected;
}

function assertReadable(found: ReadResult): void {
  if (found.kind !== 'text') throw new UserError('file/unreadable', found.detail, 'name a .pcn file');
}

/** Of programs the last; of graphs of ONNX all. */
async function shownText(made: readonly Made[]): Promise<string> {
  const last = made.at(-1);
  if (last?.stage !== 'onnx') return last?.print() ?? '';
  let all = '';
  for (const { name, print } of made) all += `; ${name}\n${await print()}\n`;
  return all;
}

function checkedStage(stage: string): ShownStage {
  const found = STAGES.find((known) => known === stage);
  if (found) return found;
  const close = closest(stage, STAGES);
  throw new UserError(
    'usage/stage',
    `the stage ${stage} is unknown`,
    close ? `did you mean ${close}?` : `use one of ${STAGES.join(', ')}`,
  );
}

function checkedPass(name: string | undefined): string | undefined {
  const names = ['none', ...passes.map((p) => p.name)];
  if (name === undefined || names.includes(name)) return name;
  const close = closest(name, names);
  throw new UserError(
    'usage/pass',
    `the pass ${name} is unknown`,
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
