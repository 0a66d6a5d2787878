/** One hash for all weights of a run: equal where all their bits are. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Over names and bytes of all tensors; what else the file says differs from run to run. */
export function hashOfWeights(run: string): string {
  const bytes = readFileSync(join(run, 'model.safetensors'));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  const hash = createHash('sha256');
  for (const name of Object.keys(header).sort()) {
    const [from, to] = header[name]?.data_offsets ?? [0, 0];
    if (to > from) hash.update(name).update(bytes.subarray(start + from, start + to));
  }
  return hash.digest('hex');
}
