/** The text of a model that was described: what does not fit together becomes the nearest thing that does. */
import type { Description, FurtherLink, Stage } from './generator.ts';

/** Steepest descent that remembers its last gradient, so that a test can read it. */
const RECORDED = `optimizer recorded(rate: rate = 0.1) {
  state seen = 0
  next seen = gradient
  next weight = weight - rate * gradient
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

/** Rules that equal backpropagation refuse a precision at free nodes. */
function withoutPrecisions({ stages, ...model }: Description): Description {
  if (!/z_il/.test(model.rule.text)) return { ...model, stages };
  return {
    ...model,
    stages: stages.map((s) => ({ ...s, node: s.node.replace(/, precision = \w+|precision = \w+(, )?/, '') })),
  };
}

export function textOf(described: Description): string {
  const model = withoutPrecisions(described);
  const { input, output, stages, sequence } = model;
  const places: Place[] = [
    { into: 'x', out: 'x', ins: 1, outs: 1, width: input, array: false },
    ...stages.map(placeOf),
    { into: 'y', out: 'y', ins: 1, outs: 1, width: output, array: false },
  ];
  const linkInto = (i: number): string => model.stages[i - 1]?.link ?? 'dense()';
  const links = places.slice(1).map((place, i) => {
    const before = places[i] as Place;
    return `  link ${before.out} -> ${place.into} = links.${linkInto(i + 1)}${along(before, place, stages[i]?.along)}`;
  });
  const length = sequence === undefined ? '' : `${sequence}, `;
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
import std/topology

${RECORDED}
${stages.map(clusterOf).join('')}
model m {
  sense x: f32[${input}]
${stages.flatMap(nodesOf).join('\n')}
  node y: f32[${output}] = nodes.${outputOf(model)}
${[...links, ...stages.flatMap(insideOf), ...furtherOf(model, places), ...causeOf(model, places)].join('\n')}
}

train t of m on data.file("m.npz", x = f32[${length}${input}], y = f32[${length}${output}], known = int) {
  clamp x = sample.x
  clamp y = ${clampOf(model)}
  method = ${model.rule.text}
  optimizer = ${model.optimizer}
  batch = ${model.batch}
  epochs = 1
${sequence === undefined ? '' : `  sequence = ${sequence}\n`}}
${scheduleOf(model)}`;
}

/** What the rule or the model leave no room for is ignored where shards are made. */
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
  const [into, out] = form === 'row' ? ['', ''] : ['.low', '.high'];
  return { into: `${name}[*]${into}`, out: `${name}[*]${out}`, ins: count, outs: count, width, array: true };
}

function nodesOf({ form, count, width, node }: Stage, i: number): string[] {
  if (form === 'clusters') return [`  cluster h${i}[${count}] = block${i}()`];
  return [`  node h${i}${form === 'node' ? '' : `[${count}]`}: f32[${width}] = nodes.${node}`];
}

function clusterOf({ form, width, node, link }: Stage, i: number): string {
  if (form !== 'clusters') return '';
  return `
cluster block${i}() {
  node low: f32[${width}] = nodes.${node}
  node high: f32[${width}] = nodes.gaussian(act = tanh)
  link low -> high = links.${link}
  expose low, high
}
`;
}

/** Of a chain: each element predicts the next. */
function insideOf({ form, count, link }: Stage, i: number): string[] {
  if (form !== 'chain') return [];
  const [sources, targets] = count === 2 ? ['[0]', '[1]'] : [`[0..${count - 2}]`, `[1..${count - 1}]`];
  const pairs = count === 2 ? '' : ' along topology.one_to_one()';
  return [`  link h${i}${sources} -> h${i}${targets} = links.${link}${pairs}`];
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
    const delay = backwards && !model.rule.settles ? Math.max(1, link.delay) : link.delay;
    const kind = kindOf(link, source, target, from === to);
    const call = delay === 0 ? kind : kind.replace(/\)$/, `${kind.endsWith('()') ? '' : ', '}delay = ${delay})`);
    return `  link ${source.out} -> ${target.into} = links.${call}${along(source, target)}`;
  });
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

/** Only a clamped node may have an energy that is linear in its values; elements of it cannot be held apart. */
function outputOf({ outputNode: { node } }: Description): string {
  return node;
}

function clampOf({ outputNode: { node, clamp }, output }: Description): string {
  const whole = /^(bernoulli|cross_entropy)/.test(node);
  if (whole) return node.startsWith('bernoulli') ? 'sigmoid(sample.y)' : 'softmax(sample.y)';
  if (clamp === 'known samples') return 'sample.y when sample.known > 0';
  return clamp === 'first elements' ? `sample.y when range(${output}) < ${Math.ceil(output / 2)}` : 'sample.y';
}
