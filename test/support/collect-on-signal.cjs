/**
 * Loaded into a process before anything else (NODE_OPTIONS): SIGUSR2 has it collect its garbage, which a process without
 * work keeps for most of a minute. What it takes then is what it holds.
 */
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => collect());
