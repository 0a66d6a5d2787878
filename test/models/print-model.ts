/** The text of a model that was described: what does not fit together becomes the nearest thing that does. */
import type { Description, FurtherLink, Stage } from './generator.ts';

/** What the library has nothing like: steepest descent that remembers its last gradient, so that a test can read it; … */
const DEFINITIONS = `optimizer recorded(rate: rate = 0.1) {
  state seen = 0
  next seen = gradient
  next weight = weight - rate * gradient
}

optimizer clipped(rate: rate = 0.1) {
  state seen = 0
  let norm = sqrt(sum_over_weights(gradient ^ 2 + 0.01 * weight ^ 2))
  next seen = gradient * min(1, 0.5 / (norm + 0.1))
  next weight = weight - rate * seen
}

optimizer by_norm(rate: rate = 0.1) {
  state mass = 0
  next mass = 0.5 * mass + sum(gradient ^ 2)
  next weight = weight - rate * (gradient / sqrt(mass + 0.1) + 0.1 * mean(weight))
}

node firmer(act: function = identity, start: init = zeros) {
  energy 0.5 * (1 + tick / 4) * (z - mu) ^ 2
}

node nearer(act: function = identity, start: init = zeros) {
  energy 0.5 * (1 + 0.25 * distance) * (z - mu) ^ 2
}

node spiking(act: function = identity, start: init = zeros) {
  energy 0.5 * select(tick == distance, 1, 0.5) * (z - mu) ^ 2
}

node langevin(act: function = identity, start: init = zeros) {
  energy 0.5 * (z - mu) ^ 2 + noise(0.1) * z
}

node scaling(act: function = identity) {
  weight gain: f32[shape(z)] = ones
  value gain * mu
}

link drifting(after: function = identity) {
  weight w: f32[size(target), size(source)] = uniform_fan_in
  predict after((1 + 0.1 * tick) * reshape(matmul(w, flatten(source)), shape(target)) + noise(0.1))
}`;

/** A place that links lead to, or from. */
interface Place {
  readonly into: string;
  readonly out: string;
  /** Elements of an array at either end; 1 elsewhere. */
  readonly ins: number;
  readonly outs: number;
  readonly width: number;
  readonly array: boolean;
}

/** Replaces what the rule refuses by something simpler. */
function fitting({ stages, further, optimizer, begin, ...model }: Description): Description {
  const { rule } = model;
  const isBound = /pc_alm/.test(rule.text);
  if (rule.settles)
    return { ...model, stages, further: further.map((f) => (isBound ? { ...f, apart: false } : f)), optimizer, begin };
  const equalsBp = /z_il/.test(rule.text);
  const isFixed = /fixed/.test(rule.text);
  const node = (text: string): string => {
    const timeless = text.replace(
      isFixed ? /firmer|spiking|nearer|langevin|correlated/ : /firmer|spiking|nearer|langevin/,
      'gaussian',
    );
    // Rules that equal backpropagation refuse a precision at free nodes, or one that is learned.
    return equalsBp || isFixed ? timeless.replace(/, precision = \w+|precision = \w+(, )?/, '') : timeless;
  };
  const link = (text: string): string => text.replace('drifting', 'dense');
  return {
    ...model,
    outputNode: {
      ...model.outputNode,
      node: model.outputNode.node.replace(/firmer|spiking|nearer|langevin/, 'gaussian'),
    },
    stages: stages.map((s) => ({ ...s, node: node(s.node), link: link(s.link), tied: s.tied && !equalsBp })),
    further: further.map((f) => ({ ...f, kind: link(f.kind), apart: false })),
    optimizer: equalsBp ? optimizer.replace('clipped', 'recorded') : optimizer,
  };
}

