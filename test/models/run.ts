/**
 * Checks some of the random models: `node run.mjs FROM TO [--webgpu]` those with these numbers, `node run.mjs --text FILE`
 * one that is written down, on all devices. Prints a line of JSON for each model.
 */
import { readFileSync } from 'node:fs';
import { check } from './check.ts';
import { reference } from './devices.ts';
import { type Numbered, numbered, turns } from './numbered.ts';

/** Outcome of one model. */
export interface Tried {
  readonly number: number;
  /** Devices that trained it; none where its values ran away, so that there is nothing to compare. */
  readonly on: readonly string[];
  /** The differences, and the model where there are some. */
  readonly found: readonly string[];
  readonly text?: string;
}

function* modelsOf([first = '0', second = '100', ...options]: readonly string[]): Generator<Numbered> {
  const kind = options.includes('--webgpu') ? 'webgpu' : 'others';
  if (first !== '--text') yield* numbered(kind, Number(first), Number(second));
  else
    yield {
      number: 0,
      text: readFileSync(second, 'utf8'),
      machines: [reference, ...turns[kind].map((t) => t.machine)],
    };
}

async function main(argv: readonly string[]): Promise<void> {
  for (const { number, text, machines } of modelsOf(argv)) {
    const { found, on } = await check(text, machines).catch((error) => ({
      found: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      on: [],
    }));
    const tried: Tried = { number, on, found, ...(found.length > 0 ? { text } : {}) };
    // A pipe to another process is written at once.
    process.stdout.write(`${JSON.stringify(tried)}\n`);
  }
}

await main(process.argv.slice(2));
process.exit(0);
