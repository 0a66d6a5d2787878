/**
 * Every diagnostic code there is: one row each, sorted by topic. A row needs a page `spec/diagnostics/<code>.md` and a
 * case `test/errors/<code>.pcn`; a test fails on a gap.
 */
import type { Diagnostic, Label, Severity, Span } from './diagnostic.ts';

export interface CodeRow {
  readonly severity: Severity;
  /** The default message: one line, no full stop, no user's names. */
  readonly title: string;
}

export const CODES = {
  // ---------------------------------------------------------------- syntax
  'syntax/assignment': { severity: 'error', title: '`=` gives a name a value; it does not compare' },
  'syntax/chained-comparison': { severity: 'error', title: 'comparisons do not chain' },
  'syntax/expected': { severity: 'error', title: 'something is missing here' },
  'syntax/foreign': { severity: 'error', title: 'this is written differently here' },
  'syntax/import-order': { severity: 'error', title: 'imports must stand at the top of the file' },
  'syntax/number': { severity: 'error', title: 'this number cannot be read' },
  'syntax/spaced-unit': { severity: 'error', title: 'a unit must stand directly behind its number' },
  'syntax/string': { severity: 'error', title: 'this text cannot be read' },
  'syntax/too-deep': { severity: 'error', title: 'this is nested too deeply' },
  'syntax/too-large': { severity: 'error', title: 'the file is too large' },
  'syntax/too-many': { severity: 'note', title: 'there are more mistakes' },
  'syntax/unclosed': { severity: 'error', title: 'this is never closed' },
  'syntax/unexpected': { severity: 'error', title: 'this is not allowed here' },
  'syntax/unexpected-character': { severity: 'error', title: 'this character has no meaning here' },
  'syntax/unknown-unit': { severity: 'error', title: 'there is no such unit' },
  'syntax/unknown-word': { severity: 'error', title: 'no statement begins with this word' },
  'syntax/version': { severity: 'error', title: 'the file does not say which version of the language it uses' },
  // ---------------------------------------------------------------- modules and names
  'import/cycle': { severity: 'error', title: 'these files import each other' },
  'import/duplicate': { severity: 'error', title: 'two imports have the same name' },
  'import/missing': { severity: 'error', title: 'there is no such module' },
  'import/unreadable': { severity: 'error', title: 'the file cannot be read' },
  'import/unused': { severity: 'warning', title: 'this import is not used' },
  'name/duplicate': { severity: 'error', title: 'this name is taken' },
  'name/later': { severity: 'error', title: 'this name is declared only later' },
  'name/member': { severity: 'error', title: 'this has no members' },
  'name/unknown': { severity: 'error', title: 'nothing has this name' },
  'expose/hidden': { severity: 'error', title: 'this is inside a cluster and not exposed' },
  'argument/missing': { severity: 'error', title: 'an argument is missing' },
  'argument/surplus': { severity: 'error', title: 'there are too many arguments' },
  'argument/twice': { severity: 'error', title: 'an argument is given twice' },
  'argument/unknown': { severity: 'error', title: 'there is no such argument' },
  'type/unknown': { severity: 'error', title: 'there is no such type' },
  'definition/body': { severity: 'error', title: 'this definition does not say what it does' },
  'definition/statement': { severity: 'error', title: 'this statement has no meaning in such a definition' },
  'task/statement': { severity: 'error', title: 'this statement has no meaning in such a task' },
  // ---------------------------------------------------------------- values
  'argument/range': { severity: 'error', title: 'this argument is outside its range' },
  'argument/type': { severity: 'error', title: 'this argument has the wrong type' },
  'call/arguments': { severity: 'error', title: 'this cannot be called with these arguments' },
  'call/brackets': { severity: 'error', title: 'this needs brackets, even without arguments' },
  'definition/formula': { severity: 'error', title: 'this definition gives no result' },
  'definition/when': { severity: 'error', title: 'this condition is not known when checking' },
  'function/endless': { severity: 'error', title: 'this function never ends' },
  'index/missing': { severity: 'error', title: 'this array needs an index' },
  'index/none': { severity: 'error', title: 'this has no elements to choose from' },
  'index/outside': { severity: 'error', title: 'this index is outside' },
  'number/undefined': { severity: 'error', title: 'this is not a number' },
  'param/missing': { severity: 'error', title: 'a parameter has no value' },
  'param/type': { severity: 'error', title: 'this parameter has the wrong type' },
  'param/unknown': { severity: 'error', title: 'there is no such parameter' },
  'param/where': { severity: 'error', title: 'this parameter is outside its range' },
  'shape/huge': { severity: 'error', title: 'this tensor is too large' },
  'shape/mismatch': { severity: 'error', title: 'these shapes do not fit' },
  'shape/size': { severity: 'error', title: 'this is not a size' },
  'type/operand': { severity: 'error', title: 'the operator cannot be applied to these' },
  // ---------------------------------------------------------------- models
  'along/kind': { severity: 'error', title: 'this is not a topology' },
  'along/twice': { severity: 'error', title: 'the connections are thinned twice' },
  'along/weight': { severity: 'error', title: 'this link has no connections to choose from' },
  'cluster/endless': { severity: 'error', title: 'a cluster cannot contain itself' },
  'cluster/kind': { severity: 'error', title: 'this is not a cluster' },
  'cycle/rule': { severity: 'error', title: 'this rule cannot train a model with a cycle' },
  'cycle/settles': { severity: 'note', title: 'the model has a cycle' },
  'delay/idle': { severity: 'warning', title: 'this delay has nothing to carry' },
  'exact/cycle': { severity: 'error', title: 'these nodes are exact and predict each other' },
  'exact/value': { severity: 'error', title: 'this node cannot be exact' },
  'link/end': { severity: 'error', title: 'a link can join only nodes' },
  'link/kind': { severity: 'error', title: 'this is not a link' },
  'link/shape': { severity: 'error', title: 'link cannot join these shapes' },
  'link/tie': { severity: 'error', title: 'these links cannot share weights' },
  'model/large': { severity: 'error', title: 'the model is too large' },
  'model/untrained': { severity: 'note', title: 'nothing trains this model' },
  'node/alone': { severity: 'warning', title: 'this node is joined to nothing' },
  'node/kind': { severity: 'error', title: 'this is not a node' },
  'node/shape': { severity: 'error', title: 'this node cannot have that shape' },
  'rate/base': { severity: 'error', title: 'these rates have no common step' },
  'rate/samples': { severity: 'error', title: 'the sense takes a different number of samples' },
  'rate/value': { severity: 'error', title: 'this is not a rate' },
  'topology/degree': { severity: 'error', title: 'the topology asks for more connections than there are' },
  // ---------------------------------------------------------------- tasks
  'apart/rule': { severity: 'error', title: 'this rule allows only one error of a node' },
  'check/data': { severity: 'error', title: 'this data cannot be used in this check' },
  'check/form': { severity: 'error', title: 'a check does not have this form' },
  'check/shape': { severity: 'error', title: 'these cannot be compared' },
  'clamp/place': { severity: 'error', title: 'this cannot be clamped' },
  'clamp/replicas': { severity: 'error', title: 'the samples cannot be divided evenly' },
  'clamp/shape': { severity: 'error', title: 'the value does not fit the node' },
  'clamp/twice': { severity: 'error', title: 'a node is clamped twice' },
  'clamp/value': { severity: 'error', title: 'a node cannot be clamped to this' },
  'data/field': { severity: 'error', title: 'the data has no such field' },
  'data/kind': { severity: 'error', title: 'this is not data' },
  'data/split': { severity: 'error', title: 'a part of the data must be named' },
  'energy/free': { severity: 'error', title: 'this node must be clamped' },
  'precision/rule': { severity: 'error', title: 'this rule does not allow a precision of a free node' },
  'read/value': { severity: 'error', title: 'this cannot be read' },
  'sense/unclamped': { severity: 'warning', title: 'a sense gets no data' },
  'setting/twice': { severity: 'error', title: 'this is set twice' },
  'setting/type': { severity: 'error', title: 'this setting needs another value' },
  'setting/unknown': { severity: 'error', title: 'there is no such setting' },
  'start/rule': { severity: 'error', title: 'this rule must begin at the forward sweep' },
  'steps/few': { severity: 'warning', title: 'errors fade before they come to the first links' },
  'steps/reach': { severity: 'error', title: 'some links never learn' },
  'start/twice': { severity: 'error', title: 'a node can begin at only one value' },
  'task/data': { severity: 'error', title: 'the task has no data' },
  'task/reads': { severity: 'warning', title: 'this task reads nothing' },
} as const satisfies Readonly<Record<string, CodeRow>>;

export type Code = keyof typeof CODES;

export interface Details {
  /** Replaces the title of the code. */
  readonly message?: string;
  readonly repair?: string | undefined;
  readonly labels?: readonly Label[] | undefined;
}

/** A diagnostic with the severity and, unless given, the message of its code. */
export function diagnostic(code: Code, span: Span, reason: string, details: Details = {}): Diagnostic {
  const { severity, title } = CODES[code];
  return {
    code,
    severity,
    message: details.message ?? title,
    span,
    reason,
    ...(details.repair === undefined ? {} : { repair: details.repair }),
    ...(details.labels === undefined ? {} : { labels: details.labels }),
  };
}