export function textOf(described: Description): string {
  const model = fitting(described);
  const { input, output, stages, sequence } = model;
  const places: Place[] = [
    { into: 'x', out: 'x', ins: 1, outs: 1, width: input, array: false },
    ...stages.map(placeOf),
    { into: 'y', out: 'y', ins: 1, outs: 1, width: output, array: false },
  ];
  const linkInto = (i: number): string => model.stages[i - 1]?.link ?? 'dense()';
  const links = places.slice(1).map((place, i) => {
    const before = places[i] as Place;
    return `  link ${before.out} -> ${place.into} = ${own('links', linkInto(i + 1))}${along(before, place, topologyInto(stages[i]))}`;
  });
  const length = sequence === undefined ? '' : `${sequence}, `;
  const begins = beginningOf(model, places);
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
import std/topology

${DEFINITIONS}
${stages.map((stage, i) => clusterOf(stage, i, model.values === 'clusters', model.rule.settles)).join('')}
model m {
  sense x: f32[${input}]
${stages.flatMap(nodesOf).join('\n')}
  node y: f32[${output}] = ${own('nodes', model.outputNode.node)}
${[...links, ...stages.flatMap(insideOf), ...furtherOf(model, places), ...causeOf(model, places)].join('\n')}
}

train t of m on data.file("m.npz", x = f32[${length}${input}], y = f32[${length}${output}], known = int${begins ? `, guess = f32[${length}${begins.width}]` : ''}) {
  clamp x = sample.x
  clamp y = ${clampOf(model)}
${begins ? `  start ${begins.text}\n` : ''}  method = ${model.rule.text}
  optimizer = ${model.optimizer}
  batch = ${model.batch}
  epochs = 1
${model.values === 'all' ? '' : `  values = ${model.values}\n`}${model.keepLast && model.batch > 1 ? '  last = keep\n' : ''}${sequence === undefined ? '' : `  sequence = ${sequence}\n`}}
${scheduleOf(model)}`;
}

function beginningOf(
  { begin, stages, sequence, outputNode }: Description,
  places: readonly Place[],
): { readonly text: string; readonly width: number } | undefined {
  // What is clamped in every sample begins there.
  const last = outputNode.clamp === 'always' || /^(bernoulli|cross_entropy)/.test(outputNode.node) ? 0 : 1;
  if (!begin || stages.length + last === 0) return undefined;
  const at = begin.at % (stages.length + last);
  if (isExact(stages[at])) return undefined;
  const { into, width } = places[1 + at] as Place;
  const value = begin.value === 'a number' ? '0.3' : 'sample.guess';
  const when = {
    always: '',
    'known samples': ' when sample.known > 0',
    'first elements': ` when range(${width}) < ${Math.ceil(width / 2)}`,
    'first steps': sequence === undefined ? '' : ' when step == 0',
  }[begin.when];
  return { text: `${into} = ${value}${when}`, width };
}

/** A schedule; settings for which the rule or the model leave no room are ignored where shards are made. */
function scheduleOf({ batch, microbatches, ahead }: Description): string {
  if (microbatches === 1 || batch === 1) return '';
  return `
schedule s of m {
  mode = pipelined
  microbatches = ${microbatches}
  ahead = ${ahead ? 1 : 0}
}
`;
}

function placeOf({ form, count, width }: Stage, i: number): Place {
  const name = `h${i}`;
  if (form === 'node') return { into: name, out: name, ins: 1, outs: 1, width, array: false };
  if (form === 'chain')
    return { into: `${name}[0]`, out: `${name}[${count - 1}]`, ins: 1, outs: 1, width, array: false };
  if (form === 'nested')
    return { into: `${name}[*].low[*]`, out: `${name}[*].high`, ins: 2 * count, outs: count, width, array: true };
  const [into, out] = form === 'row' ? ['', ''] : ['.low', '.high'];
  return { into: `${name}[*]${into}`, out: `${name}[*]${out}`, ins: count, outs: count, width, array: true };
}

function nodesOf({ form, count, width, node }: Stage, i: number): string[] {
  if (form === 'clusters' || form === 'nested') return [`  cluster h${i}[${count}] = block${i}()`];
  return [`  node h${i}${form === 'node' ? '' : `[${count}]`}: f32[${width}] = ${own('nodes', node)}`];
}

/** @param hides a node between its ends, which it does not expose; @param weighs with a precision that is learned */
function clusterOf({ form, width, node, link }: Stage, i: number, hides: boolean, weighs: boolean): string {
  if (form !== 'clusters' && form !== 'nested') return '';
  const [size, all] = form === 'nested' ? ['[2]', '[*]'] : ['', ''];
  return `
cluster block${i}() {
  node low${size}: f32[${width}] = ${own('nodes', node)}
  node high: f32[${width}] = nodes.gaussian(act = tanh)
${
  hides
    ? `  node middle: f32[${width}] = nodes.gaussian(act = tanh${weighs ? ', precision = learned' : ''})
  link low${all} -> middle = ${own('links', link)}
  link middle -> high = links.dense()`
    : `  link low${all} -> high = ${own('links', link)}`
}
  expose low, high
}
`;
}

function isExact(stage: Stage | undefined): boolean {
  return /^(exact|scaling|\w*normalized)/.test(stage?.node ?? '');
}

/** A definition of the library, or of the model's own file. */
function own(library: string, call: string): string {
  return /^(firmer|nearer|spiking|langevin|scaling|drifting)/.test(call) ? call : `${library}.${call}`;
}

/** Of a chain: each element predicts the next. */
function insideOf({ form, count, link, tied }: Stage, i: number): string[] {
  if (form !== 'chain') return [];
  // Thinned links have connections of their own.
  const call = tied && count > 2 && !link.startsWith('sparse') ? withOption(link, `tie = "h${i}"`) : link;
  if (count === 2) return [`  link h${i}[0] -> h${i}[last] = ${own('links', call)}`];
  return [`  link h${i}[*] -> h${i}[*] = ${own('links', call)} along topology.chain()`];
}

/** Chance may leave elements of an array without a prediction, which exact nodes need. */
function topologyInto(stage: Stage | undefined): string | undefined {
  return isExact(stage) && stage?.along.startsWith('random') ? 'all()' : stage?.along;
}

/** Between arrays a topology says which pairs are joined. */
function along(from: Place, to: Place, wanted = 'all()'): string {
  if (!from.array || !to.array) return '';
  const even = from.outs === to.ins && from.into !== to.into;
  if (wanted.startsWith('ring') && from.outs < 3) return ' along topology.all()';
  return ` along topology.${even || !/one_to_one|ring/.test(wanted) ? wanted : 'all()'}`;
}

function furtherOf(model: Description, places: readonly Place[]): string[] {
  return model.further.map((link) => {
    const [from, to] = [link.from % places.length, 1 + (link.to % (places.length - 1))];
    const [source, target] = [places[from], places[to]] as [Place, Place];
    const backwards = from >= to;
    // What a node is exactly cannot wait for itself, nor be two predictions.
    const [exactSource, exactTarget] = [isExact(model.stages[from - 1]), isExact(model.stages[to - 1])];
    const waits = backwards && (!model.rule.settles || (exactSource && exactTarget));
    const delay = waits ? Math.max(1, link.delay) : link.delay;
    const kind = kindOf(link, source, target, from === to);
    const options = [
      ...(delay === 0 ? [] : [`delay = ${delay}`]),
      ...(link.apart && !exactTarget ? ['apart = true'] : []),
      ...(link.learn === 'true' ? [] : [`learn = ${link.learn}`]),
      ...(link.learn === '0.5' && model.optimizer.includes('adamw') ? ['decay = 3'] : []),
    ].join(', ');
    return `  link ${source.out} -> ${target.into} = ${own('links', withOption(kind, options))}${along(source, target)}`;
  });
}

function withOption(call: string, option: string): string {
  return option === '' ? call : call.replace(/\)$/, `${call.endsWith('()') ? '' : ', '}${option})`);
}

/** Links of equal shapes only between such, and a lateral one only from a node to itself. */
function kindOf({ kind }: FurtherLink, source: Place, target: Place, own: boolean): string {
  if (kind.startsWith('lateral')) return own && !source.array && source.into === source.out ? kind : 'dense()';
  if (/^(one_to_one|identity)/.test(kind) && source.width !== target.width) return 'dense()';
  return kind;
}

function causeOf({ cause }: Description, places: readonly Place[]): string[] {
  if (!cause) return [];
  const into = places[1 + (cause.into % (places.length - 1))] as Place;
  return [`  node cause: f32[${cause.width}] = nodes.${cause.node}`, `  link cause -> ${into.into} = links.dense()`];
}

function clampOf({ outputNode: { node, clamp }, output }: Description): string {
  const whole = /^(bernoulli|cross_entropy)/.test(node);
  if (whole) return node.startsWith('bernoulli') ? 'sigmoid(sample.y)' : 'softmax(sample.y)';
  if (clamp === 'known samples') return 'sample.y when sample.known > 0';
  return clamp === 'first elements' ? `sample.y when range(${output}) < ${Math.ceil(output / 2)}` : 'sample.y';
}
