/**
 * Measures this machine several times and writes `spec/default-machine.ts`: what plans are counted with where no mesh
 * file names machines: the middle one of several measurements, since some costs are what others leave over.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

const ROUNDS = 5;
const root = join(import.meta.dirname, '..');
const path = join(root, 'spec/default-machine.ts');

let cores = 1;
let gflops = 0;
const costs = {};
for (let round = 1; round <= ROUNDS; round++) {
  process.stderr.write(`round ${round} of ${ROUNDS}\n`);
  const said = execFileSync(process.execPath, [join(root, 'dist/nmc.cjs'), 'doctor', '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const record = JSON.parse(said);
  const { measured } = record.devices.find(({ device }) => device === 'cpu');
  cores = record.cores;
  gflops = Math.max(gflops, measured.gflops);
  for (const [name, value] of Object.entries(measured.costs)) costs[name] = [...(costs[name] ?? []), value];
}

const model = cpus()[0]?.model.replace(/'/g, '').trim() || 'a processor';
const number = (value) => String(Number(value.toPrecision(3)));
const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const lines = Object.entries(costs).map(([name, values]) => `    ${name}: ${number(middle(values))},`);
const text = readFileSync(path, 'utf8');
const head = text.slice(0, text.indexOf('export const DEFAULT_MACHINE'));
writeFileSync(
  path,
  `${head}export const DEFAULT_MACHINE: NamedMachine = {
  name: '${cores} cores of ${model}',
  date: '${new Date().toISOString().slice(0, 10)}',
  cores: ${cores},
  rate: ${number(gflops * 1e9)},
  costs: {
${lines.join('\n')}
  },
};
`,
);
process.stdout.write(`wrote ${path}: now npm run build, and npm run golden:update\n`);
