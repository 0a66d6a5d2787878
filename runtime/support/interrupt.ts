/** Ctrl-C: the first asks a command to stop where nothing is lost, the second ends it at once. */

const FORCED_EXIT = 130;

/** @returns takes the handler off again */
export function onInterrupt(handler: () => void): () => void {
  let asked = false;
  const listen = (): void => {
    if (asked) process.exit(FORCED_EXIT);
    asked = true;
    handler();
  };
  process.on('SIGINT', listen);
  process.on('SIGTERM', listen);
  return () => {
    process.off('SIGINT', listen);
    process.off('SIGTERM', listen);
  };
}
