/**
 * Whether the blob of a part is what the part says: there, a state of that shard, with the hash that its owner has
 * signed. It is read in pieces, and nothing of it is kept.
 */
import type { PlanShard } from '../../spec/plan.ts';
import { memberStates, type Program, type Shape, sameShape } from '../../spec/program.ts';
import { parseProgram } from '../../spec/program-text.ts';
import type { Backplane } from '../backplane/backplane.ts';
import { readPlanList } from '../plan/plan-list.ts';
import type { MovedSince } from '../validation/standing.ts';
import type { PartSketch } from '../validation/weight-sketch.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Part } from '../wire/messages.ts';
import { partHolds } from '../wire/part.ts';
import { headOf, PieceReader } from './piece-reader.ts';
import { stateHashIn } from './shard-state.ts';
import { WeightMoves } from './weight-moves.ts';

/** Why a part is none: what its owner has signed and what is there do not agree. */
export type PartProblem = 'signature' | 'blob' | 'format' | 'shapes' | 'hash';

/** The disk has lost it, so no trainer has lied. */
export const DAMAGED = 'damaged';

/** The plan of the run cannot be read, so the form of its parts is unknown. */
export const NO_PLAN = 'plan';

/** Of the states of a shard, by the names that its parts give them. */
export type StateShapes = ReadonlyMap<string, Shape>;

/** Bytes of the head of a part for one tensor, beside its name. */
const HEAD_BYTES = 400;

export class PartVerifier {
  readonly #backplane: Pick<Backplane, 'getBlob' | 'readBlob'>;
  /** Of one run: there are few at a time, and a plan can be large. */
  #known: KnownPlan = { run: '', shapes: new Map() };
  readonly #moves = new WeightMoves();

  constructor(backplane: Pick<Backplane, 'getBlob' | 'readBlob'>) {
    this.#backplane = backplane;
  }

  /** @returns since which call, and how far, the weights of a part that was found sound have moved, if that is known */
  movesOf(part: Pick<Part, 'run' | 'shard' | 'calls'>): MovedSince | undefined {
    return this.#moves.of(part);
  }

  /** @returns nothing where all is as it is said */
  async problemOf(
    deployment: Deployment,
    part: Omit<Part, 'type'>,
    owner: string,
  ): Promise<PartProblem | typeof DAMAGED | typeof NO_PLAN | undefined> {
    if (!partHolds(part, owner)) return 'signature';
    const shapes = await this.#shapesOf(deployment, part.shard);
    if (!shapes) return NO_PLAN;
    const source = await this.#backplane.readBlob(part.blob);
    if (!source) return 'blob';
    const pieces = new PieceReader(source);
    try {
      const sketch = this.#moves.sketch();
      const problem = await problemIn(pieces, shapes, part.hash, sketch);
      if (problem === undefined) this.#moves.keep(part, sketch.end());
      return problem === undefined || (await pieces.hashOfAll()) === part.blob ? problem : DAMAGED;
    } finally {
      await source.close();
    }
  }

  /** @returns nothing where the disk has lost a file of the plan, or an operator has brought one that is none */
  async #shapesOf(deployment: Deployment, shard: number): Promise<StateShapes | undefined> {
    if (this.#known.run !== deployment.run) this.#known = { run: deployment.run, shapes: new Map() };
    const known = this.#known.shapes.get(shard);
    if (known) return known;
    const shards = this.#known.shards ?? readOrNothing(await this.#list(deployment), shardsOf);
    if (shards) this.#known = { ...this.#known, shards };
    const path = shards?.[shard]?.program;
    const shapes = readOrNothing(await this.#file(deployment, path), shapesIn);
    if (shapes) this.#known.shapes.set(shard, shapes);
    return shapes;
  }

  #list({ plan }: Deployment): Promise<Uint8Array | undefined> {
    return this.#blob(plan[0]?.blob);
  }

  #file({ plan }: Deployment, path: string | undefined): Promise<Uint8Array | undefined> {
    return this.#blob(plan.find((f) => f.path === path)?.blob);
  }

  async #blob(blob: string | undefined): Promise<Uint8Array | undefined> {
    return blob === undefined ? undefined : this.#backplane.getBlob(blob);
  }
}

interface KnownPlan {
  readonly run: string;
  readonly shards?: readonly PlanShard[];
  readonly shapes: Map<number, StateShapes>;
}

function shardsOf(list: Uint8Array): readonly PlanShard[] {
  return readPlanList('the plan', list).shards;
}

function shapesIn(program: Uint8Array): StateShapes {
  return stateShapes(parseProgram(new TextDecoder().decode(program)));
}

function readOrNothing<T>(bytes: Uint8Array | undefined, parse: (bytes: Uint8Array) => T): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return parse(bytes);
  } catch {
    return undefined;
  }
}

/** As `saveStates` and `encodeState` name them. */
export function stateShapes({ states }: Program): StateShapes {
  const kept = states.filter((s) => s.role !== 'value' && s.role !== 'sum').flatMap(memberStates);
  return new Map(
    kept.map(({ id, role, shape }) => {
      const prefix = role === 'parameter' || role === 'statistic' ? 'parameter/' : 'auxiliary/';
      return [prefix + id, shape];
    }),
  );
}

async function problemIn(
  pieces: PieceReader,
  shapes: StateShapes,
  hash: string,
  sketch: PartSketch,
): Promise<PartProblem | undefined> {
  const most = [...shapes.keys()].reduce((sum, name) => sum + 6 * name.length + HEAD_BYTES, HEAD_BYTES);
  const entries = await headOf(pieces, most);
  if (!entries) return 'format';
  if (entries.length !== shapes.size) return 'shapes';
  for (const { name, shape, dtype } of entries) {
    const expected = shapes.get(name);
    if (!expected || !sameShape(expected, shape) || !['F32', 'F64'].includes(dtype)) return 'shapes';
  }
  const found = await stateHashIn(pieces, entries, ({ name, dtype }) => {
    if (!name.startsWith('parameter/')) return () => undefined;
    sketch.begin(name.slice('parameter/'.length), dtype);
    return (piece) => sketch.take(piece);
  });
  if (found === undefined) return 'format';
  return found === hash ? undefined : 'hash';
}
