/**
 * The tensor program: what a device runs. Operations on named values (single assignment), in blocks that may repeat.
 * It is the contract between the compiler, which makes it, and the runtime, which runs it; `program-text.ts` prints
 * and parses it.
 *
 * All operations of one tick read the values from before the tick: a block's body sees its carries as they were at the
 * start of the iteration, and all of them change together at its end (Jacobi; semantics.md, equation 5).
 */
/** The states that a state stands for: its members, or itself. */
export function memberStates(state) {
    const { members, ...plain } = state;
    if (!members)
        return [plain];
    return members.map(({ id, init }) => ({ id, shape: state.shape.slice(1), role: state.role, init }));
}
/** Number of elements. */
export function sizeOf(shape) {
    let product = 1;
    for (const n of shape)
        product *= n;
    return product;
}
