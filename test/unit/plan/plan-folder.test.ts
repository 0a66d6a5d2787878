import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import type { Plan } from '../../../spec/plan.ts';
import { printProgram } from '../../../spec/program-text.ts';
import { changePlan, forge, makePlan, remove, writeMade } from './make-plan.ts';

const made = makePlan();
const PROGRAM = 'shards/0/program.txt';
let folder = '';

beforeEach(() => {
  folder = writeMade(made);
});
afterEach(() => remove(folder));

/** The code of the error that opening ends with, after checking that it is one for users. */
function refused(): string {
  try {
    openPlan(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toContain(folder);
    return error.code;
  }
  return 'accepted';
}

function programText(): string {
  return readFileSync(join(folder, PROGRAM), 'utf8');
}

test('a plan comes back as it was written', () => {
  const { plan, programs, brought } = openPlan(folder);
  expect(plan).toEqual(JSON.parse(new TextDecoder().decode(made.json)));
  expect(programs).toHaveLength(1);
  expect(printProgram(programs[0] ?? { name: '', states: [], functions: [] })).toBe(programText());
  expect([...(brought[0]?.keys() ?? [])].sort()).toEqual([...(plan.shards[0]?.cpu ?? [])].sort());
});

describe('files of a plan', () => {
  test('with a changed byte are refused', () => {
    const path = join(folder, 'cpu/train.onnx');
    const bytes = readFileSync(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect(refused()).toBe('plan/hash');
  });

  test('of another length are refused', () => {
    truncateSync(join(folder, 'cpu/train.onnx'), 10);
    expect(refused()).toBe('plan/format');
  });

  test('that are missing are named', () => {
    rmSync(join(folder, PROGRAM));
    expect(refused()).toBe('plan/format');
  });

  test.each([
    '../secret',
    '/etc/hostname',
    'cpu/../../secret',
    'C:/secret',
    'cpu\\..\\secret',
    'a\0b',
    '',
    'cpu//x',
    './x',
  ])('are refused outside the folder: %j', (path) => {
    writeFileSync(join(folder, '..', 'secret'), '');
    changePlan(folder, (plan) => ({ ...plan, files: [...plan.files, { path, sha256: '0'.repeat(64), bytes: 0 }] }));
    expect(refused()).toMatch(/^plan\/(path|format)$/);
  });

  test('are refused where one is a link that leads outside', () => {
    const outside = `${folder}-outside`;
    renameSync(join(folder, PROGRAM), outside);
    symlinkSync(outside, join(folder, PROGRAM));
    expect(refused()).toBe('plan/path');
    rmSync(outside);
  });

  test('are refused in a folder that is a link outside', () => {
    const outside = `${folder}-outside`;
    renameSync(join(folder, 'cpu'), outside);
    symlinkSync(outside, join(folder, 'cpu'));
    expect(refused()).toBe('plan/path');
    rmSync(outside, { recursive: true });
  });

  test('are neither a pipe nor a folder', () => {
    rmSync(join(folder, PROGRAM));
    execFileSync('mkfifo', [join(folder, PROGRAM)]);
    expect(refused()).toBe('plan/format');
    rmSync(join(folder, PROGRAM));
    mkdirSync(join(folder, PROGRAM));
    expect(refused()).toBe('plan/format');
  });

  test('are refused where one is named twice, or has more bytes than a plan can have', () => {
    changePlan(folder, (plan) => ({ ...plan, files: [...plan.files, plan.files[0]] }));
    expect(refused()).toBe('plan/format');
    changePlan(folder, (plan) => ({ ...plan, files: plan.files.map((f) => ({ ...f, bytes: 1e12 })) }));
    expect(refused()).toBe('plan/format');
  });
});

describe('plan.json', () => {
  test.each([
    ['empty', ''],
    ['torn', '{"format":"1.0"'],
    ['another type', '[]'],
    ['null', 'null'],
    ['no format', '{}'],
    ['deep', `${'['.repeat(200_000)}`],
    ['binary', '\u0000\u0001'],
  ])('is refused where it is %s', (_name, text) => {
    writeFileSync(join(folder, 'plan.json'), text);
    expect(refused()).toBe('plan/format');
  });

  test('is refused where it is missing, or a folder', () => {
    rmSync(join(folder, 'plan.json'));
    expect(refused()).toBe('plan/missing');
    mkdirSync(join(folder, 'plan.json'));
    expect(refused()).toBe('plan/format');
  });

  test('is refused where it is larger than any plan', () => {
    truncateSync(join(folder, 'plan.json'), 300 * 1024 ** 2);
    expect(refused()).toBe('plan/format');
  });

  test('is refused in a later major version, read in an older one, and read without the fields of a later minor one', () => {
    changePlan(folder, (plan) => ({ ...plan, format: '3.0' }));
    expect(refused()).toBe('plan/version');
    changePlan(folder, (plan) => ({ ...plan, format: '2.7', colour: 'blue' }));
    expect(refused()).toBe('accepted');
    changePlan(folder, (plan) => ({ ...plan, format: '1.0' }));
    expect(refused()).toBe('accepted');
  });

  const shard = (change: (shard: Plan['shards'][number]) => object) => (plan: Plan) => ({
    ...plan,
    shards: plan.shards.map((s) => ({ ...s, ...change(s) })),
  });
  test.each<[string, (plan: Plan) => unknown]>([
    ['no shards', (p) => ({ ...p, shards: [] })],
    ['a program that is not among the files', shard(() => ({ program: 'cpu/none.txt' }))],
    ['a kernel that is not among the files', shard(() => ({ cpu: ['cpu/none.onnx'] }))],
    ['less memory than its states need', shard(() => ({ memory: 1000 }))],
    ['memory beyond all numbers', shard(() => ({ memory: 1e300 }))],
    ['parameters that the program does not have', shard((s) => ({ parameters: s.parameters.slice(1) }))],
    ['another shape of a parameter', shard((s) => ({ parameters: s.parameters.map((p) => ({ ...p, shape: [1] })) }))],
    ['a batch that the program does not take', (p) => ({ ...p, training: p.training && { ...p.training, batch: 17 } })],
    ['fields that the program does not take', (p) => ({ ...p, training: p.training && { ...p.training, inputs: [] } })],
    [
      'a prediction that does not exist',
      (p) => ({ ...p, predictions: p.predictions.map((x) => ({ ...x, function: 'f' })) }),
    ],
    ['a read that does not exist', (p) => ({ ...p, checks: p.checks.map((c) => ({ ...c, read: 'f' })) })],
    ['a negative batch', (p) => ({ ...p, training: p.training && { ...p.training, batch: -1 } })],
  ])('is refused with %s', (_name, change) => {
    changePlan(folder, change);
    expect(refused()).toBe('plan/format');
  });
});

describe('a forged program with the right hash', () => {
  test.each<[string, (text: string) => string]>([
    ['no text', () => ''],
    ['not UTF-8', () => '\ud800'],
    ['another language', () => 'hello'],
    ['an unknown operator', (t) => t.replace(/= matmul\(/, '= system(')],
    ['a missing argument', (t) => t.replace(/(= matmul\([^,]+), [^,]+,/, '$1,')],
    ['a value that does not exist', (t) => t.replace(/(= matmul\()[^,]+/, '$1nowhere')],
    ['another shape of a result', (t) => t.replace(/(= matmul\(.*\) : )\[[^\]]*\]/, '$1[3, 3]')],
    ['a shape of text', (t) => t.replace(/\[12, 784\]/, '["a", 784]')],
    ['a negative size', (t) => t.replace(/\[12, 784\]/, '[-12, 784]')],
    ['a size beyond all numbers', (t) => t.replace(/\[12, 784\]/, '[2147483647, 2147483647]')],
    ['a size that is not a number', (t) => t.replace(/\[12, 784\]/, '[1e999]')],
    ['a state twice', (t) => t.replace(/(state .*\n)/, '$1$1')],
    ['an unknown role', (t) => t.replace(' parameter = ', ' spy = ')],
    ['an unknown beginning', (t) => t.replace(/"kind":"\w+"/, '"kind":"file"')],
    ['a beginning of text', (t) => t.replace(/"bound":[\d.e-]+/, '"bound":"x"')],
    ['a block without end', (t) => t.replace(/(block \S+)(?: repeat \d+)? from/, '$1 repeat 999999999 from')],
    ['an empty batch', (t) => t.replace(/^function train batch 16/m, 'function train batch 0')],
    ['an unknown host function', (t) => t.replace(/= (mul|add|min)\(/, '= exec(')],
    ['a function twice', (t) => `${t}\n${t.slice(t.indexOf('function'))}`],
    ['no functions', (t) => t.slice(0, t.indexOf('function'))],
    [
      'deep scalars',
      (t) => t.replace(/scalar (\S+) = .*/, `scalar $1 = ${'neg('.repeat(50_000)}1${')'.repeat(50_000)}`),
    ],
  ])('is refused with %s', (_name, change) => {
    const before = programText();
    const after = change(before);
    expect(after).not.toBe(before);
    forge(folder, PROGRAM, after);
    expect(refused()).toBe('plan/format');
  });
});
