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
  /** How many links join two nodes, by the names of the source and the target. */
  readonly #joined = new Map<string, Map<string, number>>();
  /** Times that pairs of nodes were drawn by the names that they have: what holds such draws is not copied. */
  draws = 0;

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  /** Whether there is room for `count` more nodes; reports when there is not. */
  hasRoomForNodes(count: number, span: Span): boolean {
    const total = this.nodes.length + count;
    if (total <= MAX_NODES) return true;
    this.#reporter.report('model/large', span, `the model has ${total} nodes with these; the most are ${MAX_NODES}`);
    return false;
  }

  hasRoomForLinks(count: number, span: Span): boolean {
    if (this.links.length + count <= MAX_LINKS) return true;
    this.#reporter.report('model/large', span, `with these the model has more than ${MAX_LINKS} links`, {
      repair: 'choose fewer pairs with `along`',
    });
    return false;
  }

  /** Names the link `a->b`, `a->b#2` when the same two nodes are joined again. */
  addLink(link: Omit<LinkInstance, 'name'>): void {
    const { source, target } = link;
    const targets = this.#joined.get(source) ?? new Map<string, number>();
    this.#joined.set(source, targets);
    const count = (targets.get(target) ?? 0) + 1;
    targets.set(target, count);
    const pair = `${source}->${target}`;
    this.links.push({ name: count === 1 ? pair : `${pair}#${count}`, ...link });
  }
}
