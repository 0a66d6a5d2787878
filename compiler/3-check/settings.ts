/** The settings of a task: `batch = 128`. Each is read once, by a reader that knows what it wants. */
import type { TaskStatement } from '../1-syntax/ast.ts';
import type { Dimension } from '../1-syntax/units.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { meant } from '../diagnostics/habits.ts';
import { listNames } from '../diagnostics/reporter.ts';
import type { CallValue, Value } from './checked.ts';
import type { Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { describe, isKind, isPoison, type Term, toValue } from './term.ts';

type Setting = Extract<TaskStatement, { kind: 'setting' }>;

export interface Reader<T> {
  /** The kind of value that is expected, for messages. */
  readonly wants: string;
  /** The setting's value, or undefined when the term is none. */
  read(term: Term): T | undefined;
}

/** A setting that was given and understood. */
export interface Given<T> {
  readonly value: T;
  readonly span: Span;
}

export class Settings {
  readonly #given = new Map<string, Setting>();
  readonly #environment: Environment;

  /** Reports unknown settings and those given twice. @param owner "a train task" */
  constructor(body: readonly TaskStatement[], known: readonly string[], owner: string, environment: Environment) {
    this.#environment = environment;
    const { reporter } = environment.session;
    for (const statement of body) {
      if (statement.kind !== 'setting') continue;
      const name = statement.name.text;
      const before = this.#given.get(name);
      if (!known.includes(name)) {
        const near = meant(name, known);
        reporter.report('setting/unknown', statement.name.span, `${owner} has ${listNames(known)}`, {
          repair: near === undefined ? argumentOf(name, known) : `did you mean \`${near}\`?`,
        });
      } else if (before) {
        reporter.report('setting/twice', statement.name.span, `\`${name}\` has been set above`, {
          repair: 'leave one of them out',
          labels: [{ span: before.span, text: 'first here' }],
        });
      } else this.#given.set(name, statement);
    }
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** Undefined when the setting is not given, or after a report. */
  read<T>(name: string, reader: Reader<T>): Given<T> | undefined {
    const statement = this.#given.get(name);
    if (statement === undefined) return undefined;
    const term = evaluate(statement.value, this.#environment);
    if (isPoison(term)) return undefined;
    const value = reader.read(term);
    if (value !== undefined) return { value, span: statement.value.span };
    const reason = `\`${name}\` is ${reader.wants}, not ${describe(term)}`;
    this.#environment.session.reporter.report('setting/type', statement.value.span, reason);
    return undefined;
  }
}

export function wholeNumber(from: number, to = Number.MAX_SAFE_INTEGER): Reader<number> {
  const bound = to === Number.MAX_SAFE_INTEGER ? `a whole number from ${from}` : `a whole number from ${from} to ${to}`;
  return {
    wants: bound,
    read: (term) =>
      typeof term === 'number' && Number.isSafeInteger(term) && term >= from && term <= to ? term : undefined,
  };
}

export function measure(dimension: Dimension, example: string): Reader<number> {
  return {
    wants: `a positive ${dimension} such as \`${example}\``,
    read: (term) =>
      isKind(term, 'quantity') && term.dimension === dimension && term.value > 0 ? term.value : undefined,
  };
}

export function word(words: readonly string[]): Reader<Value> {
  return {
    wants: listNames(words, 'or'),
    read: (term) => {
      if (isKind(term, 'symbol')) return words.includes(term.name) ? toValue(term) : undefined;
      // `cut_at = nodes` means the word, though most models import a module of that name.
      const name = isKind(term, 'module') ? term.module.name.split('/').at(-1) : undefined;
      return name !== undefined && words.includes(name) ? { kind: 'symbol', name } : undefined;
    },
  };
}

/** The nodes of a list of places, those inside clusters too. */
export function nodeNames(term: Term): string[] | undefined {
  if (!isKind(term, 'list')) return undefined;
  const names: string[] = [];
  for (const item of term.items) {
    if (!isKind(item, 'places')) return undefined;
    const places = item.whole ? item.whole.arrays.flat() : item.places;
    for (const place of places) {
      if (place.kind === 'node') names.push(place.node.name);
      else names.push(...place.cluster.nodes.map((node) => node.name));
    }
  }
  return names;
}

export function callOf(what: CallValue['definition']['what'], example: string): Reader<CallValue> {
  return {
    wants: `${what === 'optimizer' ? 'an' : 'a'} ${what} such as \`${example}\``,
    read: (term) => (isKind(term, 'call') && term.definition.what === what ? term : undefined),
  };
}

/** A setting of other libraries that is an argument of the optimizer here. */
function argumentOf(name: string, known: readonly string[]): string | undefined {
  if (!known.includes('optimizer')) return undefined;
  const argument = meant(name, ['rate', 'decay']);
  if (argument === undefined) return undefined;
  return `an argument of the optimizer: \`optimizer = learn.${argument === 'rate' ? 'adam' : 'adamw'}(${argument} = …)\``;
}
