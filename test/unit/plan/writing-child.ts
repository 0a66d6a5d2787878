/** Writes a plan of two files that are full of one byte: `writing-child.js FOLDER BYTE`. */
import { writePlanParts } from '../../../runtime/plan/write-plan.ts';
import type { PlanPart } from '../../../spec/plan.ts';

const [folder = '', byte] = process.argv.slice(2);
const parts = ['shards/0/program.txt', 'cpu/a.onnx'].map(
  (path): PlanPart => ({
    path,
    write: (sink) => {
      for (let i = 0; i < 3; i++) sink(new Uint8Array(1000).fill(Number(byte)));
    },
  }),
);
writePlanParts(folder, parts, (files, sink) => sink(new TextEncoder().encode(JSON.stringify({ byte, files }))));
