/** The text of a first model for data: a network with one hidden layer, and what its parts are for, as comments. */
import { format } from '../../../compiler/1-syntax/format.ts';
import { checkFile } from '../../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';
import type { Field } from '../../data/dataset.ts';
import { sizeOf } from '../../data/dataset.ts';
import type { Description, Target } from '../../data/describe-file.ts';
import { UserError } from '../../support/errors.ts';

/** The name of the file in diagnostics. */
const FILE = 'new.pcn';
/** Units of the hidden layer: for a few numbers, and for pictures. */
const HIDDEN = { few: 32, many: 128 } as const;
const MANY_INPUTS = 100;
/** Batches that a first training should have. */
const UPDATES = 2000;
const MAX_EPOCHS = 100;
/** Of the samples, those that are trained on. */
const SHARE = 0.8;

/**
 * Returns a model that checks without a word, in the canonical form.
 * @param model its name
 * @param path of the data as the model's file names it
 * @throws UserError `new/name` where a column is called as the language does not let a node be called
 */
export function newModel(model: string, path: string, description: Description): string {
  const text = modelText(model, path, description);
  const { value } = format(text, FILE);
  const { diagnostics } = checkFile(overlayHost({ [FILE]: value ?? text }, fileHost()), FILE);
  const [mistake] = diagnostics;
  if (value !== undefined && !mistake) return value;
  throw new UserError(
    'new/name',
    `no model can be written with these columns: ${mistake?.reason ?? 'a name is not one of the language'}`,
    'rename the column',
  );
}

function modelText(model: string, path: string, { samples, inputs, target, leftOut }: Description): string {
  const names = uniqueNames(inputs);
  const data = dataOf(path, inputs, target);
  const size = inputs.reduce((sum, field) => sum + sizeOf(field), 0);
  const batch = Math.max(1, Math.min(64, Math.floor((samples * SHARE) / 8)));
  const epochs = Math.max(3, Math.min(MAX_EPOCHS, Math.round((UPDATES * batch) / (samples * SHARE))));
  const classes = target.kind === 'class' ? target.classes : 1;
  const answer = target.kind === 'class' ? 'nodes.categorical()' : 'nodes.gaussian()';
  const said = target.kind === 'class' ? classText(target.classes, target.names) : 'a number';
  const ends = inputs.map((_, i) => names.nodes[i]);
  const sources = ends.length === 1 ? ends[0] : `[${ends.join(', ')}]`;
  const given = (sample: string): string[] =>
    inputs.map(({ name }, i) => `  clamp ${names.nodes[i]} = standardize(${sample}.${name})`);
  const clamped =
    target.kind === 'class' ? `one_hot(sample.${target.field}, ${classes})` : `standardize(sample.${target.field})`;
  const read =
    target.kind === 'class' ? `argmax(${names.answer})` : `unstandardize(${names.answer}, input.${target.field})`;
  const measured = `${names.predict}.${target.field}, ${data}.test.${target.field}`;
  return `pcn 1

// A first model for ${path}: ${samples} samples; ${target.field} is ${said}.
${leftOut.map(({ name, reason }) => `// The column ${commented(name)} is left out: ${reason}.\n`).join('')}
import std/nodes
import std/links
import std/learn
import std/data

model ${model} {
  // What is known of a sample.
${inputs.map((field, i) => `  sense ${names.nodes[i]}: f32[${sizeOf(field)}]`).join('\n')}

  // What the network makes of it: more units learn more, and take longer.
  node ${names.hidden}: f32[${size < MANY_INPUTS ? HIDDEN.few : HIDDEN.many}] = nodes.gaussian()

  // What it should say: ${target.kind === 'class' ? 'how likely each class is' : `${target.field}, in standard deviations from its mean`}.
  node ${names.answer}: f32[${classes}] = ${answer}

  // \`a -> b\` reads "a predicts b".
  link ${sources} -> ${names.hidden} = links.dense(after = tanh)
  link ${names.hidden} -> ${names.answer} = links.dense()
}

// Trained on eight samples in ten, drawn by the seed.
train fit of ${model} on ${data}.train {
${given('sample').join('\n')}
  clamp ${names.answer} = ${clamped}

  method = learn.il(steps = 8, rate = 0.05)
  optimizer = learn.adamw(rate = 1e-3)
  batch = ${batch}
  epochs = ${epochs}
}

predict ${names.predict} of ${model} {
${given('input').join('\n')}
  read ${target.field} = ${read}
}

// Measured on the other two in ten, which training never sees.
${
  target.kind === 'class'
    ? `// Guessing would be right in 1 of ${classes}.\ncheck accuracy(${measured}) >= ${rounded(Math.min(0.9, 2 / classes))}`
    : `// The mean squared error; always saying the mean has about ${rounded(target.variance)}.\ncheck error(${measured}) <= ${rounded(target.variance / 2)}`
}
`;
}

function dataOf(path: string, inputs: readonly Field[], { field, kind }: Target): string {
  const fields = inputs.map(({ name, type, shape }) => `${name} = ${typeText(type, shape)}`);
  return `data.file(${JSON.stringify(path)}, ${[...fields, `${field} = ${kind === 'class' ? 'int' : 'float'}`].join(', ')}).split(${SHARE}, seed = 1)`;
}

function typeText(type: Field['type'], shape: readonly number[]): string {
  const element = type === 'u8' ? 'u8' : 'f32';
  if (shape.length === 0) return type === 'u8' ? 'u8' : 'float';
  return `${element}[${shape.join(', ')}]`;
}

function classText(count: number, names: readonly string[] | undefined): string {
  if (!names) return `one of ${count} classes, numbered from 0`;
  const shown = names.slice(0, 10).map(commented).join(', ');
  return `one of ${count} classes: ${shown}${names.length > 10 ? ', …' : ''}`;
}

/** A text from a file, within a comment of one line. */
function commented(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 60);
}

/** Three digits that say enough for a bound. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Names of nodes that no field takes. */
function uniqueNames(inputs: readonly Field[]) {
  const taken = new Set(inputs.map(({ name }) => name));
  const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name);
  return {
    nodes: inputs.map(({ name }) => name),
    hidden: free('hidden'),
    answer: free('answer'),
    predict: 'answer_of',
  };
}
