/** `nmc train`: begins what takes longest while the compiler is still being loaded. */

import { commandDevice, precisionOf } from '../shell/command-device.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import type { TrainArguments } from './options.ts';
import { humanReporter } from './train-report-human.ts';
import { jsonReporter } from './train-report-json.ts';

export default async function (args: TrainArguments): Promise<number> {
  const resume = args.resume;
  const reporter = args.json ? jsonReporter() : humanReporter();
  const interrupt = watchInterrupt(() => reporter.note('stopping after this batch; press again to stop at once'));
  try {
    if (resume !== undefined)
      return await (await import('./train-resumed.ts')).trainOn(resume, args, reporter, interrupt);
    const device = await commandDevice(args.device ?? 'auto', precisionOf(args));
    device.warmUp?.();
    return await (await import('./train-new.ts')).trainNew(args, device, reporter, interrupt);
  } finally {
    interrupt.release();
    reporter.stopProgress();
  }
}
