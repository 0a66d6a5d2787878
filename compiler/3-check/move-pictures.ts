/** Pictures that are moved and mirrored by chance, so that a model sees other ones in every epoch. */

import { isPictureShape } from '../../spec/picture-moves.ts';
import type { Call } from '../1-syntax/ast.ts';
import type { Shape } from '../operators/expr.ts';
import { matched } from './data-arguments.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { type DataTerm, describe, POISON, type Term } from './term.ts';

const FORM = '`.moved(4, flip = true)`';

/** `data.cifar10.train.moved(4, flip = true)`: by up to four places along both axes, and half of them mirrored. */
export function movePictures(of: DataTerm, call: Call, environment: Environment, evaluate: Evaluate): Term {
  const wrong = (message: string, repair = FORM): Term => {
    environment.session.reporter.report('call/arguments', call.span, message, { repair });
    return POISON;
  };
  const named = matched(call, ['by', 'flip'], environment, evaluate);
  if (named === 'poison') return POISON;
  if (named === undefined) return wrong('`moved` takes the most places that a picture is moved by, and `flip`');
  const [by, flip] = [named.get('by') ?? 0, named.get('flip') ?? false];
  if (typeof by !== 'number' || !Number.isSafeInteger(by) || by < 0)
    return wrong(`pictures are moved by a whole number of places from 0, not ${describe(by)}`);
  if (typeof flip !== 'boolean') return wrong(`\`flip\` is \`true\` or \`false\`, not ${describe(flip)}`);
  if (!of.splitChosen || of.field !== undefined || of.dividing !== undefined)
    return wrong(
      'pictures are moved last, behind what says which samples they are',
      `\`data.cifar10.train.moved(${by})\``,
    );
  if (of.reference.steps !== undefined) return wrong(OF_STEPS, 'leave `.moved` or `.sequences` out');
  const pictures = of.reference.fields.filter((f) => isPictureShape(f.shape));
  if (pictures.length === 0)
    return wrong(
      `${of.reference.source} has no field of [height, width] or [height, width, channels]`,
      'leave `.moved` out',
    );
  const small = pictures.find(({ shape }) => by >= Math.min(...shape.slice(0, 2)));
  if (small !== undefined)
    return wrong(`moved by ${by} places, nothing may be left of \`${small.name}\`, [${small.shape.join(', ')}]`);
  const apart = pictures.find(({ shape }) => haveColoursFirst(shape));
  if (apart !== undefined)
    return wrong(
      `\`${apart.name}\` is [${apart.shape.join(', ')}], whose first axis looks like that of its channels: a picture is [height, width, channels]`,
      'transpose the data, so that the channels come last',
    );
  return { ...of, reference: { ...of.reference, moved: { by, flip } } };
}

/** What is said where the first axis is that of steps. */
export const OF_STEPS = 'pictures in a sequence cannot be moved: their first axis counts steps';

/** Channels of grey pictures, of colours, and of colours with transparency. */
const CHANNELS: ReadonlySet<number | undefined> = new Set([1, 3, 4]);

function haveColoursFirst([first, , last]: Shape): boolean {
  return CHANNELS.has(first) && last !== undefined && !CHANNELS.has(last);
}
