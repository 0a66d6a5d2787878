/** Records of a key of a mesh, as they are kept and told. */
import { oneOf, optional, text, time } from '../support/shape.ts';

export const KEY_FIELDS = {
  role: oneOf('operator', 'trainer', 'viewer'),
  added: optional(time),
  by: optional(text),
  invite: optional(text),
  expires: optional(time),
  revoked: optional(time),
};
