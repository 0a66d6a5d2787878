/**
 * The grammar (Chevrotain, LL(3)), building the syntax tree as it goes. Line breaks mean nothing here; it stops at the
 * first mistake, and `recover.ts` finds the rest. `spec/language.md` has the same rules in EBNF.
 */
import { EmbeddedActionsParser, type IToken } from 'chevrotain';
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';
import type {
  Argument,
  Declaration,
  DefinitionStatement,
  Expression,
  Import,
  IndexItem,
  ModelStatement,
  Name,
  Parameter,
  TaskStatement,
  TypeExpression,
} from './ast.ts';
import * as build from './build-ast.ts';
import { messageProvider } from './messages.ts';
import { fold, limitDepth, MAX_DEPTH, type Part, widen } from './precedence.ts';
import * as t from './tokens.ts';

/** A file as the grammar sees it. */
export interface FileParts {
  readonly version?: IToken;
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
}

export class PcnParser extends EmbeddedActionsParser {
  file = '';
  docs: ReadonlyMap<number, string> = new Map();
  /** Found while building, beside what Chevrotain reports. */
  found: Diagnostic[] = [];

  constructor() {
    super(t.ALL_TOKENS, { maxLookahead: 3, recoveryEnabled: false, errorMessageProvider: messageProvider });
    this.performSelfAnalysis();
  }

  begin(tokens: IToken[], file: string, docs: ReadonlyMap<number, string>): this {
    this.input = tokens;
    this.file = file;
    this.docs = docs;
    this.found = [];
    return this;
  }

  /** From the first token given to the last one consumed. */
  private spanFrom(start: number): Span {
    const last = this.LA(0);
    return { file: this.file, start, end: Math.max(start, last.startOffset + last.image.length) };
  }
  private docAt(start: number): string {
    return this.docs.get(start) ?? '';
  }
  private readonly tooDeep = (span: Span): void => {
    if (this.found.some((d) => d.code === 'syntax/too-deep')) return;
    const reason = `an expression may be ${MAX_DEPTH} levels deep`;
    this.found.push(diagnostic('syntax/too-deep', span, reason, { repair: 'split it into several' }));
  };
  private readonly chained = (span: Span): void => {
    const repair = 'join two comparisons with `and`: `a < b and b < c`';
    this.found.push(diagnostic('syntax/chained-comparison', span, 'the left side is a comparison already', { repair }));
  };
  private limited<T extends Expression>(expression: T, children: readonly Expression[]): Expression {
    return limitDepth(expression, children, this.tooDeep);
  }

  // ---------------------------------------------------------------- files
  readonly sourceFile = this.RULE('sourceFile', (): FileParts => {
    let version: IToken | undefined;
    const imports: Import[] = [];
    const declarations: Declaration[] = [];
    this.OPTION(() => {
      version = this.SUBRULE(this.header);
    });
    this.MANY1(() => {
      imports.push(this.SUBRULE(this.importLine));
    });
    this.MANY2(() => {
      declarations.push(this.SUBRULE(this.declaration));
    });
    return { imports, declarations, ...(version === undefined ? {} : { version }) };
  });

  readonly header = this.RULE('header', (): IToken => {
    this.CONSUME(t.Pcn);
    return this.CONSUME(t.NumberToken);
  });

  readonly importLine = this.RULE('importLine', (): Import => {
    const parts: IToken[] = [];
    const first = this.CONSUME(t.ImportWord);
    this.OPTION(() =>
      this.OR([
        {
          ALT: () => {
            parts.push(this.CONSUME(t.Dot));
            parts.push(this.CONSUME(t.Slash));
          },
        },
        {
          ALT: () =>
            this.AT_LEAST_ONE(() => {
              parts.push(this.CONSUME(t.DotDot));
              parts.push(this.CONSUME2(t.Slash));
            }),
        },
      ]),
    );
    let last = this.CONSUME(t.AnyWord);
    parts.push(last);
    this.MANY(() => {
      parts.push(this.CONSUME3(t.Slash));
      last = this.CONSUME2(t.AnyWord);
      parts.push(last);
    });
    return this.ACTION(() => build.toImport(parts, last, this.spanFrom(first.startOffset)));
  });

