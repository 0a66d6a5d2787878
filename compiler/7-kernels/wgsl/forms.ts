/** Forms that the steps of the lowering to WGSL hand on: each adds to the one before it what its step has found. */
import type { KernelModule } from '../../../spec/kernels.ts';
import type { Precision } from '../../../spec/precision.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import type { WrittenKernel } from './kernel.ts';
import type { Modules } from './modules.ts';
import type { Parts } from './parts.ts';
import type { PersistentLimits, Run } from './persistent-runs.ts';
import type { Layout, SharedArenas } from './place.ts';
import type { Placed } from './placed.ts';
import type { ProductForms } from './product-forms.ts';
import type { ScalarBlocks } from './scalar-blocks.ts';
import type { Surroundings } from './writer.ts';

/** Properties of the device that kernels are made for, with nothing left open. */
export interface Target {
  readonly forms: ProductForms;
  readonly precision: Precision;
  /** Elements that one binding may have. */
  readonly bound: number;
  readonly small: PersistentLimits;
}

/** A function of a program, and what it shares with the program's other functions. */
export interface Source {
  readonly program: Program;
  readonly f: ProgramFunction;
  readonly target: Target;
  /** Where the program's states lie. */
  readonly states: readonly Placed[];
  /** Values find room there step by step. */
  readonly arenas: SharedArenas;
  /** Those of all functions so far. */
  readonly modules: Modules;
}

/** As straight code. */
export interface Flattened extends Source {
  readonly flat: Flat;
}

/** Operations are in kernels. */
export interface Clustered extends Flattened {
  readonly parts: Parts;
  readonly clusters: readonly Cluster[];
}

/** Kernels are in launches. */
export interface Grouped extends Flattened {
  readonly parts: Parts;
  readonly launches: readonly (readonly Cluster[])[];
}

/** Every value has its place. */
export interface Laid extends Grouped {
  readonly layout: Layout;
  /** Of the host's numbers: a block is found when a kernel that reads it is asked for its regions. */
  readonly blocks: ScalarBlocks;
  readonly around: Omit<Surroundings, 'places'>;
}

/** Launches that one group of threads carries out are next to each other. */
export interface InRuns extends Laid {
  readonly runs: readonly Run[];
}

/** The kernels of neighbouring launches. */
export interface WrittenRun {
  readonly kernels: readonly WrittenKernel[];
  /** Those that are launches of their own; none where one group of threads carries them out. */
  readonly apart: Run['launches'];
}

/** Kernels are text, and those of launches of their own get to their places by uniforms. */
export interface Written extends Laid {
  readonly runs: readonly WrittenRun[];
}

export interface ChosenRun {
  readonly kernels: readonly WrittenKernel[];
  readonly places: KernelModule['places'];
}

/** Kernels are text, and get to their places in the way that is best for the function. */
export interface Chosen extends Laid {
  readonly runs: readonly ChosenRun[];
}
