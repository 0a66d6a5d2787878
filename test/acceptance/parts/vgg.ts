/** VGG5 on CIFAR-10 by rule: what predictive coding loses to backpropagation of the same graph. */
import { type CifarModel, measureCifar } from '../cifar-rules.ts';
import { type Part, percentText } from '../row.ts';

const [BP, LOSS] = [0.6, 0.015];

const VGG: CifarModel<'bp' | 'il' | 'pc_alm' | 'nudged'> = {
  name: 'vgg',
  model: 'dsl-examples/vgg.pcn',
  what: 'VGG5 of a quarter of the channels on 10,000 images of CIFAR-10, whole test part',
  rules: ['bp', 'il', 'pc_alm', 'nudged'],
  rows: [
    { name: 'vgg', target: `bp >= ${percentText(BP)}`, holds: (of) => of('bp') >= BP },
    {
      name: 'vgg-pc',
      target: `il or pc_alm at most ${(100 * LOSS).toFixed(1)} points below bp`,
      holds: (of) => Math.max(of('il'), of('pc_alm')) >= of('bp') - LOSS,
    },
  ],
};

export const vggPart: Part = {
  name: 'vgg',
  what: VGG.what,
  takes: 'an hour; kept and resumed',
  run: (context) => measureCifar(VGG, context),
};
