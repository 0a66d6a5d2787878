import { expect, test } from 'vitest';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { parseProgram } from '../../../spec/program-text.ts';

const COUNTER = parseProgram(`program counter
state total : [2] memory = {"kind":"constant","value":0}

function add batch 2
  input x : f32[2] = x
  block body from 0
    sum = add(total, x) : [2]
  update total = sum
  result total = sum
`);

test('calls take effect in order, with the inputs that they had when they were made', async () => {
  const session = await referenceDevice.open({ program: COUNTER, files: new Map() });
  const buffer = Float32Array.of(1, 10);
  const position = { batch: 0, batches: 1 };
  const first = session.run('add', { x: buffer }, position);
  buffer.fill(1000);
  const between = session.read('total');
  const written = session.write('total', Float64Array.of(5, 5));
  const second = session.run('add', { x: Float32Array.of(1, 2) }, position);
  expect((await first).total).toEqual(Float64Array.of(1, 10));
  expect(await between).toEqual(Float64Array.of(1, 10));
  await written;
  expect((await second).total).toEqual(Float64Array.of(6, 7));
});
