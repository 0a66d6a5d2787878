/** The file behind `--mesh`: read, checked, every mistake with its place and what to do. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Capability } from '../../spec/capability.ts';
import { MESH_FORMAT, type MeshFile, type MeshMachine } from '../../spec/mesh.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { readSpecJson } from '../support/spec-file.ts';

const validators = new Map<string, ValidateFunction>();

/** @throws UserError when the file cannot be read or is not a list of machines */
export function readMesh(path: string): MeshFile {
  const value = readJson(path, 'mesh', `name a file that ${nmc`mesh record RECORD… -o FILE`} wrote`);
  const fault = firstFault('mesh.schema.json', value);
  if (fault)
    throw new UserError(
      'mesh/format',
      `${path}: ${fault}`,
      `see spec/mesh.schema.json, or write it anew with ${nmc`mesh record RECORD… -o FILE`}`,
    );
  const mesh = value as MeshFile;
  const names = new Set<string>();
  for (const [i, { name }] of mesh.machines.entries()) {
    if (names.has(name))
      throw new UserError(
        'mesh/name',
        `${path}: /machines/${i}/name ${name} occurs twice`,
        'give every machine a different name',
      );
    names.add(name);
  }
  const placed = new Map<string, string>();
  for (const { name, nodes = [] } of mesh.machines)
    for (const node of nodes) {
      const other = placed.get(node);
      if (other !== undefined)
        throw new UserError(
          'mesh/node',
          `${path}: ${node} is kept on ${other} and on ${name}`,
          'keep it on one machine',
        );
      placed.set(node, name);
    }
  for (const key of ['latency', 'bandwidth'] as const) checkSquare(path, key, mesh);
  return mesh;
}

function checkSquare(path: string, key: 'latency' | 'bandwidth', mesh: MeshFile): void {
  const rows = mesh[key];
  const K = mesh.machines.length;
  if (!rows) return;
  const repair = `${K} rows of ${K} numbers, in the order of the machines`;
  if (rows.length !== K)
    throw new UserError('mesh/matrix', `${path}: /${key} has ${rows.length} rows for ${K} machines`, repair);
  for (const [a, row] of rows.entries()) {
    if (row.length !== K)
      throw new UserError('mesh/matrix', `${path}: /${key}/${a} has ${row.length} numbers for ${K} machines`, repair);
    const none = key === 'bandwidth' ? row.findIndex((speed, b) => speed === 0 && a !== b) : -1;
    if (none >= 0)
      throw new UserError(
        'mesh/matrix',
        `${path}: /bandwidth/${a}/${none} is 0`,
        'write what passes through the relay, or leave bandwidth out',
      );
  }
}

/**
 * One line of `nmc doctor --json`, from a file. @throws UserError when it is none, or names no device that was measured
 */
export function readCapability(path: string): Capability {
  const value = readJson(path, 'capability', `name a file that ${nmc`doctor --json`} wrote`);
  const fault = firstFault('capability.schema.json', value);
  if (fault) throw new UserError('capability/format', `${path}: ${fault}`, `write it anew with ${nmc`doctor --json`}`);
  return value as Capability;
}

/**
 * A machine for each record: the rate of the device that it would take by itself. Names that come twice get a number.
 *
 * @param records with the file that each came from
 */
export function meshOf(records: readonly { readonly path: string; readonly record: Capability }[]): MeshFile {
  const names = new Set<string>();
  const machines = records.map(({ path, record }): MeshMachine => {
    const chosen = record.devices.find(({ device }) => device === record.auto.device);
    const gflops = chosen?.measured?.gflops ?? 0;
    if (!(gflops > 0))
      throw new UserError(
        'capability/unmeasured',
        `${path}: the speed of the device ${record.auto.device} is not measured`,
        `on that machine again: ${nmc`doctor --json`}`,
      );
    let name = record.name;
    for (let i = 2; names.has(name); i++) name = `${record.name}-${i}`;
    names.add(name);
    const { upload, download } = record;
    return {
      name,
      rate: gflops * 1e9,
      memory: record.memoryBytes,
      ...(chosen?.measured?.costs ? { cores: record.cores, costs: chosen.measured.costs } : {}),
      ...(upload ? { upload } : {}),
      ...(download ? { download } : {}),
    };
  });
  return { format: MESH_FORMAT, machines };
}

function readJson(path: string, topic: 'mesh' | 'capability', repair: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const reason = code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read (${code})`;
    throw new UserError(`${topic}/unreadable`, reason, repair);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UserError(`${topic}/json`, `${path} is not JSON: ${(error as Error).message}`, repair);
  }
}

/** The first fault in words, with its place. */
function firstFault(schema: string, value: unknown): string | undefined {
  let validate = validators.get(schema);
  if (!validate) {
    validate = new Ajv2020({ allErrors: false, strict: false }).compile(readSpecJson(schema));
    validators.set(schema, validate);
  }
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  return first ? words(first) : 'it does not follow the schema';
}

function words({ instancePath, message, keyword }: ErrorObject): string {
  const place = instancePath === '' ? 'the file' : instancePath;
  return keyword === 'pattern' && instancePath === '/format'
    ? '/format is a major version that this version does not read'
    : `${place} ${message ?? 'is wrong'}`;
}
