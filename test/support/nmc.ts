/** Runs `nmc` as its users do: the built program, in a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { removeFolder } from './remove-folder.ts';
import { ROOT } from './repository.ts';

const PROGRAM = join(ROOT, 'dist/nmc.cjs');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Called with each whole line of standard output. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
  /** Called with each piece of standard error. */
  readonly onError?: (text: string, child: ChildProcess) => void;
  /** Called when the process has begun. */
  readonly onStart?: (child: ChildProcess) => void;
}

export type JsonLine = Readonly<Record<string, unknown>>;

/** A folder that goes when the tests of this file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-e2e-'));
  afterAll(() => removeFolder(folder), 120_000);
  return folder;
}

export function nmc(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { NMC_DATA: _data, NMC_DEBUG: _debug, NODE_OPTIONS: _options, ...environment } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd,
    // As where it is installed: what its commands begin with else is tested by itself.
    env: { ...environment, NMC_COMMAND: 'nmc', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  let stdout = '';
  let stderr = '';
  let told = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (let end = stdout.indexOf('\n', told); end >= 0; end = stdout.indexOf('\n', told)) {
      options.onLine?.(stdout.slice(told, end), child);
      told = end + 1;
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    options.onError?.(text, child);
  });
  // A process that has ended before it reads is not a failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Every line of standard output as JSON; throws where one is not. */
export function jsonLines(outcome: Outcome): JsonLine[] {
  if (outcome.stdout !== '' && !outcome.stdout.endsWith('\n')) throw new Error('the last line has no end');
  return outcome.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonLine);
}

/** Hash of every file of a folder, by path. */
export function hashes(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

export interface Tiny {
  readonly epochs?: number;
  readonly batch?: number;
  readonly bound?: number;
  readonly train?: string;
  readonly data?: string;
}

/** A model of some thousand weights that learns a little of the generated digits in a second. */
export function tinyModel({ epochs = 2, batch = 16, bound = 0, train, data = 'data.glyphs' }: Tiny = {}): string {
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model tiny {
  param hidden: int = 12 where hidden >= 1

  sense pixels: f32[784]
  node  h:      f32[hidden] = nodes.gaussian()
  node  label:  f32[10]     = nodes.gaussian()

  link pixels -> h = links.dense(after = tanh)
  link h -> label  = links.dense()
}

train il of tiny on ${train ?? `${data}.train`} {
  clamp pixels = standardize(sample.image)
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.adam(rate = learn.warmup_cosine(2e-3))
  batch     = ${batch}
  epochs    = ${epochs}
}

train ipc of tiny on ${train ?? `${data}.train`} {
  clamp pixels = standardize(sample.image)
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.ipc(steps = 2, rate = 0.1)
  optimizer = learn.sgd(rate = 1e-3)
  batch     = ${batch}
  epochs    = ${epochs}
}

predict classify of tiny {
  clamp pixels = standardize(input.image)
  read digit = argmax(label)
}

check accuracy(classify.digit, ${data}.test.digit) >= ${bound}
`;
}

/** Writes `tiny.pcn` into the folder. */
export function writeTiny(folder: string, options: Tiny = {}): string {
  const path = join(folder, 'tiny.pcn');
  writeFileSync(path, tinyModel(options));
  return path;
}
