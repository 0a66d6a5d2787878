/**
 * Two trainers with one core each on a wide network, beside the control: two trainings of the whole network that run at
 * once, each in a process of its own on one core. Work that a network cannot do without, hashing and sealing what goes
 * over the border, is measured in the same run: the target is the control's rate less that.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { waitUntil } from '../../support/wait-for.ts';
import { measureCeiling } from '../ceiling.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { writeDigits } from './digits-on-disk.ts';
import { ended, type Mesh, quickestEpoch, startMesh } from './mesh-ticks.ts';
import { wideModel } from './wide-together.ts';

const BATCH = 256;
const PATIENCE_MS = 60_000;
/** The first one also loads; of the others the quickest counts. */
const EPOCHS = 3;
/**
 * Batches of an epoch, at whose end a mesh stores a snapshot of 40 and 147 MB: enough that this weighs little, as it does in
 * the 234 batches of 60,000 samples, and few enough for a bench.
 */
const SIZES = [
  { width: 2048, batches: 24, rounds: 2 },
  { width: 4096, batches: 12, rounds: 1 },
];
const SCHEDULES = [
  { schedule: 'lockstep', least: 0.93 },
  { schedule: 'pipelined', least: 0.96 },
] as const;
const CORES = [0, 1];
/** Where the system has it. */
const canPin = spawnSync('taskset', ['-V']).status === 0;

export async function wideMeshFigures(folder: string): Promise<readonly Figure[]> {
  writeDigits(folder);
  const clock = new CryptographyClock();
  const { mesh } = await startMesh(folder, 0);
  const trainers: ChildProcess[] = [];
  try {
    for (const core of CORES) trainers.push(await joinOn(core, folder, mesh, clock));
    const all = async (): Promise<boolean> => joined(await mesh.ask('status')) >= CORES.length;
    await waitUntil('every trainer has joined', all, { every: 1000 });
    const figures: Figure[] = [];
    for (const size of SIZES) figures.push(...(await figuresOf(folder, mesh, clock, size)));
    return figures;
  } finally {
    await Promise.all(trainers.map(ended));
    await mesh.stop();
  }
}

/** A trainer that says where its time goes. Its key is listed by the operator: an invite's would be audited throughout. */
async function joinOn(core: number, folder: string, mesh: Mesh, clock: CryptographyClock): Promise<ChildProcess> {
  const name = nameOf(core);
  const state = join(folder, name);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const key = keyText(ensureKey(join(state, 'key.json')).publicKey);
  await mesh.ask('keys', 'allow', key, '--role', 'trainer');
  const [program = '', ...args] = on(core, [nmc, 'join', mesh.address, '--name', name, '--state', state, '--json']);
  const env = { ...process.env, NMC_CONFIG: join(folder, 'config'), NMC_DEBUG: '6' };
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr?.on('data', (part: Buffer) => clock.read(part.toString()));
  return child;
}

const nameOf = (core: number): string => `core-${core}`;

function joined(status: string): number {
  return (JSON.parse(status) as { trainers?: readonly unknown[] }).trainers?.length ?? 0;
}

/** A command of Node on one core. */
function on(core: number, args: readonly string[]): string[] {
  return [...(canPin ? ['taskset', '-c', String(core)] : []), process.execPath, ...args];
}

async function figuresOf(
  folder: string,
  mesh: Mesh,
  clock: CryptographyClock,
  { width, batches, rounds: wanted }: (typeof SIZES)[number],
): Promise<readonly Figure[]> {
  const model = join(folder, `wide-${width}.pcn`);
  // A rule without a memory of its own: two whole networks beside two halves of one have to fit.
  writeFileSync(model, wideModel(width, BATCH, 'learn.sgd(rate = 1.0e-3)'));
  const options = ['--data', folder, '--limit', String(batches * BATCH), '--epochs', String(EPOCHS)];
  const samples = batches * BATCH;
  const rounds = await calmRounds(
    { rounds: wanted, least: wanted, patience: PATIENCE_MS },
    measureCeiling,
    async (round) => {
      const control = await controlRate(folder, model, options, round, samples);
      const rates = [];
      for (const { schedule } of SCHEDULES) {
        clock.reset();
        const seconds = quickestEpoch(
          await mesh.deploy(model, [...options, '--schedule', schedule], CORES.map(nameOf)),
        );
        rates.push({ rate: samples / seconds, compute: clock.computeShare() });
      }
      return { control, rates };
    },
  );
  const network = `784-${width}-${width}-${width}-10 il, B=${BATCH}`;
  const control = median(rounds.map(({ value }) => value.control));
  const figures = SCHEDULES.flatMap(({ schedule, least }, i) => {
    const of = (pick: (row: { rate: number; compute: number }, control: number) => number): number =>
      median(rounds.map(({ value }) => pick(value.rates[i] ?? { rate: Number.NaN, compute: 1 }, value.control)));
    const title = `${network}, two trainers ${schedule}`;
    return [
      told(
        `${title}: rate`,
        of(({ rate }) => rate),
        'samples/s',
        control,
      ),
      told(
        `${title}: compute of compute and cryptography`,
        of(({ compute }) => compute),
        'share',
        1,
      ),
      atLeast(
        `${title}: rate beside two trainings at once, less cryptography`,
        of(({ rate, compute }, beside) => rate / (beside * compute)),
        'share',
        least,
        1,
      ),
    ];
  });
  return figures.map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}

/** Samples a second of all trainings at once, each on a core. */
async function controlRate(
  folder: string,
  model: string,
  options: readonly string[],
  round: number,
  samples: number,
): Promise<number> {
  const rates = await Promise.all(
    CORES.map(async (core) => {
      const out = join(folder, `control-${round}-${core}-${samples}`);
      const train = [nmc, 'train', model, 'il', ...options, '--out', out, '--json'];
      const [program = '', ...args] = on(core, train);
      const { stdout } = await runProcess(program, args, { expected: [0, 1] });
      return samples / quickestEpoch(stdout);
    }),
  );
  return rates.reduce((sum, rate) => sum + rate, 0);
}

const CRYPTOGRAPHY = ['opening', 'hashing', 'signing', 'sealing'];

/** Reads the tables of `NMC_DEBUG=6`. */
class CryptographyClock {
  #rest = '';
  #compute = 0;
  #cryptography = 0;

  read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, row = '', microseconds] = /(\w[\w ,]*?)\s+([\d.]+) us$/.exec(line) ?? [];
      if (row.endsWith('device')) this.#compute += Number(microseconds);
      if (CRYPTOGRAPHY.some((name) => row.endsWith(name))) this.#cryptography += Number(microseconds);
    }
  }

  reset(): void {
    [this.#compute, this.#cryptography] = [0, 0];
  }

  /** Of both together. */
  computeShare(): number {
    return this.#compute > 0 ? this.#compute / (this.#compute + this.#cryptography) : 1;
  }
}
