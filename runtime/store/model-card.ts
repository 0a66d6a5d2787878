/** README.md of a run: a model card in the style of Hugging Face, so that the folder can be published as it is. */

import { byName, nmc } from '../support/command-text.ts';
import { formatCount, formatDuration, formatMeasure } from '../support/format-numbers.ts';
import { type JsonValue, type RunConfig, sha256 } from './run-config.ts';

/** Outcome of training; known at its end. */
export interface TrainingReport {
  readonly epochs: number;
  /** Wall time of training, over all resumptions as far as known. */
  readonly seconds: number;
  /** For example "cpu (ONNX Runtime, 2 threads)". */
  readonly device: string;
  readonly results: readonly ResultRow[];
}

export interface ResultRow {
  /** The measure: accuracy, energy. */
  readonly metric: string;
  /** On which data: "glyphs test". */
  readonly data: string;
  readonly value: number;
  /** The bound of the source (">= 0.97") and whether it holds, where there is one. */
  readonly requirement?: string;
  readonly holds?: boolean;
}

/** @param report left out while the model is not trained yet */
export function modelCard(config: RunConfig, report?: TrainingReport): string {
  const sections = [
    frontMatter(config, report?.results ?? []),
    `# ${inline(config.model)}`,
    `A predictive coding network of ${formatCount(config.parameterCount)} parameters, described in ` +
      `\`${config.source.path}\` and trained with NeuroMesh (version ${config.compilerVersion}) for the task ` +
      `\`${config.task}\`. It learned from local errors only: no backpropagation through the network.`,
    '## Results',
    report === undefined ? 'Training is not finished yet.' : resultsTable(report.results),
    '## How it was trained',
    trainedText(config, report),
    settingsTable(config.settings),
    '## How to use it',
    `\`\`\`sh\n${byName(nmc`predict PATH/OF/THIS/FOLDER --input FILE`)}\n\`\`\``,
    'The parameters are in `model.safetensors`; `config.json` has the settings and the source; `metrics.jsonl` has one ' +
      'line per epoch, drawn in `curve.svg`, and TensorBoard reads this folder (`tensorboard --logdir .`).',
    '## Source',
    `sha256 of the text: \`${sha256(config.source.text)}\``,
    fenced(config.source.text),
  ];
  return `${sections.join('\n\n')}\n`;
}

function frontMatter(config: RunConfig, results: readonly ResultRow[]): string {
  // A JSON text is a YAML text: quoting needs no rules of its own.
  const lines = ['---', 'library_name: neuromesh', 'tags:', '- predictive-coding', '- neuromesh'];
  if (results.length > 0) {
    lines.push('model-index:', `- name: ${JSON.stringify(config.model)}`, '  results:');
    for (const { metric, data, value } of results.filter((result) => Number.isFinite(result.value))) {
      lines.push(
        `  - task: {type: other, name: ${JSON.stringify(config.task)}}`,
        `    dataset: {name: ${JSON.stringify(data)}, type: ${JSON.stringify(data)}}`,
        `    metrics: [{type: ${JSON.stringify(metric)}, value: ${value}}]`,
      );
    }
  }
  return [...lines, '---'].join('\n');
}

function trainedText(config: RunConfig, report: TrainingReport | undefined): string {
  const start = `Seed ${config.seed}`;
  if (report === undefined) return `${start}.`;
  const { epochs, seconds, device } = report;
  return `${start}, ${epochs} epochs in ${formatDuration(seconds)} on ${inline(device)}.`;
}

function resultsTable(results: readonly ResultRow[]): string {
  if (results.length === 0) return 'No measures were asked for.';
  const rows = results.map(({ metric, data, value, requirement, holds }) => [
    metric,
    data,
    formatMeasure(value),
    requirement ?? '',
    holds === undefined ? '' : holds ? 'holds' : 'fails',
  ]);
  return table(['measure', 'data', 'value', 'asked for', ''], rows);
}

/** Where things lie on the machine that trained: needed to go on, but private in the card. */
const PLACES = ['folder', 'data', 'plan'];

function settingsTable(settings: Readonly<Record<string, JsonValue>>): string {
  const rows = Object.entries(settings)
    .filter(([name]) => !PLACES.includes(name))
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  return rows.length === 0 ? 'All settings are those of the source.' : table(['setting', 'value'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(inline).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One line, with no cell border in it. */
function inline(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
}

/** A fence longer than any run of backquotes in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text.trimEnd()}\n${fence}`;
}
