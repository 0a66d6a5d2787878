/** Costs of a machine as they are read from outside: numbers by name, of which some have to be there. */
import { COSTS, type Costs, OPTIONAL_COSTS } from '../../spec/costs.ts';
import { dictionary, number, type Shape } from '../support/shape.ts';

const withAll = (required: readonly (keyof Costs)[]): Shape<Costs> => ({
  schema: () => ({ ...dictionary(number).schema(), required }),
});

/** As a trainer of any version reports them. */
export const ANY_COSTS = withAll(COSTS);

/** As this version measures them: a record of an earlier one is made anew. */
export const ALL_COSTS = withAll([...COSTS, ...OPTIONAL_COSTS]);
