/** The commands of `nmc`. Adding one: a row here, a file beside this one. */
import type { Argv } from 'yargs';
import { meshCommands, mesh as reach } from './mesh-commands.ts';
import type { Command } from './shell/command.ts';

const json = (y: Argv): Argv =>
  y.option('json', { type: 'boolean', describe: 'print JSON on standard output, nothing else' });
const data = (y: Argv): Argv =>
  y.option('data', {
    type: 'string',
    requiresArg: true,
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
  y.option('device', { type: 'string', requiresArg: true, describe: 'auto (default), cpu, webgpu or reference' });
const precision = (y: Argv): Argv =>
  y.option('precision', {
    type: 'string',
    requiresArg: true,
    describe:
      'on webgpu: f32 (default); f16-weights: products read weights in half precision; f16: they multiply in it, where the GPU does; sums and steps are in f32',
  });
const AHEAD = {
  type: 'string',
  requiresArg: true,
  describe: '1: with --microbatches, a batch begins on predicted weights while the one before it ends',
} as const;
/** A whole number; read and refused by `wholeNumber`, whose words are better. */
const number = (y: Argv, name: string, describe: string): Argv =>
  y.option(name, { type: 'string', requiresArg: true, describe });
const task = (y: Argv): Argv =>
  y.option('task', { type: 'string', requiresArg: true, describe: 'which predict block (default: the first)' });
const limit = (y: Argv): Argv => number(y, 'limit', 'at most this many samples');
const otherFile = (y: Argv): Argv =>
  y.option('model', {
    type: 'string',
    requiresArg: true,
    describe: 'file with the same model and other tasks, to use instead of those that it was trained with',
  });
const example = (y: Argv, ...lines: [string, string][]): Argv => y.example(lines);
const EXPORTED_NAMES = `Inputs are called as the fields of the predict block, outputs as its reads.
  NAME.read         the read NAME, where an input has that name too
  NAME.scores       what the read NAME = argmax(...) chose from
  memory.NODE.K     values of NODE K steps before: zeros at first, then what the call before gave as memory.NODE.K.next
  noise.NODE        normal draws that NODE settles from (settle(start = noise))
  sequence.step     the step of a sequence, from 0: one call is one step, with the element of every field for it
All operators are of the ONNX standard. The file's metadata says the same of each input and output.`;

export const commands: readonly Command[] = [
  {
    usage: 'train [file] [task]',
    summary: 'train a model; without TASK the first train block runs',
    options: (y) =>
      example(
        [device, precision, set, data, json]
          .reduce((all, add) => add(all), trainNumbers(y))
          .positional('file', { type: 'string', describe: 'model file (.pcn)' })
          .positional('task', { type: 'string', describe: 'name of a train block' })
          .option('out', { type: 'string', requiresArg: true, describe: 'run folder (default: runs/MODEL-DATE-N)' })
          .option('resume', { type: 'string', requiresArg: true, describe: 'continue this run with its own settings' })
          .option('probe', {
            type: 'boolean',
            describe: 'before training, warn where the rate is too large for the energy’s curvature',
          })
          .option('weights', { type: 'string', requiresArg: true, describe: 'start from the weights of this run' })
          .option('shards', {
            type: 'string',
            requiresArg: true,
            describe: 'K: cut into K shards, run in lockstep here',
          })
          .option('microbatches', {
            type: 'string',
            requiresArg: true,
            describe: 'with --shards: every batch in so many parts, in flight side by side as on a mesh',
          })
          .option('ahead', AHEAD),
        ['$0 train dsl-examples/digits.pcn', 'train on generated digits'],
        ['$0 train dsl-examples/mnist.pcn ipc --data DIR --json', 'another task, as JSON lines'],
        ['$0 train --resume runs/digits-20261122-1', 'go on where a run stopped; --device says on what, if it changed'],
      ),
    load: () => import('./training/train.ts'),
  },
  {
    usage: 'predict <run>',
    summary: 'predict with a trained run',
    options: (y) =>
      example(
        otherFile(limit(task(device(data(json(y))))))
          .positional('run', { type: 'string', describe: 'run folder' })
          .option('input', {
            type: 'string',
            requiresArg: true,
            describe: 'IDX, NPY, NPZ, CSV, Parquet, PNG, a folder of PNGs, or - for JSON lines',
          })
          .option('png', {
            type: 'string',
            requiresArg: true,
            describe: "write a picture of the data of the task's check and of what is read beside it",
          }),
        ['$0 predict runs/digits-20261122-1 --input my.png', 'prints the digit and its scores'],
        ['$0 predict runs/memory-20261122-1 --png memory.png', 'originals, cues and recalls'],
        ['$0 predict runs/digits-20261122-1 --input - --json', 'samples as JSON lines: {"image": [[0, …], …]}'],
      ),
    load: () => import('./training/predict.ts'),
  },
  {
    usage: 'eval <run>',
    summary: "measure a run against its model's checks",
    options: (y) =>
      example(otherFile(limit(device(data(json(y))))).positional('run', { type: 'string', describe: 'run folder' }), [
        '$0 eval runs/digits-20261122-1',
        'every check with its value; exit code 1 if one fails',
      ]),
    load: () => import('./training/eval.ts'),
  },
  {
    usage: 'export <run>',
    summary: 'write the predictor with its weights as one ONNX file',
    options: (y) =>
      example(
        task(json(y))
          .positional('run', { type: 'string', describe: 'run folder' })
          .option('onnx', { type: 'string', requiresArg: true, demandOption: true, describe: 'file to write' })
          .option('batch', {
            type: 'string',
            requiresArg: true,
            describe: 'samples of one call; any number where this is absent and the model allows it',
          })
          .epilogue(EXPORTED_NAMES),
        ['$0 export runs/digits-20261122-1 --onnx digits.onnx', 'checked against ONNX Runtime'],
        ['$0 export runs/digits-20261122-1 --onnx one.onnx --batch 1', 'exactly one sample in a call'],
      ),
    load: () => import('./training/export.ts'),
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
    load: () => import('./compiling/check.ts'),
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
    load: () => import('./compiling/fmt.ts'),
  },
  {
    usage: 'explain [code]',
    summary: 'explain a diagnostic or a failure; without CODE, list them all',
    options: (y) =>
      example(json(y).positional('code', { type: 'string', describe: 'as a message names it' }), [
        '$0 explain link/shape',
        'why, with an example and the repair',
      ]),
    load: () => import('./shell/explain.ts'),
  },
  {
    usage: 'show <file> [task]',
    summary: 'print a stage of the compiler, or draw the graph',
    options: (y) =>
      example(
        set(json(y))
          .positional('file', { type: 'string', describe: 'model file, or a plan folder' })
          .positional('task', { type: 'string', describe: 'name of a train block' })
          .option('stage', {
            type: 'string',
            requiresArg: true,
            describe: 'ast, graph (default), program or onnx',
          })
          .option('after', {
            type: 'string',
            requiresArg: true,
            describe: 'the program behind this pass (`none`: before the first)',
          })
          .option('svg', { type: 'string', describe: 'draw the graph, or a plan; a path, or standard output' })
          .option('html', { type: 'string', describe: 'a plan as a page: picture and table' }),
        ['$0 show model.pcn --stage program --after hoist', 'the work of one pass'],
        ['$0 show model.pcn --svg model.svg', 'a picture of the graph'],
        ['$0 show model.plan --html plan.html', 'shards, borders, and what limits them'],
      ),
    load: () => import('./planning/show.ts'),
  },
  {
    usage: 'compile <file> [task]',
    summary: 'write the plan of a model',
    options: (y) =>
      example(
        number(
          number(precision(set(json(y))), 'epochs', 'epochs, and the horizon of the schedules'),
          'batch',
          'samples per batch',
        )
          .positional('file', { type: 'string', describe: 'model file (.pcn)' })
          .positional('task', { type: 'string', describe: 'name of a train block' })
          .option('partition', { type: 'string', requiresArg: true, describe: 'K: cut the model into K shards' })
          .option('microbatches', {
            type: 'string',
            requiresArg: true,
            describe: 'K: for --schedule pipelined, with a batch in K parts in flight side by side',
          })
          .option('ahead', AHEAD)
          .option('mesh', {
            type: 'string',
            requiresArg: true,
            describe: 'file of machines (`nmc mesh record`): a shard for each, as large as it is fast',
          })
          .option('from', {
            type: 'string',
            requiresArg: true,
            describe:
              'an older plan: pieces move only for a tick a tenth faster, or where they must; all anew where its tiles do not fit',
          })
          .option('out', {
            alias: 'o',
            type: 'string',
            requiresArg: true,
            describe: 'plan folder (default: FILE.plan)',
          }),
        ['$0 compile model.pcn -o model.plan', 'plan.json, the programs and cpu/*.onnx'],
        ['$0 compile model.pcn --partition 8', 'eight shards, with what crosses between them'],
        ['$0 compile model.pcn --mesh mesh.json', 'a shard for each machine of the file'],
      ),
    load: () => import('./compiling/compile.ts'),
  },
  {
    usage: 'plan <action> <a> <b>',
    summary: 'say what moves between two plans, and why',
    options: (y) =>
      example(
        json(y)
          .positional('action', { choices: ['diff'] as const, describe: 'diff: from plan A to plan B' })
          .positional('a', { type: 'string', describe: 'plan folder' })
          .positional('b', { type: 'string', describe: 'plan folder' }),
        ['$0 plan diff old.plan new.plan', 'pieces that move, machines that changed, the tick before and after'],
      ),
    load: () => import('./planning/plan.ts'),
  },
  {
    usage: 'serve',
    summary: 'serve predictions over HTTP; newer weights are taken up on the way',
    options: (y) =>
      example(
        number(device(json(y)), 'port', 'port to listen on, 0 for any (default: 8080)')
          .option('run', { type: 'string', requiresArg: true, describe: 'run folder; it may still be trained' })
          .option('mesh', {
            type: 'string',
            requiresArg: true,
            describe: 'a mesh: serves its newest run, or --run RUN',
          })
          .option('fingerprint', { type: 'string', requiresArg: true, describe: 'key of the mesh; remembered' })
          .option('insecure', { type: 'boolean', describe: 'allow connections beyond this machine without encryption' })
          .option('listen', {
            type: 'string',
            requiresArg: true,
            describe: 'address to listen on (default: 127.0.0.1)',
          })
          .option('cert', { type: 'string', requiresArg: true, describe: 'certificate (PEM): then it speaks https' })
          .option('cert-key', { type: 'string', requiresArg: true, describe: 'its private key (PEM)' })
          .option('host', {
            type: 'string',
            requiresArg: true,
            describe: 'a name that others call this machine by; may be given several times',
          })
          .option('tokens', {
            type: 'string',
            requiresArg: true,
            describe: 'file of `nmc keys token new`: then every request needs a token',
          }),
        ['$0 serve --run runs/digits-20261122-1 --port 8080', 'then curl 127.0.0.1:8080/predict --json @sample.json'],
      ),
    load: () => import('./training/serve.ts'),
  },
  ...meshCommands,
  {
    usage: 'mesh <action> [records..]',
    summary: 'put records of machines together into a file for --mesh; free what a mesh keeps for nothing',
    options: (y) =>
      example(
        reach(y)
          .positional('action', {
            choices: ['record', 'gc'] as const,
            describe: 'record: make the file; gc: remove blobs of a mesh that no run names any more',
          })
          .positional('records', { type: 'string', array: true, describe: 'what `nmc doctor --json` wrote' })
          .option('out', { alias: 'o', type: 'string', requiresArg: true, describe: 'file (default: mesh.json)' })
          .option('dry-run', { type: 'boolean', describe: 'gc: only say what would go' }),
        ['$0 mesh record a.json b.json -o mesh.json', 'two machines, by what `nmc doctor --json` found on them'],
        ['$0 mesh gc --dry-run', 'what nothing needs any more, and how much it is'],
      ),
    load: () => import('./mesh/mesh.ts'),
  },
  {
    usage: 'partition <graph>',
    summary: 'cut any graph into parts of equal weight',
    options: (y) =>
      example(
        number(json(y), 'seed', 'another partition; the same seed gives the same (default: 0)')
          .positional('graph', { type: 'string', describe: 'graph in the METIS format' })
          .option('parts', { type: 'string', requiresArg: true, demandOption: true, describe: 'number of parts' })
          .option('out', {
            alias: 'o',
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'file for the part of each vertex, one a line, from 0',
          }),
        ['$0 partition mesh.graph --parts 8 -o mesh.part.8', 'parts at most 5 % over the mean, a small edge cut'],
      ),
    load: () => import('./planning/partition.ts'),
  },
  {
    usage: 'doctor',
    summary: 'say what this machine can do, and which device a training takes',
    options: (y) =>
      example(json(y), ['$0 doctor --json', 'adapter, driver, limits and measured speeds, one object on one line']),
    load: () => import('./measuring/doctor.ts'),
  },
  {
    usage: 'bench',
    summary: 'measure a device: products, ticks and batches against the most that it does',
    options: (y) =>
      example(
        precision(device(json(y))).option('only', {
          type: 'string',
          requiresArg: true,
          describe: 'one part: tiles, product, copy, network, convolution or attention',
        }),
        ['$0 bench --device webgpu', 'the GPU; exit code 3 where there is none'],
        ['$0 bench --device webgpu --only tiles', 'find the tiles that suit this GPU, and keep them for trainings'],
        ['$0 bench --device webgpu --precision f16-weights', 'the same with weights read in half precision'],
        ['$0 bench --device webgpu --precision f16', 'the same multiplied in half precision, on a GPU that does'],
        ['$0 bench --device cpu --json', 'a line of JSON for each measurement'],
      ),
    load: () => import('./measuring/bench.ts'),
  },
  {
    usage: 'data <action> [name]',
    summary: 'list data sets, or get one',
    options: (y) =>
      example(
        data(json(y))
          .positional('action', { choices: ['list', 'get'] as const, describe: 'list, or get NAME' })
          .positional('name', { type: 'string', describe: 'as `nmc data list` names it' }),
        ['$0 data list', 'what there is, and what is here already'],
        ['$0 data get mnist', 'download with a checksum, resumed after a break'],
      ),
    load: () => import('./training/data.ts'),
  },
];

function trainNumbers(y: Argv): Argv {
  const rows = [
    ['epochs', 'epochs, and the horizon of the schedules'],
    ['batch', 'samples per batch'],
    ['seed', 'seed of weights and of the order of samples'],
    ['limit', 'use at most this many samples of every data set'],
  ] as const;
  return rows.reduce((all, [name, describe]) => number(all, name, describe), y);
}
