/** An exported prediction of every example has operators of the ONNX standard alone, for any number of samples. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildExport } from '../../../compiler/7-kernels/onnx/export.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { findPackageRoot } from '../../../compiler/host.ts';
import { checked } from '../../support/check-source.ts';
import { narrowCortex } from '../../support/narrow-cortex.ts';

const folder = join(findPackageRoot(), 'dsl-examples');
/** Opset 20 of the default domain; `com.microsoft` would be a second entry. */
const OPSET = 20;
const examples = readdirSync(folder).filter((name) => name.endsWith('.pcn'));

/** The cortex in narrow columns and few ticks: whole, it writes hundreds of predictions out tick by tick. */
const textOf = (file: string): string => {
  const text = readFileSync(join(folder, file), 'utf8');
  return file === 'cortex.pcn' ? narrowCortex(text).replace(/steps = \d+/g, 'steps = 3') : text;
};

test.each(examples)('%s is exported with standard operators only', (name) => {
  const files = Object.fromEntries(
    readdirSync(folder)
      .filter((file) => file.endsWith('.pcn'))
      .map((file) => [file, textOf(file)]),
  );
  const source = checked(files[name] ?? '', {}, files);
  for (const model of source.models) {
    const predicts = source.predicts.filter((p) => p.model.name === model.name);
    const train = source.trains.find((t) => t.model.name === model.name);
    const { program } = buildProgram({ checked: source, model, task: train, predicts });
    for (const { name: task } of predicts) {
      const exported = buildExport(program, `predict.${task}`);
      expect(exported.batch, task).toBe('any');
      const bytes = Buffer.from(exported.encode(({ shape }) => new Float32Array(shape.reduce((n, m) => n * m, 1))));
      expect(bytes.includes('com.microsoft'), task).toBe(false);
      expect(opsets(bytes), task).toEqual([['', OPSET]]);
    }
  }
});

/** The model's `opset_import`, field 8 of a ModelProto, which comes last: domain and version. */
function opsets(bytes: Buffer): [string, number][] {
  const found: [string, number][] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = varint(bytes, at);
    const field = tag >> 3;
    if ((tag & 7) === 0) {
      at = varint(bytes, afterTag)[1];
      continue;
    }
    const [length, from] = varint(bytes, afterTag);
    at = from + length;
    if (field !== 8) continue;
    const [domainTag, afterDomain] = varint(bytes, from);
    const isDomain = domainTag === 10;
    const [size, text] = isDomain ? varint(bytes, afterDomain) : [0, from];
    const domain = bytes.toString('utf8', text, text + size);
    const [version] = varint(bytes, varint(bytes, isDomain ? text + size : from)[1]);
    found.push([domain, version]);
  }
  return found;
}

function varint(bytes: Buffer, from: number): [value: number, end: number] {
  const length = bytes.subarray(from).findIndex((byte) => byte < 128) + 1;
  const digits = [...bytes.subarray(from, from + length)];
  return [digits.reduceRight((value, byte) => value * 128 + (byte & 127), 0), from + length];
}
