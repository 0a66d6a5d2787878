/**
 * A batch of VGG5 by inference learning and by backpropagation, beside its convolutions alone: each once as ONNX Runtime
 * runs it, in its own layout, as often as the batch needs that many operations. A convolution's gradients by its data and
 * by its weights are as many operations as itself.
 */
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { encodeModel } from '../../../compiler/7-kernels/onnx/model.ts';
import { openTraining, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { sizeOf } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';

const [BATCH, TICKS] = [128, 7];
const WANTED = { rounds: 5, patience: 60_000 };
const SHARE = 0.6;

/** One of the four convolutions: 3 x 3 places, zeros around. */
interface Layer {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

const layersOf = (channels: number): readonly Layer[] => [
  { size: 32, from: 3, to: channels },
  { size: 16, from: channels, to: 2 * channels },
  { size: 8, from: 2 * channels, to: 4 * channels },
  { size: 4, from: 4 * channels, to: 4 * channels },
];

const RULES = {
  il: { method: `learn.il(steps = ${TICKS}, rate = 0.0235)`, times: inferenceTimes },
  bp: { method: 'learn.bp()', times: backpropagationTimes },
} as const;
type Rule = keyof typeof RULES;

/** Once for the prediction from the image, which is held, and once for its weights; the others also in every tick. */
function inferenceTimes(layer: number): number {
  return layer === 0 ? 2 : 2 * TICKS + 2;
}

/** Nothing asks for the image's gradient. */
function backpropagationTimes(layer: number): number {
  return layer === 0 ? 2 : 3;
}

export async function convolutionFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const channels of [32, 64])
    for (const rule of Object.keys(RULES) as Rule[]) figures.push(...(await figuresOf(rule, channels)));
  return figures;
}

async function figuresOf(rule: Rule, channels: number): Promise<readonly Figure[]> {
  const layers = layersOf(channels);
  const { method, times } = RULES[rule];
  const training = await openTraining(modelText(channels, method), cpuDevice);
  const alone = await Promise.all(layers.map(openConvolution));
  const ceiling = async (): Promise<number> => {
    let sum = 0;
    for (const [i, conv] of alone.entries()) sum += times(i) * (await conv.time());
    return sum;
  };
  const rounds = await calmRounds(WANTED, ceiling, async () => median(await timeSteps(training, 1, 3)));
  await training.close();
  for (const conv of alone) await conv.close();
  const floor = (round: (typeof rounds)[number]): number => (round.before + round.after) / 2;
  const milliseconds = median(rounds.map((round) => round.value));
  const share = median(rounds.map((round) => floor(round) / round.value));
  const title = `${rule} batch, VGG5 from ${channels} channels, B=${BATCH}${rule === 'il' ? `, T=${TICKS}` : ''}`;
  return [
    told(title, milliseconds, 'ms', median(rounds.map(floor))),
    atLeast(`${title}: its convolutions alone, of its time`, share, 'share', SHARE, 1),
  ].map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}

/** One convolution of a batch with weights that are fed, channels first. */
async function openConvolution({ size, from, to }: Layer) {
  const shapes = { x: [BATCH, from, size, size], w: [to, from, 3, 3], y: [BATCH, to, size, size] } as const;
  const value = (name: keyof typeof shapes) => ({ name, type: 'float', shape: shapes[name] }) as const;
  const attributes = { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] };
  const model = encodeModel({
    name: 'convolution',
    inputs: [value('x'), value('w')],
    outputs: [value('y')],
    initializers: [],
    nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes }],
  });
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: availableParallelism(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const tensor = (name: keyof typeof shapes): ort.Tensor => {
    const shape = shapes[name];
    const rng = stream(0, name);
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.normal(i));
    return new ort.Tensor('float32', data, [...shape]);
  };
  const [feeds, fetches] = [{ x: tensor('x'), w: tensor('w') }, { y: tensor('y') }];
  return {
    time: async (): Promise<number> => {
      const times: number[] = [];
      for (let run = 0; run < 4; run++) {
        const started = performance.now();
        await session.run(feeds, fetches);
        if (run > 0) times.push(performance.now() - started);
      }
      return median(times);
    },
    close: () => session.release(),
  };
}

function modelText(channels: number, method: string): string {
  return `pcn 1
import std/links
import std/learn
import std/data

model vgg {
  sense image: f32[32, 32, 3]
  node  c1:    f32[16, 16, ${channels}]
  node  c2:    f32[8, 8, ${2 * channels}]
  node  c3:    f32[4, 4, ${4 * channels}]
  node  c4:    f32[2, 2, ${4 * channels}]
  node  label: f32[10]
  link image -> c1 -> c2 -> c3 -> c4 = links.conv_pool(padding = 1, after = gelu)
  link c4 -> label = links.dense()
}

train t of vgg on data.file("x.npz", image = f32[32, 32, 3], label = f32[10]) {
  clamp image = sample.image
  clamp label = sample.label
  method    = ${method}
  optimizer = learn.adam(rate = 1.0e-5)
  batch     = ${BATCH}
  epochs    = 1
}
`;
}
