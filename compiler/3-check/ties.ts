/** Weights that several links share: those of equal names in links with the same `tie`. */

import { append } from '../../spec/append.ts';
import { weightName } from '../../spec/names.ts';
import { sameShape } from '../../spec/program.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import type { LinkInstance, WeightInstance } from './checked.ts';
import { showType } from './link-part.ts';

/** The links, whose weights say which one they are. A shared weight begins as the first link has it. */
export function withTies(links: readonly LinkInstance[], reporter: Reporter): readonly LinkInstance[] {
  const groups = new Map<string, LinkInstance[]>();
  for (const link of links) if (link.tie !== undefined) append(groups, link.tie, link);
  if (groups.size === 0) return links;
  const changed = new Map<LinkInstance, LinkInstance>();
  for (const [tie, group] of groups) for (const link of sharing(tie, group, reporter)) changed.set(link.of, link.tied);
  return links.map((link) => changed.get(link) ?? link);
}

function sharing(
  tie: string,
  group: readonly LinkInstance[],
  reporter: Reporter,
): { readonly of: LinkInstance; readonly tied: LinkInstance }[] {
  const first = new Map<string, { readonly link: LinkInstance; readonly weight: WeightInstance }>();
  const shared = new Set<string>();
  for (const link of group) {
    for (const weight of link.weights) {
      const known = first.get(weight.name);
      if (!known) first.set(weight.name, { link, weight });
      else if (fits(known.weight, known.link, weight, link, tie, reporter)) shared.add(weight.name);
    }
  }
  const [one] = group;
  if (shared.size === 0 && one) {
    const reason =
      group.length === 1
        ? `no other link of the model has \`tie = "${tie}"\``
        : `no weight of these links has the name of one of the others: ${[...first.keys()].join(', ')}`;
    reporter.report('link/tie', one.span, reason);
  }
  return group.map((link) => ({
    of: link,
    tied: {
      ...link,
      weights: link.weights.map((weight) => {
        const of = first.get(weight.name)?.link;
        return of && shared.has(weight.name) ? { ...weight, shared: weightName(of.name, weight.name) } : weight;
      }),
    },
  }));
}

function fits(
  one: WeightInstance,
  owner: LinkInstance,
  other: WeightInstance,
  link: LinkInstance,
  tie: string,
  reporter: Reporter,
): boolean {
  const thinned = [owner, link].find((each) => each.sparsity?.weight === one.name);
  const unlike = (['learn', 'decay'] as const).find((name) => (owner[name] ?? 1) !== (link[name] ?? 1));
  if (sameShape(one.shape, other.shape) && unlike === undefined && !thinned) return true;
  const reason = thinned
    ? `\`${one.name}\` has only some of its connections here, which no other link can share`
    : unlike !== undefined
      ? `\`${one.name}\` ${unlike === 'learn' ? 'learns at another rate' : 'decays in another measure'} in \`${owner.name}\`, with the same \`tie = "${tie}"\``
      : `\`${one.name}\` is ${showType(other.shape)} here, and ${showType(one.shape)} in \`${owner.name}\`, with the same \`tie = "${tie}"\``;
  reporter.report('link/tie', (thinned ?? link).span, reason);
  return false;
}
