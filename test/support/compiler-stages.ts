/** Which stages of the compiler a file calls. */
import { importsOf, readText } from './repository.ts';

/** Functions that begin a stage, by their file. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  'compiler/1-syntax/parse.ts': ['parse'],
  'compiler/2-names/load.ts': ['loadProgram'],
  'compiler/2-names/resolve.ts': ['resolve'],
  'compiler/3-check/check.ts': ['check'],
  'compiler/4-graph/lower.ts': ['lowerGraph'],
  'compiler/5-program/lower.ts': ['lowerProgram'],
  'compiler/5-program/passes/index.ts': ['runPasses'],
  'compiler/6-partition/cut-model.ts': ['cutModel'],
  'compiler/7-kernels/onnx/lower.ts': ['lowerToCpu'],
  'compiler/7-kernels/onnx/shards.ts': ['lowerEachToCpu'],
  'compiler/7-kernels/wgsl/lower.ts': ['lowerToWgsl'],
  'compiler/8-plan/build.ts': ['draftPlan'],
  'compiler/8-plan/shards.ts': ['draftShardedPlan'],
};

/** Stages that a file calls. */
export function stagesCalledBy(file: string, text = readText(file)): Set<string> {
  const targets = importsOf(file, text).filter(({ target, typeOnly }) => !typeOnly && ENTRIES[target]);
  const called = targets.filter(({ target }) =>
    (ENTRIES[target] ?? []).some((name) => new RegExp(`\\b${name}\\b(?!\\.ts)`).test(text)),
  );
  return new Set(called.map(({ target }) => target.split('/')[1] ?? ''));
}
