/**
 * Mistakes that may only follow from another one: what a block says of a block in which something is wrong. They are
 * left out, so that the first message is the one to act on; when it is mended the others come back if they are real.
 */
import { append } from '../../spec/append.ts';
import type { Declaration, Expression } from '../1-syntax/ast.ts';
import { operandsOf } from '../1-syntax/ast-parts.ts';
import type { Module } from '../2-names/program.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';

/** About shapes, sizes and places, which other blocks say. */
const FOLLOWING: ReadonlySet<string> = new Set<Code>([
  'check/form',
  'check/shape',
  'clamp/place',
  'clamp/replicas',
  'clamp/shape',
  'clamp/value',
  'cycle/rule',
  'energy/free',
  'expose/hidden',
  'index/outside',
  'link/shape',
  'node/shape',
  'rate/samples',
  'read/value',
  'shape/mismatch',
  'topology/degree',
]);

/** Mistakes of other kinds may have cost their block a name, or a size, that others use. */
function takesAway({ code }: Diagnostic): boolean {
  return !FOLLOWING.has(code) && code !== 'clamp/twice';
}

/** @param diagnostics of all stages */
export function withoutConsequences(diagnostics: readonly Diagnostic[], entry: Module): readonly Diagnostic[] {
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length < 2) return diagnostics;
  const { declarations } = entry.source;
  const homeOf = ({ span }: Diagnostic): Declaration | undefined => declarations.find((d) => contains(d.span, span));
  const broken = new Map<Declaration | undefined, Diagnostic[]>();
  for (const error of errors.filter(takesAway)) append(broken, homeOf(error), error);
  return diagnostics.filter((one) => {
    const home = homeOf(one);
    if (one.severity !== 'error' || home === undefined) return true;
    // A mistake in one block may be told at a place of another.
    const told = (one.labels ?? []).map(({ span }) => declarations.find((d) => contains(d.span, span)));
    const others = new Set([...behind(home, declarations), ...told.filter((d) => d !== undefined && d !== home)]);
    const before = [...others].flatMap((other) => broken.get(other) ?? []);
    // A name that is missing there too is missed once.
    const sameName = (other: Diagnostic): boolean => other.code === one.code && other.reason === one.reason;
    return before.length === 0 || !(mayFollow(one, home) || (one.code === 'name/unknown' && before.some(sameName)));
  });
}

function contains(outer: Span, inner: Span): boolean {
  return outer.file === inner.file && outer.start <= inner.start && inner.start <= outer.end;
}

/** A check names reads, of which a broken task may have lost some. */
function mayFollow({ code }: Diagnostic, home: Declaration): boolean {
  return FOLLOWING.has(code) || (home.kind === 'check' && code === 'name/unknown');
}

/** The declarations that one may depend on; `undefined` stands for other files, and what is outside all of them. */
function behind(of: Declaration, all: readonly Declaration[]): (Declaration | undefined)[] {
  const definitions = [undefined, ...all.filter((d) => d.kind === 'definition' && d !== of)];
  if (of.kind === 'definition' || of.kind === 'model') return definitions;
  if (of.kind !== 'check') {
    const models = all.filter((d) => d.kind === 'model' && d.name.text === of.model.text);
    // What a prediction is given follows the training of the same model, and the data of its checks.
    const trains = of.kind === 'predict' ? all.filter((d) => d.kind === 'train' && d.model.text === of.model.text) : [];
    return [...definitions, ...models, ...trains];
  }
  const named = namesIn(of.condition);
  const tasks = all.filter((d) => d.kind === 'predict' && named.has(d.name.text));
  return [...tasks, ...tasks.flatMap((task) => behind(task, all))];
}

function namesIn(expression: Expression, found = new Set<string>()): ReadonlySet<string> {
  if (expression.kind === 'name') found.add(expression.name);
  for (const one of operandsOf(expression)) namesIn(one, found);
  return found;
}
