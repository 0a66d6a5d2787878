/** The commands of `nmc`. Adding one: a row here, a file beside this one. */
import type { Argv } from 'yargs';
import type { Command } from './command.ts';

const json = (y: Argv): Argv =>
  y.option('json', { type: 'boolean', describe: 'print JSON on standard output, nothing else' });
const data = (y: Argv): Argv =>
  y.option('data', {
    type: 'string',
    describe: 'folder that holds mnist/, fashion-mnist/, cifar-10/ (default: $NMC_DATA)',
  });
const set = (y: Argv): Argv =>
  y.option('set', {
    type: 'string',
    array: true,
    requiresArg: true,
    nargs: 1,
    describe: 'name=value: a parameter of the model',
  });
const device = (y: Argv): Argv =>
  y.option('device', { type: 'string', default: 'auto', describe: 'auto, cpu or reference' });
const example = (y: Argv, ...lines: [string, string][]): Argv => y.example(lines);

export const commands: readonly Command[] = [
  {
    usage: 'train [file] [task]',
    summary: 'train a model; without TASK the first train block runs',
    options: (y) =>
      example(
        device(set(data(json(y))))
          .positional('file', { type: 'string', describe: 'model file (.pcn)' })
          .positional('task', { type: 'string', describe: 'name of a train block' })
          .option('epochs', { describe: 'epochs, and the horizon of the schedules' })
          .option('batch', { describe: 'samples per batch' })
          .option('seed', { describe: 'seed of weights and of the order of samples' })
          .option('limit', { describe: 'use at most this many samples of every data set' })
          .option('out', { type: 'string', describe: 'run folder (default: runs/TASK-DATE-N)' })
          .option('resume', { type: 'string', describe: 'continue this run with its own settings' })
          .option('weights', { type: 'string', describe: 'start from the weights of this run' }),
        ['$0 train dsl-examples/digits.pcn', 'train on generated digits'],
        ['$0 train dsl-examples/mnist.pcn ipc --data DIR --json', 'another task, as JSON lines'],
        ['$0 train --resume runs/digits-20261122-1', 'go on where a run stopped'],
      ),
    load: () => import('./train.ts'),
  },
  {
    usage: 'check <files..>',
    summary: 'say what is wrong with model files',
    options: (y) =>
      example(
        set(json(y))
          .positional('files', { type: 'string', array: true, describe: 'model files (.pcn)' })
          .option('sarif', { type: 'boolean', describe: 'print SARIF 2.1.0' }),
        ['$0 check model.pcn', 'messages with places and repairs'],
      ),
    load: () => import('./check.ts'),
  },
  {
    usage: 'fmt <files..>',
    summary: 'write model files in the one canonical form',
    options: (y) =>
      example(
        json(y)
          .positional('files', { type: 'string', array: true, describe: 'model files, or - for standard input' })
          .option('check', { type: 'boolean', describe: 'change nothing, exit with 1 if anything would change' }),
        ['$0 fmt model.pcn', 'rewrite the file in place'],
      ),
    load: () => import('./fmt.ts'),
  },
  {
    usage: 'explain [code]',
    summary: 'explain a diagnostic; without CODE, list them all',
    options: (y) =>
      example(json(y).positional('code', { type: 'string' }), [
        '$0 explain link/shape',
        'why, with an example and the repair',
      ]),
    load: () => import('./explain.ts'),
  },
  {
    usage: 'show <file> [task]',
    summary: 'print a stage of the compiler, or draw the graph',
    options: (y) =>
      example(
        set(json(y))
          .positional('file', { type: 'string', describe: 'model file, or a plan folder' })
          .positional('task', { type: 'string' })
          .option('stage', { type: 'string', default: 'graph', describe: 'ast, graph, program or onnx' })
          .option('after', {
            type: 'string',
            describe: 'stop behind this pass of the program (`none`: before the first)',
          })
          .option('svg', { describe: 'draw the graph; a path, or standard output' }),
        ['$0 show model.pcn --stage program --after hoist', 'the work of one pass'],
      ),
    load: () => import('./show.ts'),
  },
  {
    usage: 'compile <file> [task]',
    summary: 'write the plan of a model',
    options: (y) =>
      example(
        set(json(y))
          .positional('file', { type: 'string' })
          .positional('task', { type: 'string' })
          .option('out', { alias: 'o', type: 'string', describe: 'plan folder (default: FILE.plan)' })
          .option('epochs', {})
          .option('batch', {}),
        ['$0 compile model.pcn -o model.plan', 'plan.json, the programs and cpu/*.onnx'],
      ),
    load: () => import('./compile.ts'),
  },
  {
    usage: 'predict <run>',
    summary: 'predict with a trained run',
    options: (y) =>
      example(
        device(json(y))
          .positional('run', { type: 'string', describe: 'run folder' })
          .option('input', {
            type: 'string',
            demandOption: true,
            describe: 'IDX, NPY, NPZ, CSV, PNG, a folder of PNGs, or - for JSON lines',
          })
          .option('task', { type: 'string', describe: 'which predict block (default: the first)' })
          .option('limit', { describe: 'at most this many samples' }),
        ['$0 predict runs/digits-20261122-1 --input my.png', 'prints the digit and its scores'],
      ),
    load: () => import('./predict.ts'),
  },
  {
    usage: 'eval <run>',
    summary: "measure a run against the model's checks",
    options: (y) =>
      example(
        device(data(json(y)))
          .positional('run', { type: 'string' })
          .option('limit', { describe: 'at most this many samples' }),
        ['$0 eval runs/digits-20261122-1', 'every check with its value'],
      ),
    load: () => import('./eval.ts'),
  },
  {
    usage: 'export <run>',
    summary: 'write the predictor with its weights as one ONNX file',
    options: (y) =>
      example(
        json(y)
          .positional('run', { type: 'string' })
          .option('onnx', { type: 'string', demandOption: true, describe: 'file to write' })
          .option('task', { type: 'string', describe: 'which predict block (default: the first)' }),
        ['$0 export runs/digits-20261122-1 --onnx digits.onnx', ''],
      ),
    load: () => import('./export.ts'),
  },
  {
    usage: 'data <action> [name]',
    summary: 'list data sets, or get one',
    options: (y) =>
      example(
        data(json(y))
          .positional('action', { choices: ['list', 'get'] as const })
          .positional('name', { type: 'string' }),
        ['$0 data get mnist', 'download with a checksum, resumed after a break'],
      ),
    load: () => import('./data.ts'),
  },
];
