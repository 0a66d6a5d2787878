/** Values of parameters from outside: `--set hidden=64`. */
import type { Model } from '../1-syntax/ast.ts';
import { CONSTANTS } from '../2-names/builtins.ts';
import type { Program } from '../2-names/program.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import type { Environment } from './environment.ts';
import { quantity } from './evaluate.ts';
import { POISON, type Term } from './term.ts';

/** Each value as a term; names that no model has are reported at the first model. */
export function overridesOf(
  models: readonly Model[],
  set: Readonly<Record<string, string | number>>,
  program: Program,
  environment: Environment,
): Map<string, Term> {
  const known = models.flatMap((model) => model.body.flatMap((s) => (s.kind === 'param' ? [s.name.text] : [])));
  const found = new Map<string, Term>();
  for (const [name, text] of Object.entries(set)) {
    if (known.includes(name)) {
      found.set(name, typeof text === 'number' ? text : readValue(text));
      continue;
    }
    const span = models[0]?.name.span ?? { file: program.entry.file, start: 0, end: 0 };
    const near = closest(name, known);
    const reason =
      known.length === 0
        ? `the models here have no parameters, so \`${name}\` cannot be set`
        : `\`${name}\` is not one of ${listNames(known)}`;
    environment.session.reporter.report('param/unknown', span, reason, {
      repair: near === undefined ? undefined : `did you mean \`--set ${near}=${text}\`?`,
    });
  }
  return found;
}

/** A number with or without unit, `true`, `false`, or else a text. */
function readValue(text: string): Term {
  const match = /^(-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]\S*)?$/.exec(text.trim());
  const [, digits, unit] = match ?? [];
  if (digits !== undefined) {
    const term = quantity(Number(digits), unit);
    return term === POISON ? text : term;
  }
  return CONSTANTS[text.trim()] ?? text;
}