  // ---------------------------------------------------------------- declarations
  readonly declaration = this.RULE('declaration', (): Declaration => {
    const start = this.LA(1).startOffset;
    const done = (head: build.Head, body: build.Body | undefined): Declaration =>
      this.ACTION(() => build.toDeclaration(head, body, this.docAt(start), this.spanFrom(start)));
    return this.OR([
      { ALT: () => this.SUBRULE(this.check) },
      {
        ALT: () => {
          const head = this.SUBRULE(this.modelOrClusterHead);
          this.CONSUME(t.LeftBrace);
          const model = this.SUBRULE(this.modelBody);
          this.CONSUME(t.RightBrace);
          return done(head, { ...build.EMPTY_BODY, model });
        },
      },
      {
        ALT: () => {
          const head = this.SUBRULE(this.taskOrScheduleHead);
          this.CONSUME2(t.LeftBrace);
          const task = this.SUBRULE(this.taskBody);
          this.CONSUME2(t.RightBrace);
          return done(head, { ...build.EMPTY_BODY, task });
        },
      },
      {
        ALT: () => {
          const head = this.SUBRULE(this.definitionHead);
          let body: build.Body | undefined;
          this.OPTION(() => {
            this.CONSUME3(t.LeftBrace);
            const definition = this.SUBRULE(this.definitionBody);
            this.CONSUME3(t.RightBrace);
            body = { ...build.EMPTY_BODY, definition };
          });
          return done(head, body);
        },
      },
    ]);
  });

  readonly modelOrClusterHead = this.RULE(
    'modelOrClusterHead',
    (): build.Head =>
      this.OR([{ ALT: () => this.SUBRULE(this.modelHead) }, { ALT: () => this.SUBRULE(this.clusterHead) }]),
  );

  readonly taskOrScheduleHead = this.RULE(
    'taskOrScheduleHead',
    (): build.Head =>
      this.OR([{ ALT: () => this.SUBRULE(this.taskHead) }, { ALT: () => this.SUBRULE(this.scheduleHead) }]),
  );

  readonly modelHead = this.RULE('modelHead', (): build.Head => {
    this.CONSUME(t.ModelWord);
    return { kind: 'model', name: this.SUBRULE(this.name) };
  });

  readonly clusterHead = this.RULE('clusterHead', (): build.Head => {
    this.CONSUME(t.ClusterWord);
    const name = this.SUBRULE(this.name);
    let parameters: readonly Parameter[] = [];
    this.OPTION(() => {
      parameters = this.SUBRULE(this.parameters);
    });
    return { kind: 'definition', what: 'cluster', name, parameters };
  });

