/** Files of machines: made from records, read back, refused with words. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { machinesOf } from '../../../compiler/6-partition/machines-of.ts';
import { meshOf, readCapability, readMesh } from '../../../runtime/plan/mesh-file.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-mesh-'));
afterAll(() => removeFolder(folder));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function refusal(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const measured = { gflops: 100, gigabytesPerSecond: 10, dispatchesPerSecond: 1000 };
const record = {
  format: '1.0',
  name: 'desk',
  platform: 'linux',
  arch: 'x64',
  cores: 8,
  memoryBytes: 2 ** 34,
  upload: 2_500_000,
  devices: [{ device: 'cpu', available: true, description: 'eight cores', measured }],
  auto: { device: 'cpu', why: 'the only one' },
};
const machine = { name: 'a', rate: 1e9, memory: 1e9 };

test('records become machines, which read back', () => {
  const path = file('desk.json', record);
  const mesh = meshOf([1, 2].map(() => ({ path, record: readCapability(path) })));
  expect(mesh.machines).toEqual([
    { name: 'desk', rate: 1e11, memory: 2 ** 34, upload: 2_500_000 },
    { name: 'desk-2', rate: 1e11, memory: 2 ** 34, upload: 2_500_000 },
  ]);
  expect(readMesh(file('mesh.json', mesh))).toEqual(mesh);
  expect(machinesOf(mesh).list[1]).toEqual({ ...mesh.machines[1], download: Infinity });
});

test('the cost of a shard on a machine comes from its record, and goes to the partitioner', () => {
  const { costs } = DEFAULT_MACHINE;
  const [device] = record.devices;
  const path = file('costs.json', { ...record, devices: [{ ...device, measured: { ...measured, costs } }] });
  const mesh = meshOf([{ path, record: readCapability(path) }]);
  expect(mesh.machines[0]).toMatchObject({ cores: 8, costs });
  expect(machinesOf(readMesh(file('with-costs.json', mesh))).list[0]).toMatchObject({ cores: 8, costs });
});

test('matrices are flat, and the link of a machine to itself has no bound', () => {
  const mesh = readMesh(
    file('links.json', {
      format: '1.3',
      machines: [machine, { ...machine, name: 'b' }],
      latency: [
        [0, 0.1],
        [0.2, 0],
      ],
      bandwidth: [
        [0, 5],
        [6, 0],
      ],
    }),
  );
  expect([...(machinesOf(mesh).latency ?? [])]).toEqual([0, 0.1, 0.2, 0]);
  expect([...(machinesOf(mesh).bandwidth ?? [])]).toEqual([Infinity, 5, 6, Infinity]);
});

describe('a mesh file is refused with place and repair', () => {
  const two = [machine, { ...machine, name: 'b' }];
  test.each<[string, unknown, string, string]>([
    ['json', '{', 'mesh/json', 'is not JSON'],
    ['none', { format: '1.0', machines: [] }, 'mesh/format', '/machines'],
    ['version', { format: '2.0', machines: two }, 'mesh/format', 'a major version'],
    ['rate', { format: '1.0', machines: [{ ...machine, rate: 0 }] }, 'mesh/format', '/machines/0/rate'],
    ['twice', { format: '1.0', machines: [machine, machine] }, 'mesh/name', '/machines/1/name a occurs twice'],
    ['rows', { format: '1.0', machines: two, latency: [[0, 1]] }, 'mesh/matrix', '/latency has 1 rows for 2'],
    ['columns', { format: '1.0', machines: two, latency: [[0], [1, 0]] }, 'mesh/matrix', '/latency/0 has 1 numbers'],
    [
      'zero',
      {
        format: '1.0',
        machines: two,
        bandwidth: [
          [0, 0],
          [1, 0],
        ],
      },
      'mesh/matrix',
      '/bandwidth/0/1 is 0',
    ],
  ])('in the case `%s`', (name, content, code, words) => {
    const error = refusal(() => readMesh(file(`wrong-${name}.json`, content)));
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(words);
    expect(error.repair).toBeTruthy();
  });

  test('for a file that is missing, a record that is damaged, and a device that was not measured', () => {
    expect(refusal(() => readMesh(join(folder, 'nowhere.json'))).message).toContain('there is no file');
    expect(refusal(() => readCapability(file('no-record.json', { format: '1.0' }))).code).toBe('capability/format');
    const devices = [{ device: 'cpu', available: true, description: 'x' }];
    const path = file('unmeasured.json', { ...record, devices });
    expect(refusal(() => meshOf([{ path, record: readCapability(path) }])).code).toBe('capability/unmeasured');
  });
});
