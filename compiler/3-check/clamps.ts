/**
 * Clamps: the values that a task holds fixed. `clamp eye[*] = …` gives each element its own sample: the value of the
 * i-th reads the leaves `sample[i].FIELD`, and one row of the network takes as many samples as the array has elements.
 */

import { sampleLeaf } from '../../spec/names.ts';
import { sameShape } from '../../spec/program.ts';
import type { ClampStatement, Predict, StartStatement, Train } from '../1-syntax/ast.ts';
import { apply, type Expr, isBatched, leaf, sizeOf } from '../operators/expr.ts';
import { toExpr } from './arithmetic.ts';
import type { ClampInstance, DataField, NodeInstance } from './checked.ts';
import { type Environment, inside } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { showType } from './link-part.ts';
import { missingIndex } from './places.ts';
import { isSameOrder, transposition } from './shapes.ts';
import { describe, isKind, isPoison, type PlacesTerm, type SampleTerm, type Term, tensor } from './term.ts';

type Statement = ClampStatement | StartStatement;

/** The two statements in words; a code's own title speaks of clamps. */
const WORDS = {
  clamp: { done: 'clamped', at: 'to', place: {}, value: {} },
  start: {
    done: 'started',
    at: 'at',
    place: { message: 'this cannot be started' },
    value: { message: 'a node cannot be started at this' },
  },
} as const;

export interface Clamps {
  readonly clamps: readonly ClampInstance[];
  /** Samples that one row of the network takes. */
  readonly replicas: number;
  /** All clamps could be worked out: what is missing is really missing. */
  readonly complete: boolean;
}

/** The fields that clamps of a task may read, and what to say of others. */
export interface SampleFields {
  readonly fields: readonly DataField[];
  readonly source: string;
  /** A task whose data belong to them could not be worked out. */
  readonly lost?: boolean;
  /** Samples are sequences: `step` counts their elements from 0. */
  readonly steps?: boolean;
}

/** @param environment sees the model's names */
export function elaborateClamps(task: Train | Predict, sample: SampleFields, environment: Environment): Clamps {
  const { session } = environment;
  const { reporter } = session;
  const clamps: ClampInstance[] = [];
  const droppedBefore = session.dropped;
  const byNode = new Map<string, ClampInstance>();
  let array: { statement: ClampStatement; count: number } | undefined;
  const plain: { statement: ClampStatement; clamp: ClampInstance }[] = [];
  for (const statement of task.body) {
    if (statement.kind !== 'clamp') continue;
    const target = clampTarget(statement, environment);
    if (target === undefined) {
      session.dropped++;
      continue;
    }
    const { nodes, plural } = target;
    if (plural && array && array.count !== nodes.length) {
      reporter.report(
        'clamp/replicas',
        statement.target.span,
        `${nodes.length} elements take ${nodes.length} samples, but another array takes ${array.count}`,
        {
          repair: 'give both arrays the same number of elements',
          labels: [{ span: array.statement.target.span, text: `${array.count} here` }],
        },
      );
      continue;
    }
    if (plural) array ??= { statement, count: nodes.length };
    for (const [i, node] of nodes.entries()) {
      const name = sampleLeaf(plural ? i : undefined);
      const clamp = makeClamp(statement, node, withSample(task, sample, name, environment));
      if (clamp === undefined) {
        session.dropped++;
        break;
      }
      const before = byNode.get(node.name);
      if (before) {
        reporter.report('clamp/twice', statement.target.span, `\`${node.name}\` has been clamped above`, {
          repair: 'leave one of them out',
          labels: [{ span: before.span, text: 'first here' }],
        });
        break;
      }
      byNode.set(node.name, clamp);
      clamps.push(clamp);
      if (!plural) plain.push({ statement, clamp });
    }
  }
  const replicas = array?.count ?? 1;
  for (const { statement, clamp } of plain)
    if (array && replicas > 1 && (isBatched(clamp.value) || (clamp.when && isBatched(clamp.when))))
      reporter.report(
        'clamp/replicas',
        statement.span,
        `\`${clamp.node}\` is one node, and there are ${replicas} samples to choose from`,
        {
          repair: `make \`${clamp.node}\` an array of ${replicas} too, or clamp it with a value that is the same for all samples`,
          labels: [{ span: array.statement.span, text: `takes ${replicas} samples` }],
        },
      );
  return { clamps, replicas, complete: session.dropped === droppedBefore };
}

export function withSample(
  task: Train | Predict,
  { fields, source, steps, lost = false }: SampleFields,
  name: string,
  environment: Environment,
): Environment {
  const sample: SampleTerm = { kind: 'sample', fields, leaf: name, source, lost };
  const names = new Map<string, Term>([['sample', sample]]);
  if (task.kind === 'predict') names.set('input', sample);
  if (steps === true) names.set('step', tensor(leaf('step', [], false)));
  return inside(environment, names);
}

