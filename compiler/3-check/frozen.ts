/** `frozen = [h1, stage[0]]` of a train block: the weights that this training leaves as they begin. */
import { weightName } from '../../spec/names.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import type { LinkInstance, ModelInstance, TrainTask } from './checked.ts';
import { type Given, nodeNames, type Reader } from './settings.ts';
import { isKind } from './term.ts';

/** The nodes of each of the places. */
export const placesToFreeze: Reader<readonly (readonly string[])[]> = {
  wants: 'a list of nodes and clusters',
  read: (term) => {
    if (!isKind(term, 'list')) return undefined;
    const found = term.items.map((item) => nodeNames({ kind: 'list', items: [item] }));
    return found.some((names) => names === undefined) ? undefined : (found as string[][]);
  },
};

/**
 * Of nodes: the links into them, and their own weights. A place without weights, a weight that is shared with a link that
 * goes on learning, and a model that has nothing left to learn are reported.
 */
export function frozenBy(
  given: Given<readonly (readonly string[])[]> | undefined,
  { links, nodes }: ModelInstance,
  reporter: Reporter,
): Pick<TrainTask, 'frozen'> {
  if (given === undefined) return {};
  const weighted = new Set([
    ...links.flatMap((l) => (l.weights.length > 0 ? [l.target] : [])),
    ...nodes.flatMap((n) => (n.weights.length > 0 ? [n.name] : [])),
  ]);
  const bare = given.value.find((place) => !place.some((name) => weighted.has(name)));
  if (bare) {
    const where = bare.length === 1 ? `\`${bare[0]}\`` : `${bare.length} nodes from \`${bare[0]}\` on`;
    reporter.report('setting/type', given.span, `no link into ${where} has weights, so there is nothing to freeze`, {
      repair: 'name the nodes that links with weights lead to',
    });
    return {};
  }
  const frozen = new Set(given.value.flat());
  const torn = tornBy(frozen, links);
  if (torn)
    reporter.report(
      'setting/type',
      given.span,
      `\`${torn.weight}\` is shared with \`${torn.link}\`, whose target is not frozen`,
      { repair: 'name the targets of all links with that `tie`, or of none' },
    );
  const learning =
    links.some((l) => l.weights.length > 0 && l.learn !== 0 && !frozen.has(l.target)) ||
    nodes.some((n) => n.weights.length > 0 && n.learn !== 0 && !frozen.has(n.name));
  if (!learning)
    reporter.report('setting/type', given.span, 'with these frozen, the model has nothing left to learn', {
      repair: 'leave a node out whose links are to learn',
    });
  return { frozen: [...frozen] };
}

function tornBy(frozen: ReadonlySet<string>, links: readonly LinkInstance[]) {
  const still = new Set(
    links.flatMap((l) => (frozen.has(l.target) ? l.weights.flatMap((w) => (w.shared ? [w.shared] : [])) : [])),
  );
  for (const link of links)
    for (const { name, shared = weightName(link.name, name) } of link.weights)
      if (!frozen.has(link.target) && still.has(shared)) return { weight: shared, link: link.name };
  return undefined;
}
