/** The last step: for each kernel of a function, a dispatch of its module over the regions where its tensors lie. */
import type { Dispatch, KernelFunction } from '../../../spec/kernels.ts';
import type { Chosen } from './forms.ts';
import { regionsOf } from './lay-out.ts';

export function dispatchKernels(form: Chosen): KernelFunction {
  const { f, flat, layout, blocks, around, modules, runs } = form;
  const dispatches = runs.flatMap(({ kernels, places }) =>
    kernels.map((kernel): Dispatch => {
      const { groups, constants, steps, serves, flops } = kernel;
      const regions = regionsOf(form, kernel).map((r) => r.name);
      return { module: modules.add(kernel, places), groups, constants, regions, steps, serves, flops };
    }),
  );
  return {
    name: f.name,
    batch: f.batch,
    bound: around.bound,
    inputs: f.inputs.map(({ id, field, type, shape }) => ({ field, type, shape, region: id })),
    regions: [...layout.own, ...blocks.regions],
    scalars: blocks.list,
    dispatches,
    copies: layout.copies,
    results: flat.results.map(({ name, value }) => ({ name, region: layout.of.get(value)?.name ?? value })),
  };
}