/** The nodes of a place; undefined after a report. */
export function clampTarget(
  statement: Statement,
  environment: Environment,
): { nodes: readonly NodeInstance[]; plural: boolean } | undefined {
  const { reporter } = environment.session;
  const { span } = statement.target;
  const words = WORDS[statement.kind];
  const term = evaluate(statement.target, environment);
  if (isPoison(term)) return undefined;
  if (!isKind(term, 'places')) {
    reporter.report(
      'clamp/place',
      span,
      `this is ${describe(term)}; only nodes and senses can be ${words.done}`,
      words.place,
    );
    return undefined;
  }
  if (term.whole) {
    missingIndex(term.whole, span, environment);
    return undefined;
  }
  return nodesOf(term, statement, environment);
}

function nodesOf(
  term: PlacesTerm,
  statement: Statement,
  environment: Environment,
): { nodes: NodeInstance[]; plural: boolean } | undefined {
  const nodes: NodeInstance[] = [];
  for (const place of term.places) {
    if (place.kind === 'cluster') {
      environment.session.reporter.report(
        'clamp/place',
        statement.target.span,
        `\`${place.cluster.name}\` is a cluster; only nodes and senses can be ${WORDS[statement.kind].done}`,
        {
          ...WORDS[statement.kind].place,
          repair: 'name one of its exposed nodes',
        },
      );
      return undefined;
    }
    if (place.node.value) {
      environment.session.reporter.report(
        'clamp/place',
        statement.target.span,
        `\`${place.node.name}\` is exact: its values are its prediction`,
        {
          ...WORDS[statement.kind].place,
          repair: 'take a node with an energy, as `nodes.gaussian()`',
        },
      );
      return undefined;
    }
    nodes.push(place.node);
  }
  return { nodes, plural: term.plural };
}

export function makeClamp(
  statement: Statement,
  node: NodeInstance,
  environment: Environment,
): ClampInstance | undefined {
  const value = clampValue(statement, node, environment);
  if (value === undefined) return undefined;
  if (statement.when === undefined) return { node: node.name, value, span: statement.target.span };
  const { reporter } = environment.session;
  const term = evaluate(statement.when, {
    ...environment,
    onShape: (span, reason) => reporter.report('clamp/shape', span, reason),
  });
  if (isPoison(term)) return undefined;
  const given = toExpr(term);
  const when = given && conditionOf(given, node);
  if (when === undefined) {
    const shown = given === undefined ? describe(term) : showType(given.shape);
    const each = `one for each element of \`${node.name}\` (${showType(node.shape)})`;
    reporter.report(
      'clamp/shape',
      statement.when.span,
      `a condition is one value per sample, or ${each}, not ${shown}`,
    );
    return undefined;
  }
  return { node: node.name, value, when, span: statement.target.span };
}

/** One value per sample, or one per element in the node's shape; undefined for anything else. */
function conditionOf(given: Expr, node: NodeInstance): Expr | undefined {
  if (given.shape.length === 0 || sameShape(given.shape, node.shape)) return given;
  return isSameOrder(given.shape, node.shape) ? apply('reshape', [given], { shape: node.shape }) : undefined;
}

/** The value in the node's shape: flattened or unfolded where the number of elements agrees, a number repeated. */
function clampValue(statement: Statement, node: NodeInstance, environment: Environment): Expr | undefined {
  const { reporter } = environment.session;
  const { span } = statement.value;
  const term = evaluate(statement.value, {
    ...environment,
    onShape: (at, reason) => reporter.report('clamp/shape', at, reason),
  });
  if (isPoison(term)) return undefined;
  const expr = toExpr(term);
  if (expr === undefined) {
    const repair = isKind(term, 'sample')
      ? `name a field: ${term.fields.map((f) => `\`sample.${f.name}\``).join(', ')}`
      : undefined;
    const { done, at, value } = WORDS[statement.kind];
    const reason = `a node is ${done} ${at} a tensor, not ${at} ${describe(term)}`;
    reporter.report('clamp/value', span, reason, { ...value, repair });
    return undefined;
  }
  if (sameShape(expr.shape, node.shape)) return expr;
  const [have, want] = [sizeOf(expr.shape), sizeOf(node.shape)];
  if (isSameOrder(expr.shape, node.shape)) return apply('reshape', [expr], { shape: node.shape });
  if (have === want) {
    const reason = `this is ${showType(expr.shape)}, and \`${node.name}\` is ${showType(node.shape)}: as many elements in another order`;
    const order = transposition(expr.shape, node.shape);
    const repair = order
      ? `\`transpose(…, order = [${order.join(', ')}])\``
      : `\`reshape(…, [${node.shape.join(', ')}])\`, if they lie as the node's do`;
    reporter.report('clamp/shape', span, reason, { repair });
    return undefined;
  }
  if (expr.shape.length === 0 && !isBatched(expr)) return apply('broadcast', [expr], { shape: node.shape });
  if (environment.session.doubted.has(node)) {
    environment.session.dropped++;
    return undefined;
  }
  reporter.report(
    'clamp/shape',
    span,
    `this has ${have} element${have === 1 ? '' : 's'} (${showType(expr.shape)}), but \`${node.name}\` has ${want} (${showType(node.shape)})`,
    {
      repair: expr.shape.length === 0 ? `\`one_hot(…, ${want})\`, if it is the number of a class` : undefined,
    },
  );
  return undefined;
}
