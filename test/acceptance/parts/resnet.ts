/** ResNet-18 on CIFAR-10 by rule, with values at its blocks. */
import { type CifarModel, measureCifar } from '../cifar-rules.ts';
import { type Part, percentText } from '../row.ts';

const [BP, LOSS] = [0.6, 0.02];
/** Sums are taken in another order, and 6,300 steps amplify that. */
const EQUAL = 0.005;

const RESNET: CifarModel<'bp' | 'fixed_prediction' | 'il'> = {
  name: 'resnet',
  model: 'dsl-examples/resnet.pcn',
  what: 'ResNet-18 of a quarter of the channels on 10,000 images of CIFAR-10, whole test part',
  rules: ['bp', 'fixed_prediction', 'il'],
  settings: ['--set', 'depth=2'],
  rows: [
    { name: 'resnet', target: `bp >= ${percentText(BP)}`, holds: (of) => of('bp') >= BP },
    {
      name: 'resnet-fixed',
      target: `fixed_prediction as bp, within ${100 * EQUAL} points`,
      holds: (of) => Math.abs(of('fixed_prediction') - of('bp')) <= EQUAL,
    },
    {
      name: 'resnet-pc',
      target: `il at most ${(100 * LOSS).toFixed(0)} points below bp`,
      holds: (of) => of('il') >= of('bp') - LOSS,
    },
  ],
};

export const resnetPart: Part = {
  name: 'resnet',
  what: RESNET.what,
  takes: '75 minutes; kept and resumed',
  run: (context) => measureCifar(RESNET, context),
};