  readonly taskHead = this.RULE('taskHead', (): build.Head => {
    const kind = this.OR([
      {
        ALT: () => {
          this.CONSUME(t.TrainWord);
          return 'train' as const;
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.PredictWord);
          return 'predict' as const;
        },
      },
    ]);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Of);
    const model = this.SUBRULE2(this.name);
    let on: Expression | undefined;
    this.OPTION(() => {
      this.CONSUME(t.On);
      on = this.SUBRULE(this.expression);
    });
    return { kind, name, model, ...(on === undefined ? {} : { on }) };
  });

  readonly scheduleHead = this.RULE('scheduleHead', (): build.Head => {
    this.CONSUME(t.ScheduleWord);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Of);
    return { kind: 'schedule', name, model: this.SUBRULE2(this.name) };
  });

  readonly definitionHead = this.RULE('definitionHead', (): build.Head => {
    const what = this.CONSUME(t.DefinitionWord);
    const name = this.SUBRULE(this.name);
    let parameters: readonly Parameter[] = [];
    this.OPTION(() => {
      parameters = this.SUBRULE(this.parameters);
    });
    return this.ACTION(() => ({ kind: 'definition', what: build.toDefinitionKind(what), name, parameters }));
  });

  readonly check = this.RULE('check', (): Declaration => {
    const first = this.CONSUME(t.CheckWord);
    const condition = this.SUBRULE(this.expression);
    const start = first.startOffset;
    return this.ACTION(() => ({ kind: 'check', condition, doc: this.docAt(start), span: this.spanFrom(start) }));
  });

  readonly parameters = this.RULE('parameters', (): readonly Parameter[] => {
    const found: Parameter[] = [];
    this.CONSUME(t.LeftParen);
    this.OPTION(() => {
      found.push(this.SUBRULE(this.parameter));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        found.push(this.SUBRULE2(this.parameter));
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RightParen);
    return found;
  });

  readonly parameter = this.RULE('parameter', (): Parameter => {
    const name = this.SUBRULE(this.name);
    let type: TypeExpression | undefined;
    let initial: Expression | undefined;
    let where: Expression | undefined;
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      type = this.SUBRULE(this.type);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equals);
      initial = this.SUBRULE(this.expression);
    });
    this.OPTION3(() => {
      this.CONSUME(t.Where);
      where = this.SUBRULE2(this.expression);
    });
    return this.ACTION(() => ({
      name,
      ...(type === undefined ? {} : { type }),
      ...(initial === undefined ? {} : { default: initial }),
      ...(where === undefined ? {} : { where }),
      doc: this.docAt(name.span.start),
      span: this.spanFrom(name.span.start),
    }));
  });

  // ---------------------------------------------------------------- statements of models and clusters
  readonly modelBody = this.RULE('modelBody', (): readonly ModelStatement[] => {
    const statements: ModelStatement[] = [];
    this.MANY(() => {
      statements.push(this.SUBRULE(this.modelStatement));
    });
    return statements;
  });

  readonly modelStatement = this.RULE(
    'modelStatement',
    (): ModelStatement =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.paramStatement) },
          { ALT: () => this.SUBRULE(this.nodeStatement) },
          { ALT: () => this.SUBRULE(this.linkStatement) },
          { ALT: () => this.SUBRULE(this.clusterStatement) },
          { ALT: () => this.SUBRULE(this.exposeStatement) },
        ],
        ERR_MSG: '`param`, `sense`, `node`, `link`, `cluster` or `expose`',
      }),
  );

  readonly paramStatement = this.RULE('paramStatement', (): ModelStatement => {
    const first = this.CONSUME(t.Param);
    const parameter = this.SUBRULE(this.parameter);
    const start = first.startOffset;
    return this.ACTION(() => ({ ...parameter, kind: 'param', doc: this.docAt(start), span: this.spanFrom(start) }));
  });

  readonly nodeStatement = this.RULE('nodeStatement', (): ModelStatement => {
    const start = this.LA(1).startOffset;
    const role = this.OR([
      {
        ALT: () => {
          this.CONSUME(t.NodeWord);
          return 'node' as const;
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.Sense);
          return 'sense' as const;
        },
      },
    ]);
    const name = this.SUBRULE(this.name);
    let count: Expression | undefined;
    let rate: Expression | undefined;
    let value: Expression | undefined;
    this.OPTION(() => {
      count = this.SUBRULE(this.count);
    });
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.type);
    this.OPTION2(() => {
      this.CONSUME(t.At);
      rate = this.SUBRULE(this.expression);
    });
    this.OPTION3(() => {
      this.CONSUME(t.Equals);
      value = this.SUBRULE2(this.expression);
    });
    return this.ACTION(() => ({
      kind: 'node',
      role,
      name,
      ...(count === undefined ? {} : { count }),
      type,
      ...(rate === undefined ? {} : { rate }),
      ...(value === undefined ? {} : { value }),
      doc: this.docAt(start),
      span: this.spanFrom(start),
    }));
  });

  readonly linkStatement = this.RULE('linkStatement', (): ModelStatement => {
    const first = this.CONSUME(t.LinkWord);
    const path = [this.SUBRULE(this.linkEnd)];
    this.AT_LEAST_ONE(() => {
      this.CONSUME(t.Arrow);
      path.push(this.SUBRULE2(this.linkEnd));
    });
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    let along: Expression | undefined;
    this.OPTION(() => {
      this.CONSUME(t.Along);
      along = this.SUBRULE2(this.expression);
    });
    const start = first.startOffset;
    return this.ACTION(() => ({
      kind: 'link',
      path,
      value,
      ...(along === undefined ? {} : { along }),
      doc: this.docAt(start),
      span: this.spanFrom(start),
    }));
  });

  readonly linkEnd = this.RULE(
    'linkEnd',
    (): Expression =>
      this.OR({
        DEF: [{ ALT: () => this.SUBRULE(this.place) }, { ALT: () => this.SUBRULE(this.placeList) }],
        ERR_MSG: 'the name of a node',
      }),
  );

  readonly placeList = this.RULE('placeList', (): Expression => {
    const items: Expression[] = [];
    const first = this.CONSUME(t.LeftBracket);
    items.push(this.SUBRULE(this.place));
    this.MANY(() => {
      this.CONSUME(t.Comma);
      items.push(this.SUBRULE2(this.place));
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.RightBracket);
    return this.ACTION(() => this.limited({ kind: 'list', items, span: this.spanFrom(first.startOffset) }, items));
  });

  readonly clusterStatement = this.RULE('clusterStatement', (): ModelStatement => {
    const first = this.CONSUME(t.ClusterWord);
    const name = this.SUBRULE(this.name);
    let count: Expression | undefined;
    this.OPTION(() => {
      count = this.SUBRULE(this.count);
    });
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    const start = first.startOffset;
    return this.ACTION(() => ({
      kind: 'cluster',
      name,
      ...(count === undefined ? {} : { count }),
      value,
      doc: this.docAt(start),
      span: this.spanFrom(start),
    }));
  });

  readonly exposeStatement = this.RULE('exposeStatement', (): ModelStatement => {
    const first = this.CONSUME(t.Expose);
    const names = this.SUBRULE(this.names);
    const start = first.startOffset;
    return this.ACTION(() => ({ kind: 'expose', names, doc: this.docAt(start), span: this.spanFrom(start) }));
  });

  readonly count = this.RULE('count', (): Expression => {
    this.CONSUME(t.LeftBracket);
    const value = this.SUBRULE(this.expression);
    this.CONSUME(t.RightBracket);
    return value;
  });

  // ---------------------------------------------------------------- statements of definitions
  readonly definitionBody = this.RULE('definitionBody', (): readonly DefinitionStatement[] => {
    const statements: DefinitionStatement[] = [];
    this.MANY(() => {
      statements.push(this.SUBRULE(this.definitionStatement));
    });
    return statements;
  });

  readonly definitionStatement = this.RULE(
    'definitionStatement',
    (): DefinitionStatement =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.weightStatement) },
          { ALT: () => this.SUBRULE(this.namedStatement) },
          { ALT: () => this.SUBRULE(this.formula) },
          { ALT: () => this.SUBRULE(this.fieldStatement) },
          { ALT: () => this.SUBRULE(this.splitStatement) },
        ],
        ERR_MSG: '`weight`, `state`, `let`, `next`, `predict`, `energy`, `value`, `field` or `split`',
      }),
  );

  readonly weightStatement = this.RULE('weightStatement', (): DefinitionStatement => {
    const first = this.CONSUME(t.Weight);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.type);
    this.CONSUME(t.Equals);
    const init = this.SUBRULE(this.expression);
    const when = this.SUBRULE(this.condition);
    return this.ACTION(() => ({
      kind: 'weight',
      name,
      type,
      init,
      ...(when === undefined ? {} : { when }),
      span: this.spanFrom(first.startOffset),
    }));
  });

  readonly namedStatement = this.RULE('namedStatement', (): DefinitionStatement => {
    const first = this.OR([
      { ALT: () => this.CONSUME(t.State) },
      { ALT: () => this.CONSUME(t.Let) },
      { ALT: () => this.CONSUME(t.Next) },
    ]);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    return this.ACTION((): DefinitionStatement => {
      const span = this.spanFrom(first.startOffset);
      if (first.image === 'state') return { kind: 'state', name, init: value, span };
      return { kind: first.image === 'let' ? 'let' : 'next', name, value, span };
    });
  });

  readonly formula = this.RULE('formula', (): DefinitionStatement => {
    const first = this.OR([
      { ALT: () => this.CONSUME(t.PredictWord) },
      { ALT: () => this.CONSUME(t.Energy) },
      { ALT: () => this.CONSUME(t.ValueWord) },
    ]);
    const value = this.SUBRULE(this.expression);
    const when = this.SUBRULE(this.condition);
    return this.ACTION(() => ({
      kind: first.image === 'predict' ? 'predict' : first.image === 'energy' ? 'energy' : 'value',
      value,
      ...(when === undefined ? {} : { when }),
      span: this.spanFrom(first.startOffset),
    }));
  });

  readonly fieldStatement = this.RULE('fieldStatement', (): DefinitionStatement => {
    const first = this.CONSUME(t.Field);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.type);
    return this.ACTION(() => ({ kind: 'field', name, type, span: this.spanFrom(first.startOffset) }));
  });

  readonly splitStatement = this.RULE('splitStatement', (): DefinitionStatement => {
    const first = this.CONSUME(t.Split);
    const names = this.SUBRULE(this.names);
    return this.ACTION(() => ({ kind: 'split', names, span: this.spanFrom(first.startOffset) }));
  });

  readonly condition = this.RULE('condition', (): Expression | undefined => {
    let when: Expression | undefined;
    this.OPTION(() => {
      this.CONSUME(t.When);
      when = this.SUBRULE(this.expression);
    });
    return when;
  });

  // ---------------------------------------------------------------- statements of train, predict and schedule
  readonly taskBody = this.RULE('taskBody', (): readonly TaskStatement[] => {
    const statements: TaskStatement[] = [];
    this.MANY(() => {
      statements.push(this.SUBRULE(this.taskStatement));
    });
    return statements;
  });

  readonly taskStatement = this.RULE(
    'taskStatement',
    (): TaskStatement =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.clampStatement) },
          { ALT: () => this.SUBRULE(this.readStatement) },
          { ALT: () => this.SUBRULE(this.validateStatement) },
          { ALT: () => this.SUBRULE(this.settingStatement) },
        ],
        ERR_MSG: '`clamp`, `read`, `validate on` or a setting such as `batch = 128`',
      }),
  );

  readonly clampStatement = this.RULE('clampStatement', (): TaskStatement => {
    const first = this.CONSUME(t.Clamp);
    const target = this.SUBRULE(this.place);
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    const when = this.SUBRULE(this.condition);
    const start = first.startOffset;
    return this.ACTION(() => ({
      kind: 'clamp',
      target,
      value,
      ...(when === undefined ? {} : { when }),
      doc: this.docAt(start),
      span: this.spanFrom(start),
    }));
  });

  readonly readStatement = this.RULE('readStatement', (): TaskStatement => {
    const first = this.CONSUME(t.Read);
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    const start = first.startOffset;
    return this.ACTION(() => ({ kind: 'read', name, value, doc: this.docAt(start), span: this.spanFrom(start) }));
  });

  readonly validateStatement = this.RULE('validateStatement', (): TaskStatement => {
    const first = this.CONSUME(t.Validate);
    this.CONSUME(t.On);
    const on = this.SUBRULE(this.expression);
    const start = first.startOffset;
    return this.ACTION(() => ({ kind: 'validate', on, doc: this.docAt(start), span: this.spanFrom(start) }));
  });

  readonly settingStatement = this.RULE('settingStatement', (): TaskStatement => {
    const name = this.SUBRULE(this.name);
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    return this.ACTION(() => {
      const { start } = name.span;
      return { kind: 'setting', name, value, doc: this.docAt(start), span: this.spanFrom(start) };
    });
  });

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
    this.MANY(() => this.addPrefix(parts, this.CONSUME(t.PrefixOperatorToken)));
    parts.push({ kind: 'operand', value: this.SUBRULE(this.operand) });
    this.MANY2(() => {
      const operator = this.CONSUME(t.BinaryOperatorToken);
      this.ACTION(() => parts.push(build.toBinaryPart(operator, this.file)));
      this.MANY3(() => this.addPrefix(parts, this.CONSUME2(t.PrefixOperatorToken)));
      parts.push({ kind: 'operand', value: this.SUBRULE2(this.operand) });
    });
    return this.ACTION(
      () =>
        fold(parts, { chained: this.chained, tooDeep: this.tooDeep }) ?? {
          kind: 'name',
          name: '_',
          span: this.spanFrom(0),
        },
    );
  });
  private addPrefix(parts: Part[], token: IToken): void {
    this.ACTION(() => parts.push(build.toPrefixPart(token)));
  }

  readonly operand = this.RULE('operand', (): Expression => {
    const start = this.LA(1).startOffset;
    let value = this.OR({
      DEF: [
        { ALT: () => this.toNumber(this.CONSUME(t.NumberToken)) },
        { ALT: () => this.toText(this.CONSUME(t.StringToken)) },
        { ALT: () => this.toReference(this.CONSUME(t.Name)) },
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
            return this.toMember(value, this.CONSUME(t.AnyWord), start);
          },
        },
        {
          ALT: () => {
            const items = this.SUBRULE(this.indexItems);
            return this.ACTION(() => this.toIndex(value, items, start));
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

  /** What can be linked or clamped: a name with members and indices. */
  readonly place = this.RULE('place', (): Expression => {
    const start = this.LA(1).startOffset;
    let value = this.toReference(this.CONSUME(t.Name));
    this.MANY(() => {
      value = this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Dot);
            return this.toMember(value, this.CONSUME(t.AnyWord), start);
          },
        },
        {
          ALT: () => {
            const items = this.SUBRULE(this.indexItems);
            return this.ACTION(() => this.toIndex(value, items, start));
          },
        },
      ]);
    });
    return value;
  });

  private toNumber(token: IToken): Expression {
    return this.ACTION(() => build.toNumber(token, this.file));
  }
  private toText(token: IToken): Expression {
    return this.ACTION(() => build.toText(token, this.file));
  }
  private toReference(token: IToken): Expression {
    return this.ACTION(() => ({ kind: 'name', name: token.image, span: build.tokenSpan(token, this.file) }));
  }
  private toMember(of: Expression, name: IToken, start: number): Expression {
    return this.ACTION(() => {
      const member = { kind: 'member', of, name: build.toName(name, this.file), span: this.spanFrom(start) } as const;
      return this.limited(member, [of]);
    });
  }
  private toIndex(of: Expression, items: readonly IndexItem[], start: number): Expression {
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
