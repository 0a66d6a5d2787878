/** The body of a link between two shapes: `predict` of its definition as an expression of leaf `source`. */

import { sameShape } from '../../spec/program.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { type Expr, leaf, type Shape, sizeOf } from '../operators/expr.ts';
import { toExpr } from './arithmetic.ts';
import type { CallValue, WeightInstance } from './checked.ts';
import { atHome, type Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import type { Fans } from './initializers.ts';
import { TICK } from './noise-call.ts';
import type { LinkPart } from './part.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isPoison, type Term, tensor, valueKey } from './term.ts';
import { weightMaker } from './weights.ts';

/** One end of a link, as far as shapes go. */
export interface End {
  readonly name: string;
  readonly shape: Shape;
}

/** Equal definitions between equal shapes share one body. @param span where mistakes of shape are shown */
export function linkPart(
  call: CallValue,
  source: End,
  target: End,
  fans: Fans,
  span: Span,
  environment: Environment,
): LinkPart | undefined {
  const { session } = environment;
  // All pairs of two arrays come one after the other: millions of them ask for the same body.
  const { lastLink } = session;
  if (lastLink?.call === call && lastLink.source === source.shape && lastLink.target === target.shape)
    if (lastLink.fans.in === fans.in && lastLink.fans.out === fans.out) return lastLink.part;
  const key = `${valueKey(call)} ${source.shape.join('x')} ${target.shape.join('x')} ${fans.in} ${fans.out}`;
  const part = session.linkParts.get(key) ?? makeLinkPart(call, source, target, fans, span, environment);
  if (part === undefined) return undefined;
  session.linkParts.set(key, part);
  session.lastLink = { call, source: source.shape, target: target.shape, fans, part };
  return part;
}

function makeLinkPart(
  call: CallValue,
  source: End,
  target: End,
  fans: Fans,
  span: Span,
  environment: Environment,
): LinkPart | undefined {
  const { session } = environment;
  const { definition } = call;
  const name = definition.name.text;
  const module = session.program.homes.get(definition);
  if (module === undefined) return undefined;
  const names = new Map<string, Term>([['tick', TICK], ...Object.entries(call.arguments)]);
  names.set('source', tensor(leaf('source', source.shape)));
  names.set('target', tensor(leaf('target', target.shape)));
  const home: Environment = {
    ...atHome(environment, module, names),
    draws: { shape: target.shape, count: 0 },
    onShape: (at, reason) =>
      session.reporter.report('link/shape', span, `${name} does not fit: ${reason}`, {
        labels: [{ span: at, text: 'in this formula' }],
        repair: missingAxis(reason, source, target),
      }),
  };
  const weights: WeightInstance[] = [];
  const value = evaluateRules(definition, home, evaluate, weightMaker(weights, fans, evaluate)).get('predict');
  if (value === undefined || isPoison(value)) return undefined;
  const body = toExpr(value);
  if (body === undefined || readsLeaf(body, 'target')) {
    const reason =
      body === undefined
        ? 'its `predict` is not a tensor'
        : 'its `predict` reads the values of the target, which it should predict; only `shape(target)` and `size(target)` are known';
    session.reporter.report('definition/formula', definition.name.span, reason);
    return undefined;
  }
  if (sameShape(body.shape, target.shape)) return { body, weights };
  const keeps = sameShape(body.shape, source.shape) ? `${name} keeps the shape, so` : `with ${name}`;
  const reason = `${keeps} \`${target.name}\` would be ${showType(body.shape)}, not ${showType(target.shape)}`;
  const repair = repairShape(name, source, target, sameShape(body.shape, source.shape) ? undefined : body.shape);
  session.reporter.report('link/shape', span, reason, { repair });
  return undefined;
}

export function showType(shape: Shape): string {
  return shape.length === 0 ? 'f32' : `f32[${shape.join(', ')}]`;
}

/** @param made what the link makes of the source, where that is a shape of its own */
function repairShape(name: string, source: End, target: End, made?: Shape): string | undefined {
  if (name === 'dense') return undefined;
  if (made !== undefined) return `\`${target.name}: ${showType(made)}\`, or other settings of ${name}`;
  return `links.dense(), which learns a ${sizeOf(source.shape)} x ${sizeOf(target.shape)} matrix`;
}

export function readsLeaf(expr: Expr, name: string): boolean {
  if (expr.kind === 'leaf') return expr.name === name;
  return expr.kind === 'apply' && expr.args.some((arg) => readsLeaf(arg, name));
}

/** A formula that asks for an axis that one end does not have, such as the width of the tokens of a vector. */
function missingAxis(reason: string, source: End, target: End): string | undefined {
  const asked = /^`shape\((source|target)\)`/.exec(reason)?.[1];
  if (asked === undefined) return undefined;
  const { name, shape } = asked === 'source' ? source : target;
  return `give \`${name}\` one axis more: \`f32[1, ${shape.join(', ')}]\` holds the same numbers`;
}
