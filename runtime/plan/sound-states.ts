/** States of a program read from a stranger's text: what they hold, what they are tiles of, and how they begin. */
import type { Initializer, Shape, Slice, State } from '../../spec/program.ts';
import { refusal, type Sparsity, TOPOLOGY_NAMES } from '../../spec/topologies.ts';
import { isCount, shapeProblem } from './sound-shape.ts';

const ROLES = ['parameter', 'optimizer', 'statistic', 'memory', 'value', 'sum'];
/** Pairs of units that are drawn from for one link: minutes of work. */
const MAX_PAIRS = 2 ** 33;

/** @returns what is wrong, or nothing */
export function stateProblem(state: State): string | undefined {
  if (!ROLES.includes(state.role)) return `has the unknown role ${state.role}`;
  const problem = shapeProblem(state.shape) ?? sliceProblem(state);
  if (problem !== undefined) return problem;
  return state.members === undefined
    ? initProblem(state.init, state.slice?.shape ?? state.shape)
    : membersProblem(state);
}

/** Members lie one after the other along the first axis, which is as long as there are. */
function membersProblem({ shape, members, init }: State): string | undefined {
  if (!Array.isArray(members) || members.length !== shape[0]) return `does not have ${shape[0]} members`;
  if (!members.every((m) => typeof m === 'object' && m !== null && typeof m.id === 'string'))
    return 'has a member without a name';
  const inits = [init, ...members.map((m) => m.init)];
  return inits.map((each) => initProblem(each, shape.slice(1))).find((problem) => problem !== undefined);
}

/**
 * A tile has to lie within its whole, which is as large as the tile but for the cut axes, of which there are two at
 * most.
 */
function sliceProblem({ shape, slice }: State): string | undefined {
  if (slice === undefined) return undefined;
  if (typeof slice !== 'object' || slice === null || typeof slice.of !== 'string' || !Array.isArray(slice.shape))
    return 'is a tile without a whole';
  const problem = shapeProblem(slice.shape);
  if (problem !== undefined) return problem;
  const { groups = 1, across } = slice;
  const crosses =
    across === undefined || (groups === 1 && isAcross(across, slice) && liesIn(shape, slice.shape, across));
  const inside =
    crosses &&
    isCount(groups) &&
    shape.length === slice.shape.length &&
    shape.every((n, i) => i === slice.axis || i === across?.axis || n === slice.shape[i]) &&
    liesIn(shape, slice.shape, slice, groups);
  return inside ? undefined : `is not a tile of ${slice.of}`;
}

function isAcross(across: unknown, { axis }: Slice): boolean {
  return typeof across === 'object' && across !== null && 'axis' in across && across.axis !== axis;
}

/** Whether the tile's elements along an axis, in so many equal runs, are among those of the whole. */
function liesIn(shape: Shape, whole: Shape, at: { readonly axis: number; readonly from: number }, runs = 1): boolean {
  // `axis` may be anything: the name of a property of arrays, too.
  if (!Number.isSafeInteger(at.axis) || !Number.isSafeInteger(at.from) || at.from < 0) return false;
  const [own, all] = [(shape[at.axis] ?? Number.NaN) / runs, (whole[at.axis] ?? Number.NaN) / runs];
  return Number.isSafeInteger(own) && Number.isSafeInteger(all) && at.from + own <= all;
}

/** @param shape of what begins so: the whole, where the state is a tile */
function initProblem(init: Initializer, shape: Shape): string | undefined {
  if (typeof init !== 'object' || init === null) return 'has no beginning';
  switch (init.kind) {
    case 'constant':
      return numberProblem(init.value);
    case 'uniform':
      return numberProblem(init.bound);
    case 'normal':
      return numberProblem(init.std);
    case 'identity':
      return numberProblem(init.scale);
    case 'statistic':
      return typeof init.field === 'string' && (init.what === 'mean' || init.what === 'scale')
        ? undefined
        : 'is a statistic without a field';
    case 'thinned':
      return init.of?.kind === 'thinned'
        ? 'is thinned twice'
        : (sparsityProblem(init.sparsity, shape) ?? initProblem(init.of, shape));
    case 'copy':
      if (typeof init.state !== 'string') return 'is a copy without an original';
      return init.of?.kind === 'copy' ? 'is a copy of a copy' : initProblem(init.of, shape);
    case 'connections':
      return sparsityProblem(init.sparsity, shape);
    case 'entries': {
      const list = shape.length === 2 && shape[0] === 2;
      return list && Array.isArray(init.matrix) && init.matrix.every(isCount)
        ? sparsityProblem(init.sparsity, init.matrix)
        : 'is not a list of connections';
    }
    default:
      return 'begins in an unknown way';
  }
}

function numberProblem(value: unknown): string | undefined {
  return typeof value === 'number' ? undefined : 'begins with a value that is not a number';
}

/** @param matrix targets and sources */
function sparsityProblem(sparsity: Sparsity, matrix: Shape): string | undefined {
  if (typeof sparsity !== 'object' || sparsity === null) return 'has no connections to draw from';
  const { weight, topology, arguments: options, stream, seed, offset, total, density } = sparsity;
  const [targets = 0, sources = 0] = matrix;
  const texts = [weight, topology, stream].every((text) => typeof text === 'string');
  const sound =
    texts &&
    TOPOLOGY_NAMES.includes(topology) &&
    typeof options === 'object' &&
    options !== null &&
    Object.values(options).every(isAmount) &&
    [seed, offset, total].every((n) => Number.isSafeInteger(n) && n >= 0) &&
    isAmount(density) &&
    matrix.length === 2 &&
    offset + sources <= total;
  if (!sound) return 'has no connections to draw from';
  if (targets * total > MAX_PAIRS) return `is drawn from ${targets * total} connections`;
  return refusal(topology, options, { sources: total, targets, same: false });
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
