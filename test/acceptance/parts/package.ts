/** The packed package in empty folders, on the oldest Node and the two newest long-term releases, with npm 10 and 11. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { type Ended, jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const WITH: readonly { readonly node: string; readonly npm: string }[] = [
  { node: '20.19.0', npm: '10' },
  { node: '22', npm: '10' },
  { node: '24', npm: '11' },
];
const TARGET = 'installs without a warning, trains, predicts';

export const packagePart: Part = {
  name: 'package',
  what: 'the packed package in an empty folder on Node 20.19, 22 and 24 (from the package registry)',
  takes: '5 minutes',
  run: async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'nmc-package-'));
    try {
      const packed = await runCommand('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: context.root });
      const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
      if (packed.code !== 0 || tarball === undefined) throw new Error(`npm pack failed:\n${packed.tail}`);
      const rows: Row[] = [];
      for (const versions of WITH) rows.push(await tried(context, folder, join(folder, tarball), versions));
      return rows;
    } finally {
      removeFolder(folder);
    }
  },
};

async function tried(
  context: Context,
  folder: string,
  tarball: string,
  { node, npm }: (typeof WITH)[number],
): Promise<Row> {
  const name = `package-node-${node}`;
  const what = `package on Node ${node} with npm ${npm}`;
  const place = join(folder, `node-${node}`);
  const tools = join(place, 'tools');
  const empty = join(place, 'empty');
  for (const each of [tools, empty]) {
    mkdirSync(each, { recursive: true });
    writeFileSync(join(each, 'package.json'), '{ "private": true }');
  }
  const binary = `node-${process.platform}-${process.arch}`;
  const got = await runCommand('npm', ['install', '--silent', `${binary}@${node}`, `npm@${npm}`], { cwd: tools });
  if (got.code !== 0) return notRun(name, what, TARGET, `the registry has no ${binary}@${node}: ${got.tail}`);
  const path = [join(tools, 'node_modules', binary, 'bin'), join(tools, 'node_modules/.bin'), process.env.PATH];
  const run = (...[program = '', ...args]: string[]): Promise<Ended> =>
    runCommand(program, args, {
      cwd: empty,
      env: { ...plainEnvironment(), PATH: path.join(delimiter), npm_config_onnxruntime_node_install: undefined },
      onLine: context.progress,
    });
  const version = await run('node', '--version');
  const installed = await run('npm', 'install', '--no-audit', '--no-fund', tarball);
  const model = 'node_modules/neuromesh/dsl-examples/digits.pcn';
  const tiny = context.trial ? ['--epochs', '1', '--limit', '640'] : [];
  const trained = await run('npx', '--no', 'nmc', 'train', model, '--out', 'run', '--json', ...tiny);
  writeFileSync(join(empty, 'one.jsonl'), JSON.stringify({ image: Array(28).fill(Array(28).fill(0)) }));
  const predicted = await run('npx', '--no', 'nmc', 'predict', 'run', '--input', 'one.jsonl', '--json');
  const done = jsonLines(trained.lines).find((event) => event.event === 'done');
  // A setting in the home folder of whoever measures is not the package's.
  const warned = /npm warn(?! Unknown user config)/i.test(installed.tail);
  const measured = `${version.lines.join(' ')}: install ${installed.code}${warned ? ' with warnings' : ''}, train ${trained.code}, accuracy ${String(done?.accuracy)}, predict ${predicted.code}`;
  if (context.trial) return notRun(name, what, TARGET, `a trial with tiny settings: ${measured}`);
  const holds = installed.code === 0 && !warned && trained.code === 0 && predicted.code === 0;
  return { name, what, target: TARGET, measured, holds };
}
