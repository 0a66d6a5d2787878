/**
 * The grammar (Chevrotain, LL(3)), building the syntax tree as it goes. Line breaks mean nothing here; it stops at the
 * first mistake, and `recover.ts` finds the rest. `spec/language.md` has the same rules in EBNF.
 */
import type { IToken } from 'chevrotain';
import type { Declaration, Expression, Import, Parameter } from './ast.ts';
import * as build from './build-ast.ts';
import { StatementParser } from './grammar-statements.ts';
import * as t from './tokens.ts';

/** A file as the grammar sees it. */
export interface FileParts {
  readonly version?: IToken;
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
}

export class PcnParser extends StatementParser {
  constructor(checked = false) {
    super(checked);
    this.performSelfAnalysis();
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
}
