/**
 * Every example at a size that an interpreter in f64 and a processor that plays a GPU train in a second: the same models
 * on smaller pictures, with narrower nodes, fewer clusters and fewer ticks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelFiles, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { withKernels } from '../../compiler/8-plan/kernels.ts';
import { buildProgram, checkFile, type Staged } from '../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../compiler/host.ts';
import { planWithoutFiles } from './built-plans.ts';
import { EVERY } from './every.ts';

const FOLDER = 'dsl-examples';
const EXAMPLES = readdirSync(FOLDER).filter((file) => file.endsWith('.pcn'));

type Edit = readonly [from: string | RegExp, to: string];

/** Digits of `size` pixels from a file in place of the data set. */
const pictures = (size: string): Edit => [
  /data\.(glyphs|mnist|cifar10)\.train(\[[^\]]*\])?(\.sequences\(16\))?/g,
  `data.file("small.npz", image = u8[${size}], digit = int)`,
];
const CIFAR = /data\.cifar10\.train\[0\.\.samples - 1\]\.moved\(4, flip = true\)/g;
const flat = (width: number): Edit => ['f32[784]', `f32[${width}]`];
const hidden = (from: number, to: number): Edit => [`hidden: int = ${from}`, `hidden: int = ${to}`];
const ticks = (from: number, to: number): Edit => [`steps = ${from}`, `steps = ${to}`];

/** Every place of `from` becomes `to`; one that is nowhere is an error, so that no example grows unseen. */
const SMALLER: Readonly<Record<string, readonly Edit[]>> = {
  'conv.pcn': [
    pictures('12, 12'),
    ['f32[28, 28, 1]', 'f32[12, 12, 1]'],
    ['f32[14, 14, 8]', 'f32[6, 6, 3]'],
    ['f32[7, 7, 16]', 'f32[3, 3, 5]'],
    ticks(6, 3),
  ],
  'cortex.pcn': [
    pictures('8, 8'),
    ['column[64]', 'column[8]'],
    ['column[0..31]', 'column[0..3]'],
    ['column[32..47]', 'column[4..5]'],
    ['column[48..63]', 'column[6..7]'],
    ['f32[28, 28]', 'f32[8, 8]'],
    ['[28, 28, 1]', '[8, 8, 1]'],
    ['f32[56]', 'f32[16]'],
    ['f32[7, 7]', 'f32[2, 2]'],
    ['f32[256]', 'f32[20]'],
    ['f32[96]', 'f32[9]'],
    ['f32[64]', 'f32[12]'],
    ticks(8, 4),
  ],
  'deep.pcn': [
    pictures('6, 7'),
    flat(42),
    ['depth: int = 32', 'depth: int = 7'],
    ['width: int = 32', 'width: int = 10'],
    ['/ 255 - 0.1307) / 0.3081', '/ 255 - 0.5) / 0.5'],
    // At muPC's own rates Adam makes whole steps of errors as small as rounding; at these its program is that of `il`.
    ['steps = depth, rate = 0.5 / 64', 'steps = 2 * depth, rate = 0.2359'],
    ['adam(rate = 0.1)', 'adam(rate = 0.001)'],
  ],
  'digits.pcn': [pictures('6, 7'), flat(42), hidden(128, 33), ticks(8, 4)],
  'fan_out.pcn': [
    pictures('6, 7'),
    flat(42),
    hidden(128, 17),
    ['replicas: int = 8', 'replicas: int = 3'],
    ['batch     = 128', 'batch     = 126'],
    ticks(8, 4),
  ],
  'generate.pcn': [pictures('6, 7'), flat(42), hidden(256, 33), ticks(12, 5)],
  'memory.pcn': [pictures('6, 7'), flat(42), ['f32[3072]', 'f32[42]'], ticks(200, 3), ticks(100, 2)],
  'mnist.pcn': [pictures('6, 7'), flat(42), hidden(128, 33), ticks(8, 4)],
  'own_link.pcn': [pictures('10, 13'), flat(130), ['f32[96]', 'f32[65]'], ticks(8, 4)],
  'predify.pcn': [pictures('6, 7'), flat(42), hidden(256, 17), ['f32[64]', 'f32[9]']],
  'rec_lra.pcn': [pictures('6, 7'), flat(42), ['width: int = 256', 'width: int = 10']],
  'resnet.pcn': [
    [CIFAR, 'data.file("small.npz", image = u8[8, 8, 3], label = int)'],
    ['f32[32, 32, 3]', 'f32[8, 8, 3]'],
    ['f32[32, 32, channels]', 'f32[8, 8, channels]'],
    ['stage(4,', 'stage(1,'],
    ['stage(8,', 'stage(2,'],
    ['stage(16,', 'stage(4,'],
    ['stage(32,', 'stage(8,'],
    ['window = 4', 'window = 1'],
    ['channels: int = 16', 'channels: int = 2'],
    // As for VGG5 below.
    [/rate = 0\.015/g, 'rate = 0.1'],
  ],
  'sequence.pcn': [pictures('16, 6, 7'), flat(42), hidden(256, 17), ticks(20, 4), ticks(5, 2)],
  'small_brain.pcn': [ticks(8, 4)],
  'tracking.pcn': [],
  'transformer.pcn': [
    [/data\.shakespeare\(stride = stride\)\.train/g, 'data.file("small.npz", text = int[5], next = int[5])'],
    [/ *validate on .*\n/g, ''],
    [' = 128 where', ' = 5 where'],
    ['width: int = 64', 'width: int = 8'],
    ['heads: int = 8', 'heads: int = 2'],
    ['vocabulary: int = 65', 'vocabulary: int = 20'],
  ],
  'vgg.pcn': [
    [CIFAR, 'data.file("small.npz", image = u8[16, 16, 3], label = int)'],
    ['f32[32, 32, 3]', 'f32[16, 16, 3]'],
    ['f32[16, 16, channels]', 'f32[8, 8, channels]'],
    ['f32[8, 8, 2 * channels]', 'f32[4, 4, 2 * channels]'],
    ['f32[2, 2, 4 * channels]', 'f32[1, 1, 4 * channels]'],
    ['f32[4, 4, 4 * channels]', 'f32[2, 2, 4 * channels]'],
    ['channels: int = 32', 'channels: int = 3'],
    // Behind h links errors are rate^h of the first, and rounding is not: at 0.003 it is 1e-6 of the first layer's.
    [/rate = 0\.003/g, 'rate = 0.1'],
  ],
};

