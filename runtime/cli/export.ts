/** `nmc export`: the predictor with its weights inside, as one ONNX file. */
import { buildExport } from '../../compiler/7-kernels/onnx/export.ts';
import { writeFileAtomic } from '../support/atomic.ts';
import { emit } from '../support/emit.ts';
import { EnvironmentError } from '../support/errors.ts';
import { formatBytes } from '../support/format-numbers.ts';
import { ownPath } from '../support/safe-path.ts';
import { checkExport } from './check-export.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openProgramOfRun } from './open-plan.ts';
import { openPredictor, selectPrediction } from './run-predictor.ts';

export default async function (args: Arguments): Promise<number> {
  const directory = text(args, 'run') ?? '';
  const program = openProgramOfRun(directory);
  const { run, plan, shard } = await openPredictor(directory, 'reference');
  try {
    const prediction = selectPrediction(plan, text(args, 'task'));
    const weights = new Map<string, Float32Array>();
    for (const tensor of run.readParameters())
      if (tensor.dtype === 'F32' || tensor.dtype === 'F64') weights.set(tensor.name, Float32Array.from(tensor.data));
    const bytes = buildExport(program, prediction.function, weights);
    const difference = await checkExport(bytes, program, prediction, shard);
    if (!(difference < 1e-4))
      throw new EnvironmentError(
        'export/differs',
        `ONNX Runtime computes something else than the reference device (by ${difference})`,
        'please report this model',
      );
    const path = text(args, 'onnx') ?? '';
    writeFileAtomic(ownPath(path), bytes);
    if (flag(args, 'json')) emit({ event: 'exported', onnx: path, bytes: bytes.length, largestDifference: difference });
    else
      process.stdout.write(
        `wrote ${path} (${formatBytes(bytes.length)}), checked against the reference device: differs by at most ${difference.toExponential(1)}\n`,
      );
    return EXIT.done;
  } finally {
    await shard.close();
  }
}
