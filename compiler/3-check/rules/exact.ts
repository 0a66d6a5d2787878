/** What exact nodes need: one prediction, which does not come back to them through exact nodes alone. */
import type { Reporter } from '../../diagnostics/reporter.ts';
import type { LinkInstance, ModelInstance, NodeInstance } from '../checked.ts';
import { findCycle, showCycle } from './cycles.ts';

/** Refuses models in which the values of an exact node cannot be worked out. */
export function checkExact(model: ModelInstance, texts: ReadonlyMap<string, string>, reporter: Reporter): void {
  const exact = new Map(model.nodes.flatMap((n) => (n.value ? [[n.name, n] as const] : [])));
  if (exact.size === 0) return;
  const into = new Map<string, LinkInstance>();
  for (const link of model.links) if (!into.has(link.target) || link.apart) into.set(link.target, link);
  for (const node of exact.values()) {
    const problem = valueProblem(node, into.get(node.name));
    if (problem) reporter.report('exact/value', node.span, problem.reason, { repair: problem.repair });
  }
  const cycle = findCycle({ ...model, links: model.links.filter((l) => exact.has(l.source) && exact.has(l.target)) });
  const [first] = cycle ?? [];
  if (cycle && first)
    reporter.report('exact/cycle', first.span, `${showCycle(cycle, texts)}: each of them waits for the others`, {
      repair: 'give one of them an energy, as `nodes.gaussian()`, or a delay to one of the links',
    });
}

/** @param link into the node, one that is apart where there is any */
function valueProblem(
  { name, role }: NodeInstance,
  link: LinkInstance | undefined,
): { readonly reason: string; readonly repair: string } | undefined {
  if (role === 'sense')
    return { reason: `\`${name}\` is a sense, whose values are the data's`, repair: `\`sense ${name}: …\` alone` };
  if (!link)
    return { reason: `no link predicts \`${name}\``, repair: `a link into \`${name}\`, or a node with an energy` };
  if (link.apart)
    return {
      reason: `\`${link.name}\` is apart, and the values of \`${name}\` can equal but one prediction`,
      repair: 'leave `apart` out, or take a node with an energy',
    };
  return undefined;
}
