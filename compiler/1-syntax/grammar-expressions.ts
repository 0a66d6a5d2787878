/** The grammar of names, types and values; statements are in `grammar-statements.ts`, files in `grammar.ts`. */
import type { IToken } from 'chevrotain';
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';
import type { Argument, Expression, IndexItem, Name, TypeExpression } from './ast.ts';
import * as build from './build-ast.ts';
import { EmbeddedActionsParser } from './chevrotain.ts';
import { messageProvider } from './messages.ts';
import { fold, limitDepth, MAX_DEPTH, type Part, widen } from './precedence.ts';
import * as t from './tokens.ts';

export class ExpressionParser extends EmbeddedActionsParser {
  file = '';
  docs: ReadonlyMap<number, string> = new Map();
  /** Found while building, beside what Chevrotain reports. */
  found: Diagnostic[] = [];

  /** @param checked whether to look for ambiguities in the grammar: a test does, commands have no time for it */
  constructor(checked: boolean) {
    super(t.ALL_TOKENS, {
      maxLookahead: 3,
      recoveryEnabled: false,
      errorMessageProvider: messageProvider,
      skipValidations: !checked,
    });
  }

  begin(tokens: IToken[], file: string, docs: ReadonlyMap<number, string>): this {
    this.input = tokens;
    this.file = file;
    this.docs = docs;
    this.found = [];
    return this;
  }

