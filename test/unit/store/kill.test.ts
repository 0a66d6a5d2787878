/** A training process is killed with SIGKILL at arbitrary moments; whatever it leaves must open, agree and resume. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { createRun } from '../../../runtime/store/create-run.ts';
import { openRun, resumeRun } from '../../../runtime/store/run-folder.ts';
import { readSafetensors } from '../../../runtime/store/safetensors.ts';
import { CONFIG, stateAt, temporaryFolder } from './fixtures.ts';
import { parseEvents } from './parse-events.ts';

const root = resolve(import.meta.dirname, '../../..');
const compiled = temporaryFolder();
/** As in kill-child.ts: files of some 240 KB, so that many kills fall into the middle of a write. */
const SIZE = 20_000;

/** Node 20 runs no TypeScript: the child gets the store compiled. */
beforeAll(() => {
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  const entry = join(root, 'test/unit/store/kill-child.ts');
  const options = `--ignoreConfig --rootDir ${root} --outDir ${compiled} --target es2022 --module nodenext
    --moduleResolution nodenext --types node --lib es2023 --skipLibCheck --rewriteRelativeImportExtensions`.split(
    /\s+/,
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, entry], { cwd: root });
});

function startTraining(directory: string): ChildProcess {
  const script = join(compiled, 'test/unit/store/kill-child.js');
  return spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the child that many milliseconds after it has reported that many saves (0: after it has begun). */
function killAfter(child: ChildProcess, saves: number, milliseconds: number): Promise<void> {
  return new Promise((done, fail) => {
    let lines = 0;
    child.once('exit', (code, signal) => (signal === 'SIGKILL' ? done() : fail(new Error(`child ended with ${code}`))));
    child.stdout?.on('data', (text: Buffer) => {
      const before = lines;
      lines += text.toString().split('\n').length - 1;
      if (before <= saves && lines > saves) setTimeout(() => child.kill('SIGKILL'), milliseconds);
    });
  });
}

function same(actual: unknown, expected: unknown): void {
  // Not toEqual, which takes half a second for these.
  expect(isDeepStrictEqual(actual, expected)).toBe(true);
}

/** Opens, checks and resumes the run; returns its update. */
function checkRun(directory: string): number {
  const seen = openRun(directory).latestSnapshot();
  const { update, epoch } = seen;
  same(seen, stateAt(update, Math.floor(update / 2), SIZE));
  const weights = readSafetensors(join(directory, 'model.safetensors'));
  const updateOfWeights = Number(weights.metadata.update);
  expect([update, update - 1]).toContain(updateOfWeights);
  same(weights.tensors, stateAt(updateOfWeights, 0, SIZE).parameters);

  const run = resumeRun(directory);
  same(run.resumedFrom, seen);
  same(run.readParameters(), seen.parameters);
  const epochs = Array.from({ length: epoch }, (_, index) => index + 1);
  expect(run.readMetrics().map((row) => row.epoch)).toEqual(epochs);
  const events = readdirSync(directory).find((name) => name.includes('tfevents')) ?? '';
  expect(parseEvents(readFileSync(join(directory, events))).map(({ step }) => step)).toEqual([0, ...epochs]);
  const leftovers = [...readdirSync(directory), ...readdirSync(join(directory, 'state'))];
  expect(leftovers.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  run.close();
  return update;
}

it('a kill leaves a run that opens, is consistent and resumes, 30 times of 30', async () => {
  const directory = join(temporaryFolder(), 'run');
  createRun({ directory }, CONFIG, stateAt(0, 0, SIZE)).close();
  let update = 0;
  for (let round = 0; round < 30; round += 1) {
    const saves = round % 3;
    await killAfter(startTraining(directory), saves, (round * 7) % 19);
    const reached = checkRun(directory);
    expect(reached).toBeGreaterThanOrEqual(update + saves);
    update = reached;
  }
});

it('a kill leaves a new run whole or not at all', async () => {
  const parent = temporaryFolder();
  for (let round = 0; round < 8; round += 1) {
    const directory = join(parent, `run-${round}`);
    await killAfter(startTraining(directory), 0, round * 2);
    if (existsSync(directory)) checkRun(directory);
  }
  createRun({ directory: join(parent, 'last') }, CONFIG, stateAt(0));
  expect(readdirSync(parent).filter((name) => name.startsWith('.') && existsSync(join(parent, name, 'lock')))).toEqual(
    [],
  );
});

it('one of many processes takes over from a killed one', async () => {
  const module = JSON.stringify(pathToFileURL(join(compiled, 'runtime/support/process-lock.js')).href);
  const script = `
    const { acquireLock } = await import(${module});
    process.stdout.write('ready\\n');
    process.stdin.once('data', () => {
      process.stdout.write(acquireLock('lock').ok ? 'won' : 'lost');
      process.stdin.once('end', () => process.exit());
    });`;
  for (let round = 0; round < 3; round += 1) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'lock'), '');
    const children = Array.from({ length: 5 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], {
        cwd: folder,
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const next = (): Promise<string[]> =>
      Promise.all(children.map(({ stdout }) => once(stdout, 'data').then(([text]) => String(text).trim())));
    expect(await next()).toEqual(Array(5).fill('ready'));
    const answers = next();
    for (const { stdin } of children) stdin.write('go');
    expect((await answers).sort()).toEqual(['lost', 'lost', 'lost', 'lost', 'won']);
    for (const { stdin } of children) stdin.end();
    expect(readdirSync(folder)).toEqual(['lock']);
  }
});
