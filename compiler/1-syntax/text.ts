/**
 * The syntax tree as canonical text: what `nmc fmt` writes and `nmc show --stage ast` shows. One rule for every
 * construct, no options.
 */
import type { Span } from '../diagnostics/diagnostic.ts';
import type {
  Declaration,
  Definition,
  DefinitionStatement,
  Expression,
  ModelStatement,
  Parameter,
  SourceFile,
  TaskStatement,
} from './ast.ts';
import { type Layout, plainLayout } from './layout.ts';
import { type Row, renderRows, WIDTH } from './rows.ts';
import { Terms } from './terms.ts';

const INDENT = '  ';

/** Text that `parse` reads back to the same tree, but for spans and comments that are not docs. */
export function printSourceFile(ast: SourceFile): string {
  return print(ast, plainLayout());
}

/** The tree in canonical form, with comments, blank lines and the spelling of numbers from `layout`. */
export function print(ast: SourceFile, layout: Layout): string {
  const printer = new Printer(layout);
  const sections = [...printer.header(ast), ...printer.declarations(ast.declarations)];
  const rest = layout.closing(Number.POSITIVE_INFINITY).filter((line, index) => line !== '' || index > 0);
  if (rest.length > 0) sections.push(rest.join('\n'));
  return `${sections.join('\n\n')}\n`;
}

type Cell = Row['cells'][number];
interface Line {
  readonly kind: string;
  readonly cells: readonly Cell[];
}

