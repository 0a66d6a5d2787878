/** A model being put together: nodes and links in the order in which they come, within limits. */
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import type { LinkInstance, NodeInstance } from './checked.ts';

export const MAX_NODES = 1_000_000;
export const MAX_LINKS = 4_000_000;

export class Assembly {
  readonly nodes: NodeInstance[] = [];
  readonly links: LinkInstance[] = [];
  readonly #reporter: Reporter;
  readonly #pairs = new Map<string, number>();
  #reservedNodes = 0;
  #reservedLinks = 0;

  /** A limit has been passed and reported: what comes further is left out. */
  get full(): boolean {
    return this.#reservedNodes > MAX_NODES || this.#reservedLinks > MAX_LINKS;
  }

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  /** Whether there is room for `count` more nodes; reports when there is not. */
  reserveNodes(count: number, span: Span): boolean {
    this.#reservedNodes += count;
    if (this.#reservedNodes <= MAX_NODES) return true;
    this.#reporter.report(
      'model/large',
      span,
      `with these the model has ${this.#reservedNodes} nodes; at most ${MAX_NODES} are possible`,
    );
    return false;
  }

  reserveLinks(count: number, span: Span): boolean {
    this.#reservedLinks += count;
    if (this.#reservedLinks <= MAX_LINKS) return true;
    this.#reporter.report('model/large', span, `with these the model has more than ${MAX_LINKS} links`, {
      repair: 'choose fewer pairs with `along`',
    });
    return false;
  }

  /** Names the link `a->b`, `a->b#2` when the same two nodes are joined again. */
  addLink(link: Omit<LinkInstance, 'name'>): void {
    const pair = `${link.source}->${link.target}`;
    const count = (this.#pairs.get(pair) ?? 0) + 1;
    this.#pairs.set(pair, count);
    this.links.push({ name: count === 1 ? pair : `${pair}#${count}`, ...link });
  }
}
