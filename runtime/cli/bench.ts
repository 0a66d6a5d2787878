/** `nmc bench`: what a device of this machine does on the products, ticks and batches of predictive coding. */
import { chooseDevice, DEVICES } from '../device/choose.ts';
import { emit } from '../support/emit.ts';
import { UserError } from '../support/errors.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { adapterOf } from './measuring/adapters.ts';
import { BENCH_PARTS, type BenchLine, type BenchPart, benchDevice } from './measuring/device-bench.ts';

export default async function (args: Arguments): Promise<number> {
  const name = text(args, 'device') ?? 'auto';
  if (name === 'reference')
    throw new UserError('device/unknown', 'the reference device is an interpreter: its speed says nothing', 'use cpu');
  if (!(DEVICES as readonly string[]).includes(name))
    throw new UserError('device/unknown', `there is no device ${name}`, 'use one of auto, cpu, webgpu');
  const only = text(args, 'only');
  if (only !== undefined && !isPart(only))
    throw new UserError('usage/only', `nmc bench has no part ${only}`, `use one of ${BENCH_PARTS.join(', ')}`);
  const device = await chooseDevice(name);
  const software = device.name === 'webgpu' && (await adapterOf())?.software !== false;
  const json = flag(args, 'json');
  const what = `${device.name}: ${device.description}${software ? ', a processor that plays a GPU' : ''}`;
  if (json) emit({ event: 'device', device: device.name, description: device.description, software });
  else process.stdout.write(`${what}\n\n`);
  process.stderr.write('measuring…\n');
  for await (const line of benchDevice(device, software, only)) {
    if (json) emit({ ...line, device: device.name });
    else process.stdout.write(inWords(line));
  }
  return EXIT.done;
}

const isPart = (name: string): name is BenchPart => (BENCH_PARTS as readonly string[]).includes(name);

function inWords({ name, value, unit, ceiling }: BenchLine): string {
  const beside = ceiling === null ? '' : `   (the device's best: ${ceiling})`;
  return `${name.padEnd(48)} ${String(value).padStart(9)} ${unit}${beside}\n`;
}
