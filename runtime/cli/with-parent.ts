/**
 * Processes that `nmc up` has started: its words come on standard input, and when that ends it is gone, and they go
 * too. Ctrl-C in a terminal reaches the whole group; these leave it to the one who started them.
 */

/** Whether this process was started by `nmc up`. */
export function hasParent(): boolean {
  return process.env.NMC_PARENT === '1';
}

/** @param onStop the parent has said `stop` */
export function heedParent(onStop: () => void): void {
  process.on('SIGINT', () => undefined);
  let heard = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (words: string) => {
    heard = (heard + words).slice(-100);
    if (heard.includes('stop\n')) onStop();
  });
  process.stdin.on('end', () => process.exit(70));
  process.stdin.on('error', () => process.exit(70));
}
