/** Runs the attacks on a mesh, seed by seed, and keeps what is the same for several of them. */
import { type Behaviour, behaviours } from './behaviours.ts';
import { compileNetwork, type Network } from './network.ts';
import { numbersOf } from './numbers.ts';
import { type Row, rowOf, type Trial } from './rows.ts';
import { attackedMesh, type MeshOptions, type MeshOutcome } from './virtual-mesh.ts';

export interface SuiteOptions {
  readonly seeds: number;
  /** Of them, those whose numbers are computed. */
  readonly numbers: number;
  readonly shares: readonly number[];
  readonly epochs: number;
  /** Of audits. */
  readonly rate: number;
  /** What was found before of the same attack, share and seed. */
  readonly known?: (name: string) => Trial | undefined;
  readonly found?: (name: string, trial: Trial) => void;
  readonly progress?: (line: string) => void;
}

export const FULL = { seeds: 500, numbers: 20, shares: [0.1, 0.2, 0.33], epochs: 44, rate: 0.025 } as const;
/** A higher rate finds everything in fewer stretches: the numbers beside n stay what they are. */
export const SHORT = { seeds: 1, numbers: 1, shares: [0.2], epochs: 2, rate: 0.5 } as const;

export class AttackSuite {
  readonly #options: SuiteOptions;
  readonly #network: Network;
  readonly #meshes = new Map<string, MeshOutcome>();
  readonly #clean = new Map<number, number>();

  constructor(options: SuiteOptions) {
    this.#options = options;
    this.#network = compileNetwork();
  }

  async rowsOf(behaviour: Behaviour): Promise<Row[]> {
    const rows: Row[] = [];
    for (const share of this.#options.shares) rows.push(await this.#row(behaviour, share));
    return rows;
  }

  async #row(behaviour: Behaviour, share: number): Promise<Row> {
    const { seeds, rate, known, found, progress } = this.#options;
    const trials: Trial[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const name = `${behaviour.name}/${share}/${rate}/${this.#options.epochs}/${seed}`;
      const before = known?.(name);
      const trial = before ?? (await this.#trial(behaviour, share, seed));
      if (!before) found?.(name, trial);
      trials.push(trial);
      progress?.(`${name}: ${trial.caught.map(({ steps = '-' }) => steps).join(' ')}`);
    }
    return rowOf(behaviour, share, rate, trials);
  }

  async #trial(behaviour: Behaviour, share: number, seed: number): Promise<Trial> {
    const { epochs, rate, numbers: most } = this.#options;
    const { acts, on } = behaviour;
    const options = { seed, epochs, rate, share, acts, ...(on === undefined ? {} : { on }) };
    const mesh = this.#mesh(options);
    const { caught, punished, honest } = mesh;
    if (seed > most) return { caught, punished, honest, otherwise: [], replayed: 0 };
    const clean = await this.#cleanRun(seed);
    const { accuracy: attacked, ...numbers } = await numbersOf(this.#network, options, mesh, behaviour);
    return { caught, punished, honest, accuracy: { clean, attacked }, ...numbers };
  }

  /** The same for all attacks that act in the same stretches. */
  #mesh(options: MeshOptions): MeshOutcome {
    const name = JSON.stringify(options);
    const mesh = this.#meshes.get(name) ?? attackedMesh(options);
    this.#meshes.set(name, mesh);
    return mesh;
  }

  async #cleanRun(seed: number): Promise<number> {
    const known = this.#clean.get(seed);
    if (known !== undefined) return known;
    const { epochs, rate } = this.#options;
    const options = { seed, epochs, rate, share: 0, acts: 'all' } as const;
    const { accuracy } = await numbersOf(this.#network, options, attackedMesh(options), undefined);
    this.#clean.set(seed, accuracy);
    return accuracy;
  }
}

export function behaviourCalled(name: string): Behaviour | undefined {
  return behaviours.find((one) => one.name === name);
}
