/**
 * Writes a plan of many files, those behind the first few in a thread: `writing-many-child.mjs FOLDER BYTE [HOW]`, where
 * HOW is `link` (a folder of it becomes a link half way), `gone` (it is removed) or `throw`. Prints the entries, or the
 * code and the words of the failure.
 */
import { existsSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { WriteBeside } from '../../../runtime/plan/write-beside.ts';
import { writePlanParts } from '../../../runtime/plan/write-plan.ts';
import { errorCode } from '../../../runtime/support/atomic.ts';
import type { PlanPart, Sink } from '../../../spec/plan.ts';

const FILES = 800;
const [folder = '', byte = '0', how] = process.argv.slice(2);
let hasThread = false;

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}

const into = WriteBeside.into;
WriteBeside.into = (scratch) => {
  const beside = into(scratch);
  while (beside && !beside.isReady) pause();
  hasThread = beside !== undefined;
  return beside;
};

function scratch(): string {
  const found = readdirSync(dirname(folder)).find((name) => name.startsWith(`.${basename(folder)}.`));
  return join(dirname(folder), found ?? '');
}

/** An empty one, one of several megabytes, and small ones. */
function pieces(i: number): number[] {
  if (i % 50 === 7) return [];
  return i % 150 === 90 ? [700_000, 1, 2_500_000] : [10, i];
}

function disturb(sink: Sink): void {
  sink(Uint8Array.of(1));
  if (how === 'throw') throw new Error('no more');
  const shards = join(scratch(), 'shards/0');
  // One that the thread writes.
  while (!existsSync(join(shards, '270'))) pause();
  if (how === 'link' || how === 'gone') renameSync(shards, join(dirname(folder), 'outside'));
  if (how === 'link') symlinkSync(join(dirname(folder), 'outside'), shards);
}

const parts = Array.from({ length: FILES }, (_, i): PlanPart => {
  const write = (sink: Sink): void => {
    for (const length of pieces(i)) sink(new Uint8Array(length).fill(Number(byte)));
    if (i === FILES / 2 && how !== undefined) disturb(sink);
  };
  return { path: `shards/${i % 3}/${i}`, write };
});

try {
  writePlanParts(folder, parts, (files, sink) => sink(new TextEncoder().encode(JSON.stringify({ byte, files }))));
  console.log(JSON.stringify({ hasThread }));
} catch (error) {
  console.log(JSON.stringify({ hasThread, code: errorCode(error), message: (error as Error).message }));
}
