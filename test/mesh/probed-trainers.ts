/** Trainers of which only the direct connections are there, and what measures the ways between them. */
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { BorderProbes, type ProbeLimits } from '../../runtime/net/border-probes.ts';
import { DirectBorders } from '../../runtime/net/direct.ts';
import { type Emulation, emulatedLink } from '../../runtime/net/emulated-socket.ts';
import type { Measured } from '../../runtime/wire/messages.ts';
import { seeded } from './networked.ts';

export interface ProbedTrainer {
  readonly key: string;
  readonly keys: KeyPair;
  readonly borders: DirectBorders;
  readonly probes: BorderProbes;
  /** What the synchronizer would say. */
  measure(other: Pick<ProbedTrainer, 'key'> & { readonly borders: { readonly address: string } }): void;
  busy(): void;
  /** The first report. */
  told(): Promise<Measured>;
  readonly all: readonly Measured[];
}

const open: { readonly borders: DirectBorders; readonly probes: BorderProbes }[] = [];

export const probing = {
  async closeAll(): Promise<void> {
    for (const { borders, probes } of open.splice(0)) {
      probes.stop();
      await borders.close();
    }
  },
};

export async function probedTrainer(
  seed: number,
  emulation?: Emulation,
  limits: Partial<ProbeLimits> = {},
): Promise<ProbedTrainer> {
  const keys = keyPairFromSeed(seeded(seed));
  const key = keyText(keys.publicKey);
  const all: Measured[] = [];
  const waiting: ((told: Measured) => void)[] = [];
  let idle = true;
  const borders = await DirectBorders.open({
    ...{ keys, machine: 'here', listen: { host: '127.0.0.1', port: 0, secure: false } },
    onPacket: () => 'border of another owner',
    onProbe: (from, head, bytes) => probes.take(from, head, bytes),
    onChange: (changed) => probes.changed(changed),
    ...(emulation ? { emulated: emulatedLink(emulation) } : {}),
  });
  const probes = new BorderProbes({
    ...{ own: key, connections: borders, idle: () => idle, limits },
    say: (message) => {
      all.push(message);
      for (const tell of waiting.splice(0)) tell(message);
    },
  });
  open.push({ borders, probes });
  return {
    ...{ key, keys, borders, probes, all },
    measure: (other) => probes.measure({ key: other.key, address: other.borders.address, machine: 'here' }),
    busy: () => {
      idle = false;
    },
    told: () => (all[0] ? Promise.resolve(all[0]) : new Promise((resolve) => waiting.push(resolve))),
  };
}
