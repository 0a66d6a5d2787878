/**
 * `npm run accept [NAME…] [--data DIR] [--graphs DIR] [--cases DIR] [--json] [--fresh] [--list]`: measures what the product promises and prints a
 * row for each promise. Without names everything runs, which takes hours; names run some of it, and what takes long
 * is kept. Exits with 1 when a row misses its target.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { benchPart } from './parts/bench.ts';
import { casesPart } from './parts/cases.ts';
import { containerPart } from './parts/container.ts';
import { cortexPart } from './parts/cortex.ts';
import { cutsPart } from './parts/cuts.ts';
import { epochReportsPart } from './parts/epoch-reports.ts';
import { fanOutPart } from './parts/fan-out.ts';
import { freshCloneParts } from './parts/fresh-clone.ts';
import { freshMeshPart } from './parts/fresh-mesh.ts';
import { gpuPart } from './parts/gpu.ts';
import { memoryParts } from './parts/memory.ts';
import { meshParts } from './parts/mesh.ts';
import { mnistParts } from './parts/mnist.ts';
import { modelsPart } from './parts/models.ts';
import { packagePart } from './parts/package.ts';
import { shardsPart } from './parts/shards.ts';
import { testParts } from './parts/tests.ts';
import { endChildrenWhenInterrupted } from './process.ts';
import { type Context, type Part, type Row, renderTable } from './row.ts';

const parts: readonly Part[] = [
  ...freshCloneParts,
  freshMeshPart,
  packagePart,
  containerPart,
  ...testParts,
  casesPart,
  modelsPart,
  epochReportsPart,
  shardsPart,
  cutsPart,
  benchPart,
  gpuPart,
  fanOutPart,
  ...memoryParts,
  cortexPart,
  ...mnistParts,
  ...meshParts,
];

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      graphs: { type: 'string' },
      cases: { type: 'string' },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      trial: { type: 'boolean', default: false },
    },
  });
  if (values.list) {
    for (const part of parts) console.log(`${part.name.padEnd(12)}${part.what} (${part.takes})`);
    return 0;
  }
  const unknown = positionals.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(', ')}; npm run accept -- --list names the parts`);
    return 2;
  }
  const root = process.cwd();
  mkdirSync(join(root, '.cache', 'acceptance'), { recursive: true });
  const data = values.data ?? process.env.NMC_DATA;
  const context: Context = {
    root,
    data: data === undefined ? undefined : resolve(data),
    graphs: values.graphs === undefined ? undefined : resolve(values.graphs),
    cases: resolve(values.cases ?? join(root, '..', 'shared', 'cases')),
    trial: values.trial,
    fresh: values.fresh,
    progress: (line) => process.stderr.write(`  ${line}\n`),
  };
  const chosen = parts.filter((part) => positionals.length === 0 || positionals.includes(part.name));
  const rows: Row[] = [];
  for (const part of chosen) {
    process.stderr.write(`${part.name}: ${part.what}\n`);
    const found = await measured(part, context);
    rows.push(...found);
    if (values.json) for (const row of found) console.log(JSON.stringify(row));
  }
  if (!values.json) process.stdout.write(`\n${renderTable(rows)}`);
  return rows.some((row) => row.holds === false) ? 1 : 0;
}

/** A part that breaks down is a row that misses. */
async function measured(part: Part, context: Context): Promise<readonly Row[]> {
  try {
    return await part.run(context);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.progress(message);
    return [
      { name: part.name, what: part.what, target: 'to run', measured: message.split('\n')[0] ?? '', holds: false },
    ];
  }
}

endChildrenWhenInterrupted();
process.exitCode = await main(process.argv.slice(2));
