/** Facts that a page knows of the machine: stands for Node's `os` in the page's bundle. */

/** A page may not know; the GPU says for itself what it has no room for. */
export function totalmem(): number {
  return Number.POSITIVE_INFINITY;
}
