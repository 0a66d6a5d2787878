/** Statements that begin with an unknown word: what was probably meant, and how to write it. */
import type { IToken, TokenType } from 'chevrotain';
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { closest } from '../diagnostics/suggest.ts';
import { tokenSpan } from './build-ast.ts';
import { tokenMatcher } from './chevrotain.ts';
import { type Place, STATEMENT_WORDS } from './statement-lines.ts';
import * as t from './tokens.ts';

const PLACES: Readonly<Record<Place, string>> = {
  top: 'a file',
  model: 'a model or cluster',
  task: 'a train, predict or schedule block',
  definition: 'a definition',
};

/** Words that other systems use for the same thing. */
const SYNONYMS: Readonly<Record<string, string>> = {
  layer: 'node',
  input: 'sense',
  connect: 'link',
  edge: 'link',
  parameter: 'param',
  fn: 'function',
  def: 'function',
  network: 'model',
  use: 'import',
  from: 'import',
  include: 'import',
  assert: 'check',
  export: 'expose',
  output: 'read',
};

function words(place: Place): readonly TokenType[] {
  return STATEMENT_WORDS[place];
}
function textOf(type: TokenType): string {
  return typeof type.PATTERN === 'string' ? type.PATTERN : '';
}

/** The same token with the word that was probably meant; undefined when that cannot be told. */
export function correctWord(token: IToken, place: Place, next?: IToken): IToken | undefined {
  if (!tokenMatcher(token, t.AnyWord) || next?.tokenType === t.Equals) return undefined;
  const known = words(place).map(textOf);
  const meant = known.includes(SYNONYMS[token.image] ?? '') ? SYNONYMS[token.image] : closest(token.image, known);
  const type = words(place).find((one) => textOf(one) === meant);
  if (type === undefined) return undefined;
  return { ...token, image: textOf(type), tokenType: type, tokenTypeIdx: type.tokenTypeIdx ?? 0 };
}

export function unknownWord(
  token: IToken,
  place: Place,
  corrected: IToken | undefined,
  file: string,
  next?: IToken,
): Diagnostic {
  const span = tokenSpan(token, file);
  const list = words(place).map((type) => `\`${textOf(type)}\``);
  const allowed = `${list.slice(0, -1).join(', ')} or ${list.at(-1) ?? ''}`;
  const shown = token.image.length > 30 ? `${token.image.slice(0, 29)}…` : token.image;
  if (!tokenMatcher(token, t.AnyWord)) {
    const reason = `\`${shown}\` does not begin a statement; allowed here: ${allowed}`;
    return diagnostic('syntax/unexpected', span, reason, { repair: 'delete it, or join it to the statement above' });
  }
  if (corrected !== undefined) {
    return diagnostic('syntax/unknown-word', span, `${PLACES[place]} has no \`${shown}\``, {
      repair: `did you mean \`${corrected.image}\`?`,
    });
  }
  const habit = place === 'model' ? habitOf(token, shown, next) : undefined;
  if (habit !== undefined) return diagnostic('syntax/unknown-word', span, habit.reason, { repair: habit.repair });
  const home = elsewhere(token, place);
  if (home !== undefined) return diagnostic('syntax/unknown-word', span, home.reason, { repair: home.repair });
  if (place === 'model' && next?.tokenType === t.Equals) {
    const reason = 'a model has no settings';
    return diagnostic('syntax/unknown-word', span, reason, { repair: `a parameter: \`param ${shown} = …\`` });
  }
  if (place === 'task' && next !== undefined && !tokenMatcher(next, t.AnyWord)) {
    return diagnostic('syntax/unknown-word', span, 'a setting has `=` between its name and its value', {
      repair: `\`${shown} = …\``,
    });
  }
  const settings = place === 'task' ? ' or a setting such as `batch = 128`' : '';
  return diagnostic('syntax/unknown-word', span, `allowed here: ${allowed}${settings}`, {
    repair: 'begin the statement with one of these words',
  });
}

/** `for i in …`, and `y <- h`. */
function habitOf(token: IToken, shown: string, next?: IToken): { reason: string; repair: string } | undefined {
  if (isLoop(token))
    return {
      reason: 'the language has no loops: declare an array, and link ranges of its elements',
      repair: '`node h[3]: f32[16]`, `link h[0..1] -> h[1..2] = links.dense() along topology.one_to_one()`',
    };
  if (next?.tokenType !== t.Less && next?.tokenType !== t.Arrow) return undefined;
  return {
    reason: 'a link begins with `link`, and goes from its source to its target',
    repair:
      next.tokenType === t.Less ? `\`link … -> ${shown} = links.dense()\`` : `\`link ${shown} -> … = links.dense()\``,
  };
}

export function isLoop(token: IToken): boolean {
  return token.image === 'for' || token.image === 'while';
}

/** A keyword in the wrong place. */
function elsewhere(token: IToken, place: Place): { reason: string; repair: string } | undefined {
  const home = (['model', 'task', 'definition', 'top'] as const).find((one) => words(one).includes(token.tokenType));
  if (home === undefined || home === place) return undefined;
  return {
    reason: `\`${token.image}\` belongs in ${PLACES[home]}, not in ${PLACES[place]}`,
    repair: `move it to ${PLACES[home]}`,
  };
}
