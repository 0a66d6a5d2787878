/** The train blocks of the golden models whose batches can be divided into microbatches. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pipelineProblem, possibleMicrobatches } from '../../compiler/5-program/pipeline.ts';
import { compileText } from './shards.ts';

const GOLDEN = 'test/golden';

export interface TrainingSource {
  /** Of the golden case. */
  readonly name: string;
  readonly task: string;
  readonly text: string;
  /** The modules beside it. */
  readonly files: Readonly<Record<string, string>>;
}

export function pipelinedTrainings(): TrainingSource[] {
  return readdirSync(GOLDEN)
    .filter((name) => existsSync(`${GOLDEN}/${name}/model.pcn`))
    .flatMap(trainingsOf)
    .filter(({ text, task, files }) => {
      const { graph, task: found } = compileText(text, task, files);
      return pipelineProblem(graph, found) === undefined && possibleMicrobatches(found.batch).length > 1;
    });
}

function trainingsOf(name: string): TrainingSource[] {
  const read = (file: string): string => readFileSync(`${GOLDEN}/${name}/${file}`, 'utf8');
  const text = read('model.pcn');
  const others = readdirSync(`${GOLDEN}/${name}`).filter((f) => f.endsWith('.pcn') && !/^(model|ast)\.pcn$/.test(f));
  const files = Object.fromEntries(others.map((f) => [f, read(f)]));
  return [...text.matchAll(/^train (\w+) of/gm)].map((m) => ({ name, task: m[1] ?? '', text, files }));
}
