/**
 * Checks some of the random models: `node run.mjs FROM TO [--webgpu]` those with these numbers, `node run.mjs --text FILE`
 * one that is written down. Prints a line of JSON for each that differs, and one for all of them at the end.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { check } from './check.ts';
import { cpu, cpuShards, lanes, type Machine, reference, referenceShards } from './devices.ts';
import { descriptions, divisible } from './generator.ts';
import { textOf } from './print-model.ts';
import { webgpu, webgpuHalves } from './webgpu-machine.ts';

const onCpus: readonly Machine[] = [reference, referenceShards, cpu(1), cpu(2), lanes, cpuShards];
const onGpus: readonly Machine[] = [webgpu, webgpuHalves];

/** Models that one seed gives: number 250 is the 50th (from 0) of the third seed. */
const OF_A_SEED = 100;
/** Of so many models one is such that two lanes can share its batch. */
const PER_DIVISIBLE = 20;

export interface Summary {
  /** Models by the machine that trained them. */
  readonly counts: Readonly<Record<string, number>>;
  /** Models whose values ran away. */
  readonly nothing: number;
}

export interface Differing {
  readonly number: number;
  readonly text: string;
  readonly found: readonly string[];
}

function* textsFrom(from: number, to: number): Generator<readonly [number, string]> {
  for (let seed = Math.floor(from / OF_A_SEED); seed * OF_A_SEED < to; seed++) {
    const few = fc.sample(divisible, { seed, numRuns: OF_A_SEED / PER_DIVISIBLE });
    for (const [i, description] of fc.sample(descriptions, { seed, numRuns: OF_A_SEED }).entries()) {
      const number = seed * OF_A_SEED + i;
      const shared = i % PER_DIVISIBLE === 0 ? few[i / PER_DIVISIBLE] : undefined;
      if (number >= from && number < to) yield [number, textOf(shared ?? description)];
    }
  }
}

async function main([first = '0', second = '100', ...options]: readonly string[]): Promise<void> {
  const texts =
    first === '--text' ? [[0, readFileSync(second, 'utf8')] as const] : textsFrom(Number(first), Number(second));
  const counts: Record<string, number> = {};
  let nothing = 0;
  for (const [number, text] of texts) {
    const { found, on } = await check(text, options.includes('--webgpu') ? onGpus : onCpus).catch((error) => ({
      found: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      on: [],
    }));
    for (const name of on) counts[name] = (counts[name] ?? 0) + 1;
    if (found.length > 0) console.log(JSON.stringify({ number, text, found } satisfies Differing));
    else if (on.length === 0) nothing++;
  }
  console.log(JSON.stringify({ counts, nothing } satisfies Summary));
}

await main(process.argv.slice(2));
process.exit(0);
