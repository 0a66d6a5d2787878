/** Digits that `generate.pcn` draws from their labels alone, read by the network that `digits.pcn` trains. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';

/** A hundred of each digit. */
const DRAWN = 1000;
const CLASSES = 10;
/** Share of drawn digits that are read as what was asked for. */
const MIN_READ = 0.9;
/**
 * In grey levels, within a class: one picture for each digit would be read as well. Those of the training data spread by 51,
 * 14 of them noise.
 */
const MIN_SPREAD = 20;

export const generatePart: Part = {
  name: 'generate',
  what: `${DRAWN} digits of generate.pcn, read by digits.pcn`,
  takes: '3 minutes',
  run: async (context) => [await measure(context)],
};

async function measure(context: Context): Promise<Row> {
  const folder = join(context.root, '.cache', 'acceptance', 'generate');
  removeFolder(folder);
  mkdirSync(folder, { recursive: true });
  const call = (...args: readonly string[]): Promise<readonly Record<string, unknown>[]> => nmc(context, args);
  const [generator, reader] = [join(folder, 'generator'), join(folder, 'reader')];
  await call('train', 'dsl-examples/generate.pcn', '--out', generator);
  await call('train', 'dsl-examples/digits.pcn', '--out', reader);

  const labels = Array.from({ length: DRAWN }, (_, i) => ({ digit: i % CLASSES }));
  const drawn = await call('predict', generator, '--input', writeLines(folder, 'labels', labels));
  const pictures = drawn.map(({ image }) => greys(image));
  const sheets = pictures.map((image) => ({ image }));
  const read = await call('predict', reader, '--input', writeLines(folder, 'pictures', sheets));

  const right = labels.filter(({ digit }, i) => read[i]?.digit === digit).length / DRAWN;
  const spread = spreadWithinClasses(pictures);
  return {
    name: generatePart.name,
    what: generatePart.what,
    target: `>= ${MIN_READ * 100} % read, spread within a class >= ${MIN_SPREAD}`,
    measured: `${(right * 100).toFixed(1)} %, spread ${spread.toFixed(1)}`,
    holds: pictures.length === DRAWN && right >= MIN_READ && spread >= MIN_SPREAD,
  };
}

async function nmc(context: Context, args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const program = join(context.root, 'dist/nmc.cjs');
  const show = args[0] === 'train' ? { onLine: context.progress } : {};
  const end = await runCommand(process.execPath, [program, ...args, '--json'], { cwd: context.root, ...show });
  if (end.code !== 0) throw new Error(`nmc ${args.join(' ')} ended with ${end.code}:\n${end.tail}`);
  return jsonLines(end.lines).filter((line) => 'input' in line);
}

function writeLines(folder: string, name: string, samples: readonly unknown[]): string {
  const path = join(folder, `${name}.jsonl`);
  writeFileSync(path, samples.map((sample) => JSON.stringify(sample)).join('\n'));
  return path;
}

/** A picture as a file would hold it: whole grey levels from 0 to 255. */
function greys(image: unknown): number[] {
  if (!Array.isArray(image)) throw new Error('a prediction has no image');
  return image.flat(3).map((value) => Math.max(0, Math.min(255, Math.round(Number(value)))));
}

/** Root of the mean squared difference between a pixel and the mean of its class. */
function spreadWithinClasses(pictures: readonly (readonly number[])[]): number {
  let sum = 0;
  let count = 0;
  for (let digit = 0; digit < CLASSES; digit++) {
    const own = pictures.filter((_, i) => i % CLASSES === digit);
    const mean = own[0]?.map(
      (_, pixel) => own.reduce((total, picture) => total + (picture[pixel] ?? 0), 0) / own.length,
    );
    for (const picture of own)
      picture.forEach((value, pixel) => {
        sum += (value - (mean?.[pixel] ?? 0)) ** 2;
        count++;
      });
  }
  return Math.sqrt(sum / count);
}
