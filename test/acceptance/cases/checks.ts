/** By the name of a case: what its `expected.txt` says in prose, as a check. */
import { join } from 'node:path';
import { readSafetensors } from '../../../runtime/store/safetensors.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';
import { jsonLines } from '../process.ts';
import { type CaseCheck, type CaseRun, says } from './outcome.ts';

const NUMPY = ['numpy', 'safetensors'];

export const caseChecks: Readonly<Record<string, CaseCheck>> = {
  'array-zero-error': { wrong: restingArray },
  'cat-zero-error-adam': {
    python: NUMPY,
    wrong: says([/^cpu \{'x->a\.w': 0\.0, 'x->a\.c': 0\.0\}$/m, /^reference \{'x->a\.w': [\d.]+(e-(09|[1-9]\d))?,/m]),
  },
  'csv-first-row-gap': { wrong: says([/row 2, column `a`: the cell is empty/], [/"back"/]) },
  'csv-int-header': { wrong: says([/are names, or a sample/], [/"back":\[0,1,2,3\]/]) },
  'drop-last': { wrong: says([/leaves out 5 of 12 samples/]) },
  'export-batch-256': { python: ['numpy', 'onnxruntime'], wrong: says([/array\(\[\[/], [/INVALID_ARGUMENT|Got: 1/i]) },
  'export-temporal': { wrong: says([/^exit 0$/m, /memory\.s\.1\.next/], [/bug in nmc/]) },
  'folder-hidden-class': { wrong: says([/("accuracy":1,[\s\S]*){2}/]) },
  'int-above-2-24': { wrong: refusesToTrain(/cannot hold exactly/) },
  'nan-accuracy': { wrong: says([/^exit [12]$/m], [/holds/]) },
  'npz-chw': { wrong: refusesToTrain(/u8\[3, 4, 4\] per sample, but u8\[4, 4, 3\] is needed/) },
  'optimizer-sum': { wrong: summedWeights },
  'parquet-limits': { wrong: says([/d\.parquet 2,000/, /d\.parquet 60,000/], [/error/]) },
  'resume-other-data': { python: ['numpy', 'pandas'], wrong: says([/data\/changed/]) },
  'up-listen-port': { wrong: says([/127\.0\.0\.1:17433|--port/], [/7420/]) },
  'webgpu-log-pow': { wrong: specialValues },
  'wide-columns': { wrong: sameThreeTimes },
  'z-il-array': { wrong: sameAsBackpropagation },
};

/** The script hides what `nmc train` says: it is asked again. */
function refusesToTrain(pattern: RegExp): CaseCheck['wrong'] {
  return async ({ nmc, folder, out }) => {
    const end = await nmc('train', join(folder, 'm.pcn'), '--out', join(out, 'refused'));
    if (end.code !== 2) return `nmc train ends with exit ${end.code}`;
    return pattern.test(end.tail) ? undefined : `nmc train says ${end.tail}`;
  };
}

async function restingArray({ nmc, folder, out }: CaseRun): Promise<string | undefined> {
  for (const [model, node] of [
    ['bug_chain_array', 'h\\[0\\]'],
    ['bug_chain_names', 'h0'],
  ] as const) {
    const end = await nmc('train', join(folder, `${model}.pcn`), '--out', join(out, model));
    const energies = end.lines.find((line) => line.startsWith('energy by node'));
    if (energies === undefined || !new RegExp(` ${node} 0( |$)`).test(energies)) {
      return `${model}: ${energies ?? end.tail}`;
    }
  }
  return undefined;
}

/** Ten samples are one batch: after it every weight is 0.001 times the sum of 7,840 ones. */
async function summedWeights({ nmc, folder, out }: CaseRun): Promise<string | undefined> {
  const end = await nmc('train', join(folder, 'm.pcn'), '--limit', '10', '--out', join(out, 'sum'));
  if (end.code !== 0) return end.tail;
  const weights = weightsOf(join(out, 'sum')).get('x->y.w') ?? [];
  const wrong = weights.find((weight) => Math.abs(weight - 7.84) > 1e-5);
  if (weights.length === 0) return 'there are no weights';
  return wrong === undefined ? undefined : `a weight is ${wrong}`;
}

async function sameAsBackpropagation({ nmc, folder, out }: CaseRun): Promise<string | undefined> {
  for (const device of ['cpu', 'reference']) {
    const [one = NO_WEIGHTS, other = NO_WEIGHTS] = await Promise.all(
      ['z_il', 'bp'].map(async (task) => {
        const run = join(out, `${task}-${device}`);
        await nmc('train', join(folder, 'm.pcn'), task, '--limit', '64', '--device', device, '--out', run);
        return weightsOf(run);
      }),
    );
    if (one.size === 0) return 'there are no weights';
    for (const [name, weights] of one) {
      const theirs = other.get(name) ?? [];
      const apart = weights.reduce((most, weight, i) => Math.max(most, Math.abs(weight - (theirs[i] ?? NaN))), 0);
      if (!(apart < 1e-6)) return `${name} on ${device} is off by ${apart}`;
    }
  }
  return undefined;
}

/** The script cuts its lines off: what is not a number is looked at in whole ones. */
async function specialValues({ nmcOnGpu, folder, out }: CaseRun): Promise<string | undefined> {
  const run = join(out, 'special');
  await nmcOnGpu('train', join(folder, 'm.pcn'), '--out', run);
  for (const device of ['cpu', 'reference', 'webgpu']) {
    const end = await nmcOnGpu('predict', run, '--input', join(folder, 'd.npz'), '--json', '--device', device);
    const rows = jsonLines(end.lines);
    const second = rows[1];
    if (second === undefined) return `${device}: ${end.tail}`;
    const numbers = ['pw', 'lg', 'mx', 'rl'].filter((read) => second[read] !== null);
    if (numbers.length > 0) return `${device} gives numbers for ${numbers.join(', ')}`;
  }
  return undefined;
}

function sameThreeTimes({ text }: CaseRun): string | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith('{"input"'));
  if (lines.length !== 3) return `${lines.length} predictions`;
  return new Set(lines).size === 1 ? undefined : 'the three differ';
}

type Weights = ReadonlyMap<string, readonly number[]>;
const NO_WEIGHTS: Weights = new Map();

function weightsOf(run: string): Weights {
  const { tensors } = readSafetensors(ownPath(run, 'model.safetensors'));
  return new Map(tensors.flatMap(({ name, data }) => (data instanceof BigInt64Array ? [] : [[name, [...data]]])));
}