interface SmallStaged {
  /** `memory.pcn: dendritic`. */
  readonly name: string;
  readonly staged: Staged;
  /** `memory.pcn: dendritic_memory`. */
  readonly model: string;
  /** `learn.ipc`. */
  readonly rule: string;
}

export interface SmallTask {
  /** `memory.pcn: dendritic`. */
  readonly name: string;
  /** `memory.pcn: dendritic_memory`. */
  readonly model: string;
  /** With kernels, and nothing for the CPU. */
  readonly built: BuiltPlan;
}

/**
 * One task for each model of each example, and one for each learning rule: rules differ in what they compute, not in which
 * operators a model of theirs needs. `NMC_EVERY=1` takes every task, but of those that come out as the same program one.
 * @param batch samples of one replica
 */
export function smallTasks(batch: number, examples: readonly string[] = EXAMPLES): SmallTask[] {
  const tasks = examples.flatMap((name) => stagedOf(name, smaller(name), batch));
  const found = new Map<string, SmallTask>();
  for (const { name, model, staged } of EVERY ? tasks : ofEachKind(tasks)) {
    const built = planWithoutFiles(staged);
    const key = JSON.stringify([built.program.states, built.program.functions]);
    if (!found.has(key))
      found.set(key, { name, model, built: withKernels(built, kernelFiles(lowerToWgsl(built.program))) });
  }
  return [...found.values()];
}

/** Of models with unlike operators: convolutions, attention, steps in time, nodes that are correlated, a fan-out. */
const UNLIKE = ['conv.pcn', 'transformer.pcn', 'sequence.pcn', 'memory.pcn', 'fan_out.pcn', 'digits.pcn'];

/** For what is slow and differs little from model to model; all of `smallTasks` with `NMC_EVERY=1`. */
export function unlikeTasks(batch: number): SmallTask[] {
  return smallTasks(batch, EVERY ? EXAMPLES : UNLIKE);
}

/** One of them for each model: for what meets other operators, and is the same whatever the rule does with them. */
export function ofEachModel(tasks: readonly SmallTask[]): readonly SmallTask[] {
  return EVERY ? tasks : tasks.filter(({ model }, i) => tasks.findIndex((t) => t.model === model) === i);
}

/** The tasks that show a model or a rule for the first time; of each model one that settles, where it has one. */
function ofEachKind(tasks: readonly SmallStaged[]): readonly SmallStaged[] {
  const [models, rules] = [new Set<string>(), new Set<string>()];
  const settlingFirst = [...tasks].sort((a, b) => Number(a.rule === 'learn.bp') - Number(b.rule === 'learn.bp'));
  return settlingFirst.filter(({ model, rule }) => {
    const fresh = !models.has(model) || !rules.has(rule);
    models.add(model);
    rules.add(rule);
    return fresh;
  });
}

function smaller(name: string): string {
  const edits = SMALLER[name];
  if (!edits) throw new Error(`${name} has no small form: add its row`);
  const whole = readFileSync(join(FOLDER, name), 'utf8');
  // What is predicted and checked is not trained, and wants the data set.
  let text = whole.slice(0, whole.search(/^predict /m));
  for (const [from, to] of edits) {
    const next = text.replaceAll(from, to);
    if (next === text) throw new Error(`${name} has no ${from} any more`);
    text = next;
  }
  return text;
}

/** The train tasks of one example in its small form, before they are cut or finished. */
export function smallStaged(name: string, batch: number): SmallStaged[] {
  return stagedOf(name, smaller(name), batch);
}

function stagedOf(name: string, text: string, batch: number): SmallStaged[] {
  const path = join(FOLDER, name);
  const { value: checked, diagnostics } = checkFile(overlayHost({ [path]: text }, fileHost()), path);
  if (!checked) throw new Error(`${path}: ${diagnostics[0]?.message}`);
  return checked.trains.map((task) => {
    const small = { ...task, batch: Math.min(task.batch, batch * task.replicas) };
    const staged = buildProgram({ checked, model: task.model, task: small, predicts: [] });
    return { name: `${name}: ${task.name}`, staged, model: `${name}: ${task.model.name}`, rule: task.method.name };
  });
}
