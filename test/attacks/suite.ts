/** Runs the attacks on a mesh, seed by seed, and keeps what is the same for several of them. */
import { type Behaviour, behaviours } from './behaviours.ts';
import { compileNetwork, type Network } from './network.ts';
import { type HonestEnds, numbersOf } from './numbers.ts';
import { type Row, rowOf, type Trial } from './rows.ts';
import { attackedMesh, type MeshOptions, type MeshOutcome } from './virtual-mesh.ts';

export interface SuiteSize {
  readonly seeds: number;
  /** Of them, those whose numbers are computed, by the share of bad trainers. */
  readonly numbers: (share: number) => number;
  readonly epochs: number;
  /** Of audits. */
  readonly rate: number;
}

export const SHARES: readonly number[] = [0.1, 0.2, 0.33];
/** Of which something is asked, beyond that no replay says otherwise. */
const ASKED = 0.2;
export const FULL = {
  seeds: 500,
  numbers: (share: number) => (share === ASKED ? 20 : 8),
  shares: SHARES,
  epochs: 44,
  rate: 0.025,
} as const;
/** A higher rate finds everything in fewer stretches: the numbers beside n stay what they are. */
export const SHORT = { seeds: 1, numbers: () => 1, shares: [0.2], epochs: 2, rate: 0.5 } as const;

export class AttackSuite {
  readonly #size: SuiteSize;
  readonly #network: Network;
  /** Of the seed that comes now. */
  #seed = 0;
  readonly #meshes = new Map<string, MeshOutcome>();
  readonly #ends: HonestEnds = new Map();
  #clean: number | undefined;

  constructor(size: SuiteSize) {
    this.#size = size;
    this.#network = compileNetwork();
  }

  /** All attacks of one seed before the next one: only of one seed it is kept what they have in common. */
  async trial(behaviour: Behaviour, share: number, seed: number): Promise<Trial> {
    this.#begin(seed);
    const { epochs, rate, numbers: most } = this.#size;
    const { acts, on } = behaviour;
    const options = { seed, epochs, rate, share, acts, brief: true, ...(on === undefined ? {} : { on }) };
    const mesh = this.#mesh(options);
    const { caught, punished, honest } = mesh;
    if (seed > most(share)) return { caught, punished, honest, otherwise: [], replayed: 0 };
    const clean = await this.#cleanRun(seed);
    const { accuracy: attacked, ...numbers } = await numbersOf(this.#network, options, mesh, behaviour, this.#ends);
    return { caught, punished, honest, accuracy: { clean, attacked }, ...numbers };
  }

  async rowOf(behaviour: Behaviour, share: number): Promise<Row> {
    const trials: Trial[] = [];
    for (let seed = 1; seed <= this.#size.seeds; seed++) trials.push(await this.trial(behaviour, share, seed));
    return rowOf(behaviour, share, this.#size.rate, trials);
  }

  #begin(seed: number): void {
    if (seed === this.#seed) return;
    this.#seed = seed;
    this.#meshes.clear();
    this.#ends.clear();
    this.#clean = undefined;
  }

  /** The same for all attacks that act in the same stretches. */
  #mesh(options: MeshOptions): MeshOutcome {
    const name = JSON.stringify(options);
    const mesh = this.#meshes.get(name) ?? attackedMesh(options);
    this.#meshes.set(name, mesh);
    return mesh;
  }

  /** To its end, with all of its audits. @returns its accuracy */
  async #cleanRun(seed: number): Promise<number> {
    if (this.#clean !== undefined) return this.#clean;
    const { epochs, rate } = this.#size;
    const options = { seed, epochs, rate, share: 0, acts: 'all' } as const;
    const mesh = attackedMesh(options);
    const { accuracy, otherwise } = await numbersOf(this.#network, options, mesh, undefined, this.#ends);
    if (mesh.punished > 0 || otherwise.length > 0)
      throw new Error(`seed ${seed}, without bad trainers: ${mesh.punished} punished, ${otherwise.join('; ')}`);
    this.#clean = accuracy;
    return accuracy;
  }
}

export function behaviourCalled(name: string): Behaviour | undefined {
  return behaviours.find((one) => one.name === name);
}
