/** What a machine can do is measured in a process that is started as a trainer's is. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { asTrainer } from '../../../runtime/cli/measuring/as-trainer.ts';
import { startOfTrainer } from '../../../runtime/cli/mesh/start-of-trainer.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-as-trainer-'));
afterAll(() => removeFolder(folder));

const { argv, execArgv } = process;
afterEach(() => {
  process.argv = argv;
  process.execArgv = execArgv;
});

const { heap, allocation } = startOfTrainer(undefined);
/** Says how it was started, and fails. */
const PROGRAM = `require('node:fs').writeFileSync(process.argv[2], JSON.stringify([process.execArgv, process.env]));
process.exit(7);`;

test('the command line runs once more, with the memory of a trainer, and its exit code counts', () => {
  const [program, said] = [join(folder, 'program.cjs'), join(folder, 'said.json')];
  writeFileSync(program, PROGRAM);
  process.argv = [process.execPath, program, said];
  process.execArgv = [];
  expect(asTrainer()).toBe(7);
  const [options, environment] = JSON.parse(readFileSync(said, 'utf8')) as [string[], Record<string, string>];
  expect(options).toEqual(heap);
  expect(environment).toMatchObject(allocation);
});

test('a process that was started so measures by itself', () => {
  process.execArgv = [...heap];
  expect(asTrainer()).toBeUndefined();
});
