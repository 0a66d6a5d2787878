/** Codecs of borders: what a batch sends beside backpropagation in a pipeline over the same cut, and what a full training reaches. */
import { BY_LOSS } from '../../../runtime/cli/planning/choose-codec.ts';
import type { BorderCodec } from '../../../runtime/wire/codec.ts';
import { bytesOfBackpropagation, bytesOfBatch } from '../border-bytes.ts';
import { type KeptRun, runFolder, trainKept } from '../kept-run.ts';
import { type Context, dataWith, noData, notRun, type Part, type Row } from '../row.ts';

/** Times what backpropagation sends. */
const MAX_BYTES = 2;
/** Points below f32, or of its perplexity. */
const MAX_POINTS = 0.3;
const MAX_PERPLEXITY = 1.003;
const SEED = 1;
const MEASURED = [
  'f32',
  'f16',
  'int8',
  'changes+int8',
  'changes+f16',
  'ternary',
] as const satisfies readonly BorderCodec[];
/** That are counted, behind those that the training has made. */
const COUNTED = 3;

interface Model {
  readonly name: string;
  readonly data: readonly string[];
  readonly file: string;
  readonly shards: number;
  readonly settings: readonly string[];
  readonly limits?: readonly string[];
  readonly epochs: string;
  readonly trial: KeptRun['trial'];
}

const MODELS: readonly Model[] = [
  {
    ...{ name: 'mnist', data: ['mnist'], file: 'dsl-examples/mnist.pcn', shards: 4, settings: [] },
    epochs: '25 epochs',
    trial: { settings: ['--epochs', '1'], limits: ['--limit', '1024'] },
  },
  {
    ...{ name: 'vgg', data: ['cifar-10'], file: 'dsl-examples/vgg.pcn', shards: 4 },
    settings: ['--set', 'channels=8', '--set', 'samples=4096', '--set', 'aim=0.3', '--epochs', '6'],
    limits: ['--limit', '4096'],
    epochs: '8 channels, 6 epochs of 4,096 images',
    trial: { settings: ['--epochs', '1'], limits: ['--limit', '256'] },
  },
  {
    ...{ name: 'transformer', data: ['shakespeare', 'text'], file: 'dsl-examples/transformer.pcn', shards: 3 },
    ...{ settings: [], epochs: '100 batches' },
    trial: { settings: ['--set', 'stride=20000'], limits: ['--limit', '32'] },
  },
];

interface Measured {
  readonly codec: BorderCodec;
  /** Times those of backpropagation. */
  readonly bytes: number;
  /** Accuracy, or perplexity. */
  readonly value: number;
  readonly isAccuracy: boolean;
}

export const codecsPart: Part = {
  name: 'codecs',
  what: 'bytes of a batch and accuracy by codec of borders, beside backpropagation in a pipeline',
  takes: 'three quarters of an hour; kept and resumed',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const cells: string[][] = [];
  for (const model of MODELS) {
    const name = `codecs-${model.name}`;
    const what = `${model.file} (${model.epochs}) in ${model.shards} shards: a codec that meets both aims`;
    const target = `<= ${MAX_BYTES} times the bytes of backpropagation, within ${MAX_POINTS} points of f32`;
    const data = dataWith(context, ...model.data);
    if (data === undefined) {
      rows.push(notRun(name, what, target, noData(model.data[0] ?? '')));
      continue;
    }
    const all: Measured[] = [];
    for (const codec of MEASURED) all.push(await measured(model, codec, data, context));
    const exact = all.find(({ codec }) => codec === 'f32');
    if (!exact) throw new Error('f32 was not measured');
    cells.push(
      ...all.map((one) => [model.name, one.codec, `${one.bytes.toFixed(2)}`, valueText(one), lossText(one, exact)]),
    );
    const meeting = all.filter((one) => one.bytes <= MAX_BYTES && isClose(one, exact));
    const found = all.map((one) => `${one.codec} ${one.bytes.toFixed(2)} times, ${valueText(one)}`).join('; ');
    rows.push(
      context.trial
        ? notRun(name, what, target, `a trial with tiny settings gave ${found}`)
        : { name, what, target, measured: found, holds: meeting.length > 0 },
      autoRow(model, all, context),
    );
  }
  if (!context.trial && cells.length > 0)
    context.table({
      name: 'codecs',
      head: ['model', 'codec', 'bytes of backpropagation', 'reached', 'beside f32'],
      rows: cells,
    });
  return rows;
}

/**
 * What `--borders auto` may take beside f16 has to lose no more and to send no more, or to be exact. Rounding gains nothing:
 * where f16 is above f32 it is by chance, and loses nothing.
 */
function autoRow({ name: model, file, shards }: Model, all: readonly Measured[], { trial }: Context): Row {
  const name = `codecs-${model}-auto`;
  const what = `${file} in ${shards} shards: what --borders auto may take`;
  const target = `none is worse than f16: f32 exact, others with no more bytes, and no lower or within ${MAX_POINTS} points of f32`;
  const half = all.find(({ codec }) => codec === 'f16');
  const exact = all.find(({ codec }) => codec === 'f32');
  if (!half || !exact) throw new Error('f16 or f32 was not measured');
  const taken = all.filter(({ codec }) => codec === 'f16' || BY_LOSS.some((one) => one === codec));
  const found = taken.map((one) => `${one.codec} ${one.bytes.toFixed(2)} times, ${valueText(one)}`).join('; ');
  if (trial) return notRun(name, what, target, `a trial with tiny settings gave ${found}`);
  const losesNoMore = (one: Measured): boolean => isClose(one, exact) || isClose(one, half);
  const holds = taken.every((one) => one.codec === 'f32' || (one.bytes <= half.bytes && losesNoMore(one)));
  return { name, what, target, measured: found, holds };
}

async function measured(
  { name, file, shards, settings, limits = [], trial }: Model,
  codec: BorderCodec,
  data: string,
  context: Context,
): Promise<Measured> {
  const label = `codecs-${name}-${codec}`;
  const run: KeptRun = {
    ...{ name: label, label, model: file, task: 'il', seed: SEED, shards, settings },
    ...{ options: ['--borders', codec, ...limits], trial },
  };
  const { accuracy, checks } = await trainKept(run, data, context);
  const [first] = Array.isArray(checks) ? (checks as readonly { readonly value: unknown }[]) : [];
  const value = accuracy ?? first?.value;
  if (typeof value !== 'number') throw new Error(`${label} reported nothing that can be compared`);
  const folder = runFolder(run, context);
  const bytes = (await bytesOfBatch(folder, data, codec, COUNTED)) / bytesOfBackpropagation(folder);
  context.progress(`${label}: ${bytes.toFixed(2)} times the bytes`);
  return { codec, bytes, value, isAccuracy: typeof accuracy === 'number' };
}

function isClose({ value, isAccuracy }: Measured, exact: Measured): boolean {
  return isAccuracy ? exact.value - value <= MAX_POINTS / 100 : value <= MAX_PERPLEXITY * exact.value;
}

const valueText = ({ value, isAccuracy }: Measured): string =>
  isAccuracy ? `${(100 * value).toFixed(2)} %` : `perplexity ${value.toFixed(3)}`;

function lossText({ value, isAccuracy }: Measured, exact: Measured): string {
  if (isAccuracy) return `${(100 * (value - exact.value)).toFixed(2)} points`;
  return `${(value / exact.value).toFixed(3)} times`;
}
