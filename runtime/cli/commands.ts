/** The commands of `nmc`. Adding one: a row here, its options in `options.ts` beside the file that does the work. */

import { nmc } from '../support/command-text.ts';
import { CHECK, COMPILE, FMT } from './compiling/options.ts';
import { BENCH } from './measuring/options.ts';
import { MESH_FILE } from './mesh/options.ts';
import { meshCommands } from './mesh-commands.ts';
import { PARTITION, PLAN, SHOW } from './planning/options.ts';
import { type Command, command } from './shell/command.ts';
import { EXPLAIN, JSON_LINES } from './shell/common-options.ts';
import { DATA_SETS, EVAL, EXPORT, NEW, PREDICT, SERVE, TRAIN } from './training/options.ts';

const EXPORTED_NAMES = `Inputs are called as the fields of the predict block, outputs as its reads.
  NAME.read         the read NAME, where an input has that name too
  NAME.scores       what the read NAME = argmax(...) chose from
  memory.NODE.K     values of NODE K steps before: zeros at first, then what the call before gave as memory.NODE.K.next
  noise.NODE        normal draws that NODE settles from (settle(start = noise))
  sequence.step     the step of a sequence, from 0: one call is one step, with the element of every field for it
All operators are of the ONNX standard. The file's metadata says the same of each input and output.`;

