/** Checks that a task holds enough fixed to have something to learn, and a minimum to settle in. */
import type { Reporter } from '../../diagnostics/reporter.ts';
import type { ClampInstance, ModelInstance, NodeInstance, TrainTask } from '../checked.ts';

/** Linear energies have no minimum in z: such nodes are clamped in training, always. */
export function checkFreeEnergies(task: TrainTask, reporter: Reporter): void {
  const clamped = new Map(task.clamps.map((clamp) => [clamp.node, clamp]));
  for (const node of task.model.nodes) {
    if (!node.clampedOnly) continue;
    const clamp = clamped.get(node.name);
    if (clamp === undefined)
      reporter.report(
        'energy/free',
        node.span,
        `\`${task.name}\` does not clamp \`${node.name}\`, and the ${node.energyKind} energy of a free node has no minimum`,
        {
          repair: `clamp it in \`${task.name}\`, or take \`nodes.categorical()\` or \`nodes.gaussian()\``,
          labels: [{ span: task.span, text: 'this task' }],
        },
      );
  }
}

/** A sense without data in a task is a free node, which is rarely intended. */
export function checkSenses(
  task: { readonly name: string; readonly span: TrainTask['span']; readonly clamps: readonly ClampInstance[] },
  model: ModelInstance,
  reporter: Reporter,
): void {
  const clamped = new Set(task.clamps.map((clamp) => clamp.node));
  const idle = model.nodes.filter((node) => node.role === 'sense' && !clamped.has(node.name));
  const [first] = idle;
  if (first === undefined) return;
  const rest = idle.length === 1 ? '' : ` and ${idle.length - 1} more`;
  reporter.report(
    'sense/unclamped',
    task.span,
    `\`${task.name}\` gives no data to the sense \`${first.name}\`${rest}`,
    {
      repair: `\`clamp ${first.name} = …\`, or make it a \`node\``,
      labels: [{ span: first.span, text: 'declared here' }],
    },
  );
}

/** A node that no link touches takes no part. */
export function checkAlone(model: ModelInstance, reporter: Reporter): void {
  const joined = new Set<string>();
  for (const link of model.links) joined.add(link.source).add(link.target);
  for (const node of model.nodes)
    if (!joined.has(node.name)) reporter.report('node/alone', node.span, `no link begins or ends at \`${node.name}\``);
}

/** A delay carries values from step to step; samples that are not sequences have one step. */
export function checkDelays(task: TrainTask, reporter: Reporter): void {
  const delayed = task.model.links.find((link) => link.delay > 0);
  if (delayed === undefined || (task.sequence ?? 1) > 1) return;
  reporter.report(
    'delay/idle',
    delayed.span,
    `each sample of ${task.data.source} is one step, so nothing passes through the delay`,
    {
      repair: '`sequence = …`, the number of steps of a sample; or leave the delay out',
      labels: [{ span: task.span, text: 'trained here' }],
    },
  );
}

/** Rules that rest on a forward sweep in which every free node equals its one prediction. */
const FROM_PREDICTIONS: ReadonlySet<string> = new Set(['bp', 'z_il', 'fa_z_il', 'fixed_prediction']);

export function checkApart(task: TrainTask, reporter: Reporter): void {
  const rule = task.method.definition.name.text;
  const link = task.model.links.find((l) => l.apart);
  const isBound = rule === 'pc_alm';
  if (link === undefined || (!isBound && !FROM_PREDICTIONS.has(rule))) return;
  const reason = `with \`${rule}\` every free node ${isBound ? 'is to end at' : 'equals'} its one prediction, and \`${link.name}\` is apart from the others`;
  reporter.report('apart/rule', link.span, reason, {
    repair: 'leave `apart` out, or take a rule that settles: `learn.il(…)`',
    labels: [{ span: task.method.span, text: 'the rule' }],
  });
}

/** A rule that moves weights one after the other would move a shared one more than once. */
export function checkTies(task: TrainTask, reporter: Reporter): void {
  const rule = task.method.definition.name.text;
  const link = task.model.links.find((l) => l.tie !== undefined);
  if (link === undefined || !EQUAL_TO_BACKPROPAGATION.has(rule)) return;
  const reason = `\`${rule}\` moves the weights of one link after those of another, and \`${link.name}\` shares its own`;
  reporter.report('link/tie', link.span, reason, {
    repair: '`learn.fixed_prediction()` or `learn.bp()`, which move all of them at once, by the same steps',
    labels: [{ span: task.method.span, text: 'the rule' }],
  });
}

export function checkStarts(task: TrainTask, reporter: Reporter): void {
  const rule = task.method.definition.name.text;
  const [first] = task.starts ?? [];
  if (first === undefined || !FROM_PREDICTIONS.has(rule)) return;
  const reason = `with \`${rule}\` every free node begins at its prediction, so \`${first.node}\` cannot begin elsewhere`;
  reporter.report('start/rule', first.span, reason, {
    repair: 'leave it out, or take a rule that settles: `learn.il(…)`',
    labels: [{ span: task.method.span, text: 'the rule' }],
  });
}

/** Rules whose weight steps are backpropagation's where errors of free nodes weigh 1. */
const EQUAL_TO_BACKPROPAGATION: ReadonlySet<string> = new Set(['z_il', 'fa_z_il']);

/** A precision would multiply the step of every weight before the node once more than backpropagation does. */
export function checkPrecisions(task: TrainTask, reporter: Reporter): void {
  const rule = task.method.definition.name.text;
  const isFixed = rule === 'fixed_prediction';
  if (!isFixed && !EQUAL_TO_BACKPROPAGATION.has(rule)) return;
  const clamped = new Set(task.clamps.map((clamp) => clamp.node));
  const predicted = new Set(task.model.links.map((link) => link.target));
  const weighs = (n: NodeInstance): boolean => (isFixed ? !n.value && n.weights.length > 0 : n.weighted === true);
  const node = task.model.nodes.find((n) => weighs(n) && !clamped.has(n.name) && predicted.has(n.name));
  if (node === undefined) return;
  const reason = isFixed
    ? `with \`${rule}\` free nodes have no energy, so \`${node.name}\` has none to learn`
    : `\`${rule}\` steps as backpropagation does only where errors of free nodes weigh 1`;
  reporter.report('precision/rule', node.span, reason, {
    repair: 'leave its `precision` out, or take a rule that settles: `learn.il(…)`',
    labels: [{ span: task.method.span, text: 'the rule' }],
  });
}