  /** From the first token given to the last one consumed. */
  protected spanFrom(start: number): Span {
    const last = this.LA(0);
    return { file: this.file, start, end: Math.max(start, last.startOffset + last.image.length) };
  }
  protected docAt(start: number): string {
    return this.docs.get(start) ?? '';
  }
  readonly #tooDeep = (span: Span): void => {
    if (this.found.some((d) => d.code === 'syntax/too-deep')) return;
    const reason = `an expression may be ${MAX_DEPTH} levels deep`;
    this.found.push(diagnostic('syntax/too-deep', span, reason, { repair: 'split it into several' }));
  };
  readonly #chained = (span: Span): void => {
    const repair = 'join two comparisons with `and`: `a < b and b < c`';
    this.found.push(diagnostic('syntax/chained-comparison', span, 'the left side is a comparison already', { repair }));
  };
  protected limited<T extends Expression>(expression: T, children: readonly Expression[]): Expression {
    return limitDepth(expression, children, this.#tooDeep);
  }

  // ---------------------------------------------------------------- names and types
  readonly name = this.RULE('name', (): Name => {
    const token = this.CONSUME(t.Name);
    return this.ACTION(() => build.toName(token, this.file));
  });

  readonly names = this.RULE('names', (): readonly Name[] => {
    const found = [this.SUBRULE(this.name)];
    this.MANY(() => {
      this.CONSUME(t.Comma);
      found.push(this.SUBRULE2(this.name));
    });
    return found;
  });

  readonly type = this.RULE('type', (): TypeExpression => {
    const word = this.CONSUME(t.Name);
    const sizes: Expression[] = [];
    this.OPTION(() => {
      this.CONSUME(t.LeftBracket);
      sizes.push(this.SUBRULE(this.expression));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        sizes.push(this.SUBRULE2(this.expression));
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
      this.CONSUME(t.RightBracket);
    });
    return this.ACTION(() => {
      const element = build.toName(word, this.file);
      return { element, sizes, span: this.spanFrom(word.startOffset) };
    });
  });

  // ---------------------------------------------------------------- expressions
  /** Flat, so that a deep nest of brackets uses few stack frames; `fold` makes the tree. */
  readonly expression = this.RULE('expression', (): Expression => {
    const parts: Part[] = [];
    this.MANY(() => this.#addPrefix(parts, this.CONSUME(t.PrefixOperatorToken)));
    parts.push({ kind: 'operand', value: this.SUBRULE(this.operand) });
    this.MANY2(() => {
      const operator = this.CONSUME(t.BinaryOperatorToken);
      this.ACTION(() => parts.push(build.toBinaryPart(operator, this.file)));
      this.MANY3(() => this.#addPrefix(parts, this.CONSUME2(t.PrefixOperatorToken)));
      parts.push({ kind: 'operand', value: this.SUBRULE2(this.operand) });
    });
    return this.ACTION(
      () =>
        fold(parts, { chained: this.#chained, tooDeep: this.#tooDeep }) ?? {
          kind: 'name',
          name: '_',
          span: this.spanFrom(0),
        },
    );
  });
  #addPrefix(parts: Part[], token: IToken): void {
    this.ACTION(() => parts.push(build.toPrefixPart(token)));
  }

  readonly operand = this.RULE('operand', (): Expression => {
    const start = this.LA(1).startOffset;
    let value = this.OR({
      DEF: [
        { ALT: () => this.#toNumber(this.CONSUME(t.NumberToken)) },
        { ALT: () => this.#toText(this.CONSUME(t.StringToken)) },
        { ALT: () => this.#toReference(this.CONSUME(t.Name)) },
        {
          ALT: () => {
            this.CONSUME(t.LeftParen);
            const inner = this.SUBRULE(this.expression);
            this.CONSUME(t.RightParen);
            return this.ACTION(() => widen(inner, this.spanFrom(start)));
          },
        },
        { ALT: () => this.SUBRULE(this.list) },
      ],
      ERR_MSG: 'a value',
    });
    this.MANY(() => {
      value = this.OR2([
        {
          ALT: () => {
            this.CONSUME(t.Dot);
            return this.#toMember(value, this.CONSUME(t.AnyWord), start);
          },
        },
        {
          ALT: () => {
            const items = this.SUBRULE(this.indexItems);
            return this.ACTION(() => this.#toIndex(value, items, start));
          },
        },
        {
          ALT: () => {
            const passed = this.SUBRULE(this.arguments);
            return this.ACTION(() => {
              const span = this.spanFrom(start);
              const children = [value, ...passed.map((argument) => argument.value)];
              return this.limited({ kind: 'call', callee: value, arguments: passed, span }, children);
            });
          },
        },
      ]);
    });
    return value;
  });

  /** Something that can be linked or clamped: a name with members and indices. */
  readonly place = this.RULE('place', (): Expression => {
    const start = this.LA(1).startOffset;
    let value = this.#toReference(this.CONSUME(t.Name));
    this.MANY(() => {
      value = this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Dot);
            return this.#toMember(value, this.CONSUME(t.AnyWord), start);
          },
        },
        {
          ALT: () => {
            const items = this.SUBRULE(this.indexItems);
            return this.ACTION(() => this.#toIndex(value, items, start));
          },
        },
      ]);
    });
    return value;
  });

  #toNumber(token: IToken): Expression {
    return this.ACTION(() => build.toNumber(token, this.file));
  }
  #toText(token: IToken): Expression {
    return this.ACTION(() => build.toText(token, this.file));
  }
  #toReference(token: IToken): Expression {
    return this.ACTION(() => ({ kind: 'name', name: token.image, span: build.tokenSpan(token, this.file) }));
  }
  #toMember(of: Expression, name: IToken, start: number): Expression {
    return this.ACTION(() => {
      const member = { kind: 'member', of, name: build.toName(name, this.file), span: this.spanFrom(start) } as const;
      return this.limited(member, [of]);
    });
  }
  #toIndex(of: Expression, items: readonly IndexItem[], start: number): Expression {
    const inside = items.flatMap((item) =>
      item.kind === 'at' ? [item.value] : item.kind === 'range' ? [item.from, item.to] : [],
    );
    return this.limited({ kind: 'index', of, items, span: this.spanFrom(start) }, [of, ...inside]);
  }

  readonly list = this.RULE('list', (): Expression => {
    const items: Expression[] = [];
    const first = this.CONSUME(t.LeftBracket);
    this.OPTION(() => {
      items.push(this.SUBRULE(this.expression));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        items.push(this.SUBRULE2(this.expression));
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RightBracket);
    return this.ACTION(() => this.limited({ kind: 'list', items, span: this.spanFrom(first.startOffset) }, items));
  });

  readonly indexItems = this.RULE('indexItems', (): readonly IndexItem[] => {
    const items: IndexItem[] = [];
    this.CONSUME(t.LeftBracket);
    items.push(this.SUBRULE(this.indexItem));
    this.MANY(() => {
      this.CONSUME(t.Comma);
      items.push(this.SUBRULE2(this.indexItem));
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.RightBracket);
    return items;
  });

  readonly indexItem = this.RULE(
    'indexItem',
    (): IndexItem =>
      this.OR({
        DEF: [
          {
            ALT: () => {
              const star = this.CONSUME(t.Star);
              return this.ACTION((): IndexItem => ({ kind: 'all', span: build.tokenSpan(star, this.file) }));
            },
          },
          {
            ALT: () => {
              const from = this.SUBRULE(this.expression);
              let to: Expression | undefined;
              this.OPTION(() => {
                this.CONSUME(t.DotDot);
                to = this.SUBRULE2(this.expression);
              });
              return this.ACTION((): IndexItem => {
                if (to === undefined) return { kind: 'at', value: from, span: from.span };
                return { kind: 'range', from, to, span: { ...from.span, end: to.span.end } };
              });
            },
          },
        ],
        ERR_MSG: 'an index, a range such as `0..7`, or `*` for all',
      }),
  );

  readonly arguments = this.RULE('arguments', (): readonly Argument[] => {
    const found: Argument[] = [];
    this.CONSUME(t.LeftParen);
    this.OPTION(() => {
      found.push(this.SUBRULE(this.argument));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        found.push(this.SUBRULE2(this.argument));
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RightParen);
    return found;
  });

  readonly argument = this.RULE('argument', (): Argument => {
    const start = this.LA(1).startOffset;
    let name: Name | undefined;
    this.OPTION(() => {
      name = this.SUBRULE(this.name);
      this.CONSUME(t.Equals);
    });
    const value = this.SUBRULE(this.expression);
    return this.ACTION(() => ({ ...(name === undefined ? {} : { name }), value, span: this.spanFrom(start) }));
  });
}
