/** Which folder of `runtime/` may import which others: each stands on those that are listed, and on none above it. */

/** From the lowest to the highest. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  support: [],
  store: ['support'],
  identity: ['support'],
  device: ['support'],
  training: ['device'],
  data: ['support', 'training'],
  http: ['support'],
  wire: ['support', 'identity', 'training'],
  audit: ['training', 'wire'],
  // What makes a trainer suspicious, which draws audits.
  validation: ['training', 'wire', 'audit'],
  backplane: ['support', 'wire'],
  // One stream of a backplane, whichever that is.
  ledger: ['support', 'identity', 'training', 'wire', 'backplane', 'audit'],
  // Frames that stay in a process lose what they would lose on a border.
  shard: ['support', 'store', 'device', 'data', 'training', 'wire'],
  plan: ['support', 'device', 'shard'],
  roles: ['wire', 'training', 'audit', 'validation'],
  // What runs the roles: the ports it is given make it real or not.
  driver: ['training', 'wire', 'shard', 'roles'],
  simulation: ['support', 'training', 'wire', 'shard', 'roles', 'driver', 'audit'],
  serve: ['support', 'device', 'data', 'http', 'shard', 'training', 'driver'],
  net: [
    ...['support', 'store', 'identity', 'device', 'data', 'http', 'wire', 'backplane', 'shard', 'training', 'plan'],
    ...['roles', 'driver', 'audit', 'ledger', 'validation'],
  ],
  browser: ['support', 'device', 'data', 'shard', 'training', 'plan'],
  // All commands: they put the rest together.
  cli: [
    ...['support', 'store', 'identity', 'device', 'data', 'http', 'wire', 'backplane', 'shard', 'training', 'plan'],
    ...['roles', 'driver', 'simulation', 'serve', 'net', 'browser', 'audit', 'ledger'],
  ],
};

const folderOf = (file: string): string | undefined => /^runtime\/([^/]+)\//.exec(file)?.[1];

/** Why a file of `runtime/` may not import another one; nothing where it may. */
export function layerProblem(from: string, to: string): string | undefined {
  const [own, other] = [folderOf(from), folderOf(to)];
  if (own === undefined || other === undefined || own === other) return undefined;
  const below = LAYERS[own];
  if (!below) return `runtime/${own}/ is in no layer`;
  return below.includes(other) ? undefined : `runtime/${own}/ does not stand on runtime/${other}/`;
}

/** Folders whose code gives the same for the same input: what they are told is all that they know. */
export const PURE: readonly string[] = ['training', 'roles', 'wire', 'audit', 'validation'];

/** Modules of Node that such code may use: they compute. */
export const PURE_MODULES: readonly string[] = ['node:buffer', 'node:crypto', 'node:util'];

/** Of `node:crypto`: what draws a number, or lets somebody else draw it. */
const DRAWING = 'random(?:Bytes|UUID|Int|Fill|FillSync)|generateKey\\w*|getRandomValues|newKeyPair';
const CLOCKS = 'new Date\\b|Date\\.|performance\\.|hrtime|wallNow\\(|process\\.';
const TIMERS = 'set(?:Timeout|Interval|Immediate)\\b';
const OUTSIDE = 'fetch\\(|console\\.|new Worker\\b|new WebSocket\\b';

/** Words that pure code does not use. */
export const IMPURE = new RegExp(`\\b(?:Math\\.random|${DRAWING}|${CLOCKS}|${TIMERS}|${OUTSIDE})`);
