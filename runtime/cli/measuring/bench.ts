/** `nmc bench`: what a device of this machine does on the products, ticks and batches of predictive coding. */
import { chooseDevice, DEVICES } from '../../device/choose.ts';
import type { Device } from '../../device/device.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { EXIT } from '../shell/command.ts';
import { assertMultiplies, assertOffers, gpuOptions, precisionOf } from '../shell/command-device.ts';
import { adapterOf } from './adapters.ts';
import { BENCH_PARTS, type BenchLine, type BenchPart, benchDevice, benchHalves } from './device-bench.ts';
import { FULL, LIGHT } from './measure.ts';
import type { BenchArguments } from './options.ts';
import { rememberedHalves, rememberedTiles, tilesPath } from './remembered-tiles.ts';
import { tuneTiles } from './tune-tiles.ts';
import { type NotRun, variantsOf } from './variants.ts';

export default async function (args: BenchArguments): Promise<number> {
  const name = args.device ?? 'auto';
  if (name === 'reference')
    throw new UserError(
      'device/unknown',
      'the reference device is an interpreter and cannot be benchmarked',
      'use cpu',
    );
  if (!(DEVICES as readonly string[]).includes(name))
    throw new UserError('device/unknown', `there is no device ${name}`, 'use one of auto, cpu, webgpu');
  const only = args.only;
  if (only !== undefined && !isPart(only))
    throw new UserError('usage/only', `bench has no part ${only}`, `use one of ${BENCH_PARTS.join(', ')}`);
  const precision = precisionOf(args);
  assertOffers(name, precision);
  const device = await chooseDevice(name, gpuOptions(precision));
  const adapter = device.name === 'webgpu' ? await adapterOf() : undefined;
  const halves = adapter?.halves ?? [];
  assertMultiplies(halves, precision);
  const software = device.name === 'webgpu' && adapter?.software !== false;
  const json = args.json;
  const what = `${device.name}: ${device.description}${software ? ', a GPU emulated by the processor' : ''}`;
  if (json) emit({ event: 'device', device: device.name, description: device.description, software });
  else process.stdout.write(`${what}\n\n`);
  process.stderr.write('measuring…\n');
  const inHalves = (): Promise<Device> => chooseDevice(device.name, gpuOptions('f16'));
  // A processor that plays a GPU is not worth the minutes, unless somebody asks.
  if (only === 'tiles' || (only === undefined && device.name === 'webgpu' && !software)) {
    if (device.name !== 'webgpu')
      throw new UserError('usage/only', `${device.name} has no tiles`, 'use --device webgpu');
    for await (const line of tuneTiles(device, software ? LIGHT : FULL, halves, inHalves)) say(line, device.name, json);
    const tiles = rememberedTiles(device.description);
    const fastest = rememberedHalves(device.description);
    if (json) emit({ event: 'tiles', ...tiles, ...(fastest ? { halves: fastest } : {}), path: tilesPath() });
    else process.stdout.write(`trainings here take ${tiles.large} and ${tiles.middle}: kept in ${tilesPath()}\n`);
  }
  if (only === 'tiles') return EXIT.done;
  const measured = precision === 'f32' ? device : { ...device, precision, halves };
  for await (const line of benchDevice(measured, software, only)) say(line, device.name, json);
  for (const { name, unit, reason } of adapter ? variantsOf(adapter) : []) {
    if (!unit) say({ name, reason }, device.name, json);
    else if (precision === 'f32' && (only === undefined || only === 'product'))
      for await (const line of benchHalves(await inHalves(), software, unit)) say(line, device.name, json);
  }
  return EXIT.done;
}

function say(line: BenchLine | NotRun, device: string, json: boolean): void {
  if (json) emit('reason' in line ? { event: 'not-run', ...line, device } : { ...line, device });
  else process.stdout.write('reason' in line ? `${line.name}: ${line.reason}\n` : inWords(line));
}

const isPart = (name: string): name is BenchPart => (BENCH_PARTS as readonly string[]).includes(name);

function inWords({ name, value, unit, ceiling, precision, by }: BenchLine): string {
  const beside = ceiling === null ? '' : `   (the device's best: ${ceiling})`;
  const title = [name, precision, by && `by ${by}`].filter((part) => part !== undefined).join(', ');
  return `${title.padEnd(48)} ${String(value).padStart(9)} ${unit}${beside}\n`;
}
