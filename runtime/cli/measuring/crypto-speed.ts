/** How fast one thread hashes and seals what goes over a border. */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import type { CryptoSpeed } from '../../../spec/capability.ts';
import { rounded } from './measure.ts';

const BYTES = 1024 * 1024;
const RUNS = 9;

export function cryptoSpeed(): CryptoSpeed {
  const data = randomBytes(BYTES);
  const key = randomBytes(32);
  return {
    hash: megabytesPerSecond(() => createHash('sha256').update(data).digest()),
    seal: megabytesPerSecond((run) => {
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE(run);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.update(data);
      cipher.final();
    }),
  };
}

/** The best of several: whatever else a machine does only ever adds. */
function megabytesPerSecond(work: (run: number) => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const begin = performance.now();
    work(run);
    least = Math.min(least, performance.now() - begin);
  }
  return rounded(BYTES / 1e6 / (least / 1000));
}