export const commands: readonly Command[] = [
  command({
    usage: 'train [file] [task]',
    summary: 'train a model; without TASK the first train block runs',
    options: TRAIN,
    examples: [
      ['train dsl-examples/digits.pcn', 'train on generated digits'],
      ['train dsl-examples/mnist.pcn ipc --data DIR --json', 'another task, as JSON lines'],
      ['train --resume runs/digits-20261122-1', 'go on where a run stopped; --device says on what, if it changed'],
    ],
    load: () => import('./training/train.ts'),
  }),
  command({
    usage: 'new <data>',
    summary: 'write a commented model for a file or folder of data',
    options: NEW,
    examples: [
      ['$0 new flowers.csv', 'writes flowers.pcn, which predicts the column of words'],
      ['$0 new houses.csv --target price', 'predicts a number'],
      ['$0 new pictures -o my.pcn', 'a folder with a sub-folder of PNGs for each class'],
    ],
    load: () => import('./training/new.ts'),
  }),
  command({
    usage: 'predict <run>',
    summary: 'predict with a trained run',
    options: PREDICT,
    examples: [
      ['predict runs/digits-20261122-1 --input my.png', 'prints the digit and its scores'],
      ['predict runs/memory-20261122-1 --png memory.png', 'originals, cues and recalls'],
      ['predict runs/transformer-20261122-1 --prompt "KING " --temperature 0.8', 'goes on with the text'],
      ['predict runs/digits-20261122-1 --input - --json', 'samples as JSON lines: {"image": [[0, …], …]}'],
    ],
    load: () => import('./training/predict.ts'),
  }),
  command({
    usage: 'eval <run>',
    summary: "measure a run against its model's checks",
    options: EVAL,
    examples: [
      ['eval runs/digits-20261122-1', 'every check with its value; exit code 1 if one fails'],
      ['eval runs/digits-20261122-1 --report digits', 'and digits/report.html: which class is read as which'],
    ],
    load: () => import('./training/eval.ts'),
  }),
  command({
    usage: 'export <run>',
    summary: 'write the predictor with its weights as one ONNX file',
    options: EXPORT,
    examples: [
      ['export runs/digits-20261122-1 --onnx digits.onnx', 'checked against ONNX Runtime'],
      ['export runs/digits-20261122-1 --onnx one.onnx --batch 1', 'exactly one sample in a call'],
    ],
    epilogue: EXPORTED_NAMES,
    load: () => import('./training/export.ts'),
  }),
  command({
    usage: 'check <files..>',
    summary: 'report the mistakes in model files',
    options: CHECK,
    examples: [['check model.pcn', 'messages with places and repairs']],
    load: () => import('./compiling/check.ts'),
  }),
  command({
    usage: 'fmt <files..>',
    summary: 'write model files in the one canonical form',
    options: FMT,
    examples: [['fmt model.pcn', 'rewrite the file in place']],
    load: () => import('./compiling/fmt.ts'),
  }),
  command({
    usage: 'explain [code]',
    summary: 'explain a diagnostic or a failure; without CODE, list them all',
    options: EXPLAIN,
    examples: [['explain link/shape', 'why, with an example and the repair']],
    load: () => import('./shell/explain.ts'),
  }),
  command({
    usage: 'show <file> [task]',
    summary: 'print a stage of the compiler, or draw the graph',
    options: SHOW,
    examples: [
      ['show model.pcn --stage program --after hoist', 'the work of one pass'],
      ['show model.pcn --svg model.svg', 'a picture of the graph'],
      ['show model.plan --html plan.html', 'shards, borders, and what limits them'],
    ],
    load: () => import('./planning/show.ts'),
  }),
  command({
    usage: 'compile <file> [task]',
    summary: 'write the plan of a model',
    options: COMPILE,
    examples: [
      ['compile model.pcn -o model.plan', 'plan.json, the programs and cpu/*.onnx'],
      ['compile model.pcn --partition 8', 'eight shards, and the traffic between them'],
      ['compile model.pcn --mesh mesh.json', 'a shard for each machine of the file'],
    ],
    load: () => import('./compiling/compile.ts'),
  }),
  command({
    usage: 'plan <action> <a> <b>',
    summary: 'say what moves between two plans, and why',
    options: PLAN,
    examples: [['plan diff old.plan new.plan', 'pieces that move, machines that changed, the tick before and after']],
    load: () => import('./planning/plan.ts'),
  }),
  command({
    usage: 'serve',
    summary: 'serve predictions over HTTP; newer weights are picked up while it runs',
    options: SERVE,
    examples: [
      ['serve --run runs/digits-20261122-1 --port 8080', 'then curl 127.0.0.1:8080/predict --json @sample.json'],
    ],
    load: () => import('./training/serve.ts'),
  }),
  ...meshCommands,
  command({
    usage: 'mesh <action> [records..]',
    summary:
      'join records of machines into a file for --mesh; remove blobs that a mesh no longer needs; do stretches again; prepare NATS; compare what it keeps',
    options: MESH_FILE,
    examples: [
      ['mesh record a.json b.json -o mesh.json', `two machines, by what ${nmc`doctor --json`} found on them`],
      ['mesh gc --dry-run', 'the blobs that are no longer needed, and their size'],
      ['mesh replay records/RUN/0-1-0.rec', 'whether a trainer has computed what it signed'],
      ['mesh init --nats tls://a:4222 --creds mesh.creds', 'checks servers of NATS, and makes what a mesh keeps there'],
      ['mesh verify --nats tls://a:4222', 'whether NATS still has what this machine has a copy of'],
      ['mesh move --to nats --nats tls://a:4222', 'the mesh of this machine, which is stopped, to those servers'],
      ['mesh move --give-up --nats tls://a:4222', 'a move that was begun is not finished: the mesh stays where it was'],
      ['mesh nats', `the nats-server that ${nmc`up --nats`} would start`],
      ['mesh stretch RUN 0 1 0 -o first.rec', 'the record of shard 0 in term 1 from call 0, from its trainer'],
    ],
    load: () => import('./mesh/mesh.ts'),
  }),
  command({
    usage: 'partition <graph>',
    summary: 'cut any graph into parts of equal weight',
    options: PARTITION,
    examples: [['partition mesh.graph --parts 8 -o mesh.part.8', 'parts at most 5 % over the mean, a small edge cut']],
    load: () => import('./planning/partition.ts'),
  }),
  command({
    usage: 'doctor',
    summary: 'report what this machine can do, and which device a training takes',
    options: JSON_LINES,
    examples: [['doctor --json', 'adapter, driver, limits and measured speeds, one object on one line']],
    load: () => import('./measuring/doctor.ts'),
  }),
  command({
    usage: 'bench',
    summary: 'measure a device: products, ticks and batches beside its own ceiling',
    options: BENCH,
    examples: [
      ['bench --device webgpu', 'the GPU; exit code 3 where there is none'],
      ['bench --device webgpu --only tiles', 'find the tiles that suit this GPU, and keep them for trainings'],
      ['bench --device webgpu --precision f16-weights', 'the same with weights read in half precision'],
      ['bench --device webgpu --precision f16', 'the same, multiplied in half precision where the GPU can'],
      ['bench --device cpu --json', 'a line of JSON for each measurement'],
    ],
    load: () => import('./measuring/bench.ts'),
  }),
  command({
    usage: 'data <action> [name]',
    summary: 'list public data sets, or download one',
    options: DATA_SETS,
    examples: [
      ['data list', 'the data sets, and which are here'],
      ['data get mnist', 'download with a checksum, resumed after a break'],
    ],
    load: () => import('./training/data.ts'),
  }),
];
