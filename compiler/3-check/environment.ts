/** Where an expression stands: which names it sees, and where its mistakes are reported. */
import type { Definition } from '../1-syntax/ast.ts';
import type { Module, Program } from '../2-names/program.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import type { Shape } from '../operators/expr.ts';
import type {
  BatchMean,
  CallValue,
  ClampInstance,
  ModelInstance,
  NodeInstance,
  NodePart,
  WeightInstance,
} from './checked.ts';
import type { LinkPart, MadeLink } from './part.ts';
import type { Term } from './term.ts';

/** One run of the checker. */
export interface Session {
  readonly program: Program;
  readonly reporter: Reporter;
  /** Seed of the wiring. */
  readonly seed: number;
  /** Bodies already worked out, by definition, arguments and shapes: equal clusters share them. */
  readonly linkParts: Map<string, LinkPart>;
  readonly nodeParts: Map<string, NodePart>;
  /** The body asked for last, and what for. */
  lastLink: MadeLink | undefined;
  /** `nodes.gaussian()`: what a node is when nothing is said. */
  plainNode: CallValue | undefined;
  /** Every name points somewhere; if not, those that do not have been reported. */
  readonly namesResolved: boolean;
  /** Clusters being expanded, one inside the other. */
  readonly openClusters: Set<Definition>;
  /** Ends of links that did not fit: what else does not fit their shapes may be the same mistake. */
  readonly doubted: Set<NodeInstance>;
  /** Functions being applied, one inside the other. */
  depth: number;
  /** Parts given up because of a mistake: with none reported, the mistake is ours. */
  dropped: number;
}

/** The parts of a predict task that say which nodes have a prediction and an energy in it. */
export interface ReadableTask {
  readonly model: ModelInstance;
  readonly clamps: readonly ClampInstance[];
  /** All clamps could be worked out. */
  readonly complete: boolean;
}

export interface Environment {
  readonly session: Session;
  readonly module: Module;
  readonly names: ReadonlyMap<string, Term>;
  readonly parent?: Environment;
  /** Called instead of the reporter when shapes do not fit, since another place may matter. */
  readonly onShape?: (span: Span, reason: string) => void;
  /** The places of a model read as tensors (`read digit = argmax(label)`). */
  readonly placesAreTensors?: boolean;
  /** Of definitions whose expressions are evaluated in every tick: the shape of one draw, and how many there are. */
  readonly draws?: { readonly shape: Shape; count: number };
  /** Of nodes: the means over the batch that their definition reads, and the weights in which these are kept. */
  readonly means?: { readonly found: BatchMean[]; readonly weights: WeightInstance[] };
  /** Of reads: the task whose predictions and energies they may name. */
  readonly readable?: ReadableTask;
}

export function lookup(environment: Environment, name: string): Term | undefined {
  for (let at: Environment | undefined = environment; at !== undefined; at = at.parent) {
    const found = at.names.get(name);
    if (found !== undefined) return found;
  }
  const { module } = environment;
  const definition = module.definitions.get(name);
  if (definition) return { kind: 'definition', definition, module };
  const imported = module.imports.get(name);
  return imported && { kind: 'module', module: imported };
}

export function inside(environment: Environment, names: ReadonlyMap<string, Term>): Environment {
  return { ...environment, names, parent: environment };
}

/** The surroundings of a definition: its own file, nothing of the caller's. */
export function atHome(environment: Environment, module: Module, names: ReadonlyMap<string, Term>): Environment {
  const { session, onShape } = environment;
  return { session, module, names, ...(onShape === undefined ? {} : { onShape }) };
}

export function shapeMistake(environment: Environment, span: Span, reason: string): void {
  if (environment.onShape) environment.onShape(span, reason);
  else environment.session.reporter.report('shape/mismatch', span, reason);
}
