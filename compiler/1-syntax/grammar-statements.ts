/** The grammar of statements: in models and clusters, in definitions, in tasks. */
import type { TokenType } from 'chevrotain';
import type {
  DefinitionStatement,
  Expression,
  ModelStatement,
  Parameter,
  TaskStatement,
  TypeExpression,
} from './ast.ts';
import { ExpressionParser } from './grammar-expressions.ts';
import * as t from './tokens.ts';

export class StatementParser extends ExpressionParser {
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
          { ALT: () => this.SUBRULE(this.startStatement) },
          { ALT: () => this.SUBRULE(this.readStatement) },
          { ALT: () => this.SUBRULE(this.validateStatement) },
          { ALT: () => this.SUBRULE(this.settingStatement) },
        ],
        ERR_MSG: '`clamp`, `start`, `read`, `validate on` or a setting such as `batch = 128`',
      }),
  );

  readonly clampStatement = this.RULE('clampStatement', (): TaskStatement => this.placed('clamp', t.Clamp));

  readonly startStatement = this.RULE('startStatement', (): TaskStatement => this.placed('start', t.Start));

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

  /** `clamp` and `start` read alike: a node, a value and, where it is said, a condition. */
  placed(kind: 'clamp' | 'start', keyword: TokenType): TaskStatement {
    const first = this.CONSUME(keyword);
    const target = this.SUBRULE(this.place);
    this.CONSUME(t.Equals);
    const value = this.SUBRULE(this.expression);
    const when = this.SUBRULE(this.condition);
    const start = first.startOffset;
    return this.ACTION(() => ({
      kind,
      target,
      value,
      ...(when === undefined ? {} : { when }),
      doc: this.docAt(start),
      span: this.spanFrom(start),
    }));
  }
}
