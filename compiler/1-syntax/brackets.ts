/** Round and square brackets of one statement: how deep they go, and which of them have no partner. */
import type { IToken } from 'chevrotain';
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { tokenSpan } from './build-ast.ts';
import { LeftBracket, LeftParen, RightBracket, RightParen } from './tokens.ts';

/** Brackets inside brackets; the grammar calls itself once for each. */
export const MAX_NESTING = 150;

export function isTooDeep(tokens: readonly IToken[]): boolean {
  let depth = 0;
  for (const { tokenType } of tokens) {
    if (tokenType === LeftParen || tokenType === LeftBracket) depth++;
    else if (tokenType === RightParen || tokenType === RightBracket) depth = Math.max(0, depth - 1);
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

export interface Balanced {
  /** With the missing brackets put in and those too many left out. */
  readonly tokens: IToken[];
  /** The first bracket without a partner. */
  readonly diagnostic: Diagnostic | undefined;
}

export function balance(tokens: readonly IToken[], file: string): Balanced {
  const open: IToken[] = [];
  const kept: IToken[] = [];
  let found: Diagnostic | undefined;
  for (const token of tokens) {
    if (token.tokenType === LeftParen || token.tokenType === LeftBracket) open.push(token);
    if (token.tokenType === RightParen || token.tokenType === RightBracket) {
      const opening = open.pop();
      if (opening === undefined) {
        found ??= tooMany(token, file);
        continue;
      }
      if (closing(opening, token).tokenType !== token.tokenType) {
        found ??= mismatch(opening, token, file);
        kept.push(closing(opening, token));
        continue;
      }
    }
    kept.push(token);
  }
  const last = tokens.at(-1);
  for (const opening of open.reverse()) {
    found ??= unclosed(opening, file);
    if (last !== undefined) kept.push(closing(opening, last));
  }
  return { tokens: kept, diagnostic: found };
}

function closing(opening: IToken, at: IToken): IToken {
  const type = opening.tokenType === LeftParen ? RightParen : RightBracket;
  const image = opening.tokenType === LeftParen ? ')' : ']';
  return { ...at, image, tokenType: type, tokenTypeIdx: type.tokenTypeIdx ?? 0 };
}

function tooMany(token: IToken, file: string): Diagnostic {
  const partner = token.tokenType === RightParen ? '(' : '[';
  const repair = `delete it, or open it with \`${partner}\``;
  return diagnostic('syntax/unexpected', tokenSpan(token, file), `no \`${partner}\` is open here`, { repair });
}

function mismatch(opening: IToken, token: IToken, file: string): Diagnostic {
  const wanted = closing(opening, token).image;
  return diagnostic('syntax/unexpected', tokenSpan(token, file), `\`${opening.image}\` is closed by \`${wanted}\``, {
    repair: `\`${wanted}\``,
    labels: [{ span: tokenSpan(opening, file), text: 'opened here' }],
  });
}

function unclosed(opening: IToken, file: string): Diagnostic {
  const wanted = closing(opening, opening).image;
  return diagnostic('syntax/unclosed', tokenSpan(opening, file), `no \`${wanted}\` follows in this statement`, {
    repair: `close it with \`${wanted}\``,
  });
}
