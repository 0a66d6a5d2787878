/**
 * Starts a bundle with the machine code that the build kept of it: compiling JavaScript anew took a fifth of the time
 * from a command to its first batch. Node 22's own cache (`module.enableCompileCache`) is not there in Node 20. Kept
 * code that another Node made is refused by V8, and all works as without.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { constants, Script } from 'node:vm';

/** Set by the build: the code compiled by this process is kept when it ends. */
const KEEP = process.env.NMC_KEEP_CODE;

/** @param name of a bundle beside this file */
export function start(name) {
  const filename = fileURLToPath(new URL(`./${name}.cjs`, import.meta.url));
  const kept = `${filename}.code`;
  // The bundle is ASCII; read as such, it takes a byte a character.
  const bundle = readFileSync(filename, 'latin1');
  const script = new Script(`(function (require, __filename) {${bundle}\n})`, {
    filename,
    cachedData: KEEP ? undefined : readIfThere(kept),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (KEEP === name) process.on('exit', () => writeFileSync(kept, script.createCachedData()));
  script.runInThisContext()(createRequire(filename), filename);
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
