import { UserError } from '../support/errors.ts';

/** Of several synchronizers, between two leaders. */
export function noLeader(): UserError {
  return new UserError('mesh/busy', 'no synchronizer leads the mesh at this moment', 'ask again in some seconds');
}
