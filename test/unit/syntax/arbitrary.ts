/** Random syntax trees that a text can say. */
import fc from 'fast-check';
import type {
  Argument,
  BinaryOperator,
  Declaration,
  Definition,
  DefinitionStatement,
  Expression,
  Import,
  IndexItem,
  ModelStatement,
  Name,
  Parameter,
  SourceFile,
  TaskStatement,
  TypeExpression,
} from '../../../compiler/1-syntax/ast.ts';
import { UNITS } from '../../../compiler/1-syntax/units.ts';

const span = { file: 'x.pcn', start: 0, end: 0 };
const KEYWORDS =
  'pcn import model param sense node link cluster expose train predict schedule check clamp read validate of on at along optimizer rate method topology data function weight state let next energy value field split'.split(
    ' ',
  );
const RESERVED = new Set(['and', 'or', 'not', 'when', 'where']);

const word = fc
  .oneof(
    { weight: 4, arbitrary: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/) },
    { weight: 1, arbitrary: fc.constantFrom(...KEYWORDS) },
  )
  .filter((text) => !RESERVED.has(text));
const name: fc.Arbitrary<Name> = word.map((text) => ({ text, span }));
const afterDot: fc.Arbitrary<Name> = fc.oneof(word, fc.constantFrom(...RESERVED)).map((text) => ({ text, span }));
const doc = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.stringMatching(/^( {0,2}[a-z.`>]{1,5}){1,3}$|^$/), { minLength: 1, maxLength: 3 })
      .map((lines) => lines.join('\n'))
      .filter((text) => text !== ''),
  },
);

const BINARY: readonly BinaryOperator[] = ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', 'and', 'or'];

const number: fc.Arbitrary<Expression> = fc
  .record({
    value: fc
      .oneof(
        fc.nat(),
        fc.double({ min: 0, max: 1e300, noNaN: true, noDefaultInfinity: true }).filter((v) => v === 0 || v > 1e-300),
      )
      .filter((v) => !Object.is(v, -0)),
    unit: fc.option(fc.constantFrom(...UNITS.keys()), { nil: undefined, freq: 4 }),
  })
  .map(({ value, unit }) => ({ kind: 'number', value, ...(unit === undefined ? {} : { unit }), span }));

const reference: fc.Arbitrary<Expression> = word.map((text) => ({ kind: 'name', name: text, span }));

const { expression, place } = fc.letrec<{
  expression: Expression;
  place: Expression;
  item: IndexItem;
  argument: Argument;
}>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    reference,
    number,
    fc
      .string({ maxLength: 12 })
      .filter((text) => /^[\x20-\x7e\n\t\u00a1-\u04ff]*$/.test(text))
      .map((value): Expression => ({ kind: 'string', value, span })),
    fc
      .record({ of: tie('expression'), name: afterDot })
      .map(({ of, name: member }): Expression => ({ kind: 'member', of, name: member, span })),
    fc
      .record({ of: tie('expression'), items: fc.array(tie('item'), { minLength: 1, maxLength: 3 }) })
      .map(({ of, items }): Expression => ({ kind: 'index', of, items, span })),
    fc
      .record({ callee: tie('expression'), passed: fc.array(tie('argument'), { maxLength: 4 }) })
      .map(({ callee, passed }): Expression => ({ kind: 'call', callee, arguments: passed, span })),
    fc
      .record({ operator: fc.constantFrom('-' as const, 'not' as const), operand: tie('expression') })
      .map((one): Expression => ({ kind: 'unary', ...one, span })),
    fc
      .record({ operator: fc.constantFrom(...BINARY), left: tie('expression'), right: tie('expression') })
      .map((one): Expression => ({ kind: 'binary', ...one, span })),
    fc.array(tie('expression'), { maxLength: 4 }).map((items): Expression => ({ kind: 'list', items, span })),
  ),
  place: fc.oneof(
    { maxDepth: 3 },
    reference,
    fc
      .record({ of: tie('place'), name: afterDot })
      .map(({ of, name: member }): Expression => ({ kind: 'member', of, name: member, span })),
    fc
      .record({ of: tie('place'), items: fc.array(tie('item'), { minLength: 1, maxLength: 2 }) })
      .map(({ of, items }): Expression => ({ kind: 'index', of, items, span })),
  ),
  item: fc.oneof(
    fc.constant<IndexItem>({ kind: 'all', span }),
    tie('expression').map((value): IndexItem => ({ kind: 'at', value, span })),
    fc
      .record({ from: tie('expression'), to: tie('expression') })
      .map((one): IndexItem => ({ kind: 'range', ...one, span })),
  ),
  argument: fc.record({ name: fc.option(name, { nil: undefined }), value: tie('expression') }).map(
    (one): Argument => ({
      ...(one.name === undefined ? {} : { name: one.name }),
      value: one.value,
      span,
    }),
  ),
}));

const type: fc.Arbitrary<TypeExpression> = fc.record({
  element: name,
  sizes: fc.array(expression, { maxLength: 3 }),
  span: fc.constant(span),
});
const optional = fc.option(expression, { nil: undefined });

/** Leaves out what is undefined, as the parser does. */
function compact<T extends object>(one: T): T {
  return JSON.parse(JSON.stringify(one)) as T;
}

const parameter: fc.Arbitrary<Parameter> = fc
  .record({
    name,
    type: fc.option(type, { nil: undefined }),
    default: optional,
    where: optional,
    doc,
    span: fc.constant(span),
  })
  .map((one) => compact(one) as Parameter);

const modelStatement: fc.Arbitrary<ModelStatement> = fc.oneof(
  parameter.map((one): ModelStatement => ({ ...one, kind: 'param' })),
  fc
    .record({
      kind: fc.constant('node' as const),
      role: fc.constantFrom('node' as const, 'sense' as const),
      name,
      count: optional,
      type,
      rate: optional,
      value: optional,
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as ModelStatement),
  fc
    .record({
      kind: fc.constant('link' as const),
      path: fc.array(
        fc.oneof(
          place,
          fc.array(place, { minLength: 1, maxLength: 3 }).map((items): Expression => ({ kind: 'list', items, span })),
        ),
        { minLength: 2, maxLength: 3 },
      ),
      value: expression,
      along: optional,
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as ModelStatement),
  fc
    .record({
      kind: fc.constant('cluster' as const),
      name,
      count: optional,
      value: expression,
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as ModelStatement),
  fc.record({
    kind: fc.constant('expose' as const),
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
    doc,
    span: fc.constant(span),
  }),
);

const taskStatement: fc.Arbitrary<TaskStatement> = fc.oneof(
  fc
    .record({
      kind: fc.constant('clamp' as const),
      target: place,
      value: expression,
      when: optional,
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as TaskStatement),
  fc.record({ kind: fc.constant('read' as const), name, value: expression, doc, span: fc.constant(span) }),
  fc.record({ kind: fc.constant('validate' as const), on: expression, doc, span: fc.constant(span) }),
  fc.record({ kind: fc.constant('setting' as const), name, value: expression, doc, span: fc.constant(span) }),
);

const rule: fc.Arbitrary<DefinitionStatement> = fc.oneof(
  fc
    .record({
      kind: fc.constant('weight' as const),
      name,
      type,
      init: expression,
      when: optional,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as DefinitionStatement),
  fc.record({ kind: fc.constant('state' as const), name, init: expression, span: fc.constant(span) }),
  fc.record({
    kind: fc.constantFrom('let' as const, 'next' as const),
    name,
    value: expression,
    span: fc.constant(span),
  }),
  fc
    .record({
      kind: fc.constantFrom('predict' as const, 'energy' as const, 'value' as const),
      value: expression,
      when: optional,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as DefinitionStatement),
  fc.record({ kind: fc.constant('field' as const), name, type, span: fc.constant(span) }),
  fc.record({
    kind: fc.constant('split' as const),
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
    span: fc.constant(span),
  }),
);

const modelBody = fc.array(modelStatement, { maxLength: 5 });
const taskBody = fc.array(taskStatement, { maxLength: 5 });
const WHAT = ['node', 'link', 'optimizer', 'rate', 'method', 'topology', 'data', 'function'] as const;

const declaration: fc.Arbitrary<Declaration> = fc.oneof(
  fc.record({ kind: fc.constant('model' as const), name, body: modelBody, doc, span: fc.constant(span) }),
  fc
    .record({
      kind: fc.constantFrom('train' as const, 'predict' as const),
      name,
      model: name,
      on: optional,
      body: taskBody,
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as Declaration),
  fc.record({
    kind: fc.constant('schedule' as const),
    name,
    model: name,
    body: taskBody,
    doc,
    span: fc.constant(span),
  }),
  fc.record({ kind: fc.constant('check' as const), condition: expression, doc, span: fc.constant(span) }),
  fc.record({
    kind: fc.constant('definition' as const),
    what: fc.constant('cluster' as const),
    name,
    parameters: fc.array(parameter, { maxLength: 3 }),
    body: modelBody,
    doc,
    span: fc.constant(span),
  }),
  fc
    .record({
      kind: fc.constant('definition' as const),
      what: fc.constantFrom(...WHAT),
      name,
      parameters: fc.array(parameter, { maxLength: 3 }),
      body: fc.constant([]),
      rules: fc.option(fc.array(rule, { maxLength: 4 }), { nil: undefined }),
      doc,
      span: fc.constant(span),
    })
    .map((one) => compact(one) as Definition),
);

const importLine: fc.Arbitrary<Import> = fc
  .record({
    prefix: fc.constantFrom('', './', '../', '../../'),
    parts: fc.array(afterDot, { minLength: 1, maxLength: 3 }),
  })
  .map(({ prefix, parts }) => ({
    path: prefix + parts.map((part) => part.text).join('/'),
    name: parts.at(-1) ?? { text: '', span },
    span,
  }));

export const sourceFile: fc.Arbitrary<SourceFile> = fc.record({
  file: fc.constant('x.pcn'),
  version: fc.constant(1),
  imports: fc.array(importLine, { maxLength: 2 }),
  declarations: fc.array(declaration, { maxLength: 4 }),
  comments: fc.constant([]),
  span: fc.constant(span),
});