class Printer {
  readonly #layout: Layout;
  readonly #terms: Terms;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#terms = new Terms(layout);
  }

  // ---------------------------------------------------------------- the top of a file
  header(ast: SourceFile): string[] {
    const layout = this.#layout;
    const end = layout.headerEnd;
    const version = [...layout.lead(-1, ''), behind(`pcn ${ast.version ?? 1}`, layout.trailing(end))].join('\n');
    if (ast.imports.length === 0) return [version];
    const rows = ast.imports.map((one) => ({ span: one.span, doc: '', line: line('import', `import ${one.path}`) }));
    return [version, this.#rows(rows, '')];
  }

  /** A blank line between two declarations; those of one line may stand together. */
  declarations(declarations: readonly Declaration[]): string[] {
    const sections: string[] = [];
    let previousIsLine = false;
    for (const one of declarations) {
      const lead = this.#layout.lead(one.span.start, one.doc);
      const text = this.#declaration(one);
      const isLine = !text.includes('\n');
      const section = [...lead, text].join('\n');
      if (previousIsLine && isLine && !this.#needsBlank(one, lead))
        sections.push(`${sections.pop() ?? ''}\n${section}`);
      else sections.push(section);
      previousIsLine = isLine;
    }
    return sections;
  }

  #needsBlank(one: Declaration, lead: readonly string[]): boolean {
    return lead.length > 0 || this.#layout.blankBefore(one.span.start);
  }

  #declaration(one: Declaration): string {
    if (one.kind === 'check') {
      const prefix = 'check ';
      return behind(prefix + this.#terms.at(one.condition, '', prefix.length), this.#layout.trailing(one.span.end));
    }
    if (one.kind === 'definition') return this.#definition(one);
    if (one.kind === 'model') return this.#block(`model ${one.name.text}`, one, this.#model(one.body));
    const head = `${one.kind} ${one.name.text} of ${one.model.text}`;
    if (one.kind === 'schedule' || one.on === undefined) return this.#block(head, one, this.#task(one.body));
    return this.#block(this.#flow(`${head} on `, one.on, '', 2), one, this.#task(one.body));
  }

  #definition(one: Definition): string {
    const bare = one.what !== 'cluster' && one.rules === undefined;
    const head = `${one.what} ${one.name.text}`;
    const hasBrackets = one.parameters.length > 0 || one.what !== 'data';
    const whole = head + (hasBrackets ? this.#parameters(one, head.length, bare ? 0 : 2) : '');
    if (bare) return behind(whole, this.#layout.trailing(one.span.end));
    return this.#block(whole, one, one.what === 'cluster' ? this.#model(one.body) : this.#rules(one.rules ?? []));
  }

  #parameters(one: Definition, column: number, reserve: number): string {
    const gaps = this.#layout.gaps(one);
    const flat = `(${one.parameters.map((parameter) => this.#parameter(parameter, '', 0)).join(', ')})`;
    if (gaps === undefined && !flat.includes('\n') && column + flat.length + reserve <= WIDTH) return flat;
    const items = one.parameters.map((parameter) => ({
      print: (indent: string, start: number) => this.#parameter(parameter, indent, start),
    }));
    return this.#terms.broken('(', items, ')', '', gaps);
  }

  #parameter(one: Parameter, indent: string, column: number): string {
    const type = one.type === undefined ? '' : `: ${this.#terms.type(one.type)}`;
    const where = one.where === undefined ? '' : ` where ${this.#terms.flat(one.where)}`;
    const before = one.name.text + type;
    if (one.default === undefined) return before + where;
    const start = column + before.length + 3;
    return `${before} = ${this.#terms.at(one.default, indent, start, where.length + 1)}${where}`;
  }

  // ---------------------------------------------------------------- blocks
  #block(head: string, one: Declaration, rows: readonly Statement[]): string {
    const layout = this.#layout;
    const opening = layout.opening(one.span.start);
    const closing = layout.closing(one.span.end).map((text) => (text === '' ? '' : INDENT + text));
    const end = behind('}', layout.trailing(one.span.end));
    if (rows.length === 0 && closing.length === 0 && opening === '') return `${head} {${end}`;
    const body = rows.length === 0 ? [] : [this.#rows(rows, INDENT)];
    return [behind(`${head} {`, opening), ...body, ...closing, end].join('\n');
  }

  #rows(statements: readonly Statement[], indent: string): string {
    const rows = statements.map(
      (one, index): Row => ({
        ...one.line,
        lead: this.#layout.lead(one.span.start, one.doc).map((text) => (text === '' ? '' : indent + text)),
        blank: index > 0 && this.#layout.blankBefore(one.span.start),
        comment: this.#layout.trailing(one.span.end),
      }),
    );
    return renderRows(rows, indent);
  }

  #model(body: readonly ModelStatement[]): Statement[] {
    return body.map((one) => ({ span: one.span, doc: one.doc, line: this.#modelLine(one) }));
  }
  #task(body: readonly TaskStatement[]): Statement[] {
    return body.map((one) => ({ span: one.span, doc: one.doc, line: this.#taskLine(one) }));
  }
  #rules(body: readonly DefinitionStatement[]): Statement[] {
    return body.map((one) => ({ span: one.span, doc: '', line: line(one.kind, this.#rule(one)) }));
  }

  #modelLine(one: ModelStatement): Line {
    const terms = this.#terms;
    switch (one.kind) {
      case 'param':
        return { kind: 'param', cells: [(column) => `param ${this.#parameter(one, INDENT, column + 6)}`] };
      case 'expose':
        return line('expose', `expose ${one.names.map((name) => name.text).join(', ')}`);
      case 'link': {
        const along = one.along === undefined ? '' : ` along ${terms.flat(one.along)}`;
        const path = one.path.map((end) => terms.flat(end)).join(' -> ');
        return { kind: 'link', cells: [fixed(`link ${path}`), this.#assigned('= ', one.value, along)] };
      }
      case 'cluster':
        return {
          kind: 'cluster',
          cells: [fixed(`cluster ${one.name.text}${this.#count(one.count)}`), this.#assigned('= ', one.value, '')],
        };
      case 'node': {
        const rate = one.rate === undefined ? '' : `at ${terms.flat(one.rate)}`;
        const cells = [
          fixed(one.role),
          fixed(`${one.name.text}${this.#count(one.count)}:`),
          fixed(terms.type(one.type)),
        ];
        if (one.value !== undefined) cells.push(this.#assigned(rate === '' ? '= ' : `${rate} = `, one.value, ''));
        else if (rate !== '') cells.push(fixed(rate));
        return { kind: 'node', cells };
      }
    }
  }

  #taskLine(one: TaskStatement): Line {
    if (one.kind === 'validate') return line('validate', this.#flow('validate on ', one.on, INDENT, 0));
    const held = one.kind === 'clamp' || one.kind === 'start' ? one : undefined;
    const when = held?.when === undefined ? '' : ` when ${this.#terms.flat(held.when)}`;
    const left =
      one.kind === 'clamp' || one.kind === 'start'
        ? `${one.kind} ${this.#terms.flat(one.target)}`
        : one.kind === 'read'
          ? `read ${one.name.text}`
          : one.name.text;
    return { kind: one.kind, cells: [fixed(left), this.#assigned('= ', one.value, when)] };
  }

  #rule(one: DefinitionStatement): string {
    switch (one.kind) {
      case 'split':
        return `split ${one.names.map((name) => name.text).join(', ')}`;
      case 'field':
        return `field ${one.name.text}: ${this.#terms.type(one.type)}`;
      case 'state':
        return this.#flow(`state ${one.name.text} = `, one.init, INDENT, 0);
      case 'let':
      case 'next':
        return this.#flow(`${one.kind} ${one.name.text} = `, one.value, INDENT, 0);
      case 'weight': {
        const when = this.#when(one.when);
        return (
          this.#flow(`weight ${one.name.text}: ${this.#terms.type(one.type)} = `, one.init, INDENT, when.length) + when
        );
      }
      default: {
        const when = this.#when(one.when);
        return this.#flow(`${one.kind} `, one.value, INDENT, when.length) + when;
      }
    }
  }

  // ---------------------------------------------------------------- pieces
  #count(count: Expression | undefined): string {
    return count === undefined ? '' : `[${this.#terms.flat(count)}]`;
  }
  #when(condition: Expression | undefined): string {
    return condition === undefined ? '' : ` when ${this.#terms.flat(condition)}`;
  }
  /** `prefix` and a value on a line that begins with `indent`. */
  #flow(prefix: string, value: Expression, indent: string, reserve: number): string {
    return prefix + this.#terms.at(value, indent, indent.length + prefix.length, reserve);
  }
  /** A last cell: `= value` and what follows it. */
  #assigned(prefix: string, value: Expression, suffix: string): Cell {
    return (column) => `${prefix}${this.#terms.at(value, INDENT, column + prefix.length, suffix.length)}${suffix}`;
  }
}

interface Statement {
  readonly span: Span;
  readonly doc: string;
  readonly line: Line;
}

function fixed(text: string): Cell {
  return () => text;
}
function line(kind: string, text: string): Line {
  return { kind, cells: [fixed(text)] };
}
function behind(text: string, comment: string): string {
  return comment === '' ? text : `${text}  ${comment}`;
}
