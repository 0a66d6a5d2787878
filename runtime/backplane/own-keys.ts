/** Keys of entries that say how a mesh is kept, which is not what it is. */

/** Before the name of a stream: how far the mesh has meant to forget it. */
export const FORGOTTEN = 'forgotten/';

/** The mesh is on its way here, or away. */
export const MOVE_KEY = 'move';
