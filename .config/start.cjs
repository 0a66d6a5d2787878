/**
 * Starts the command with the machine code that the build kept of it: compiling JavaScript anew took a fifth of the time
 * to the first batch. Node 22's own cache (`module.enableCompileCache`) is not there in Node 20. The file is named by the
 * Node that made it: V8 tells its own versions apart, yet it takes code of Node 20.20 in Node 20.19 and then crashes.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

try {
  process.cwd();
} catch {
  // A library asks for it while it is loaded.
  process.stderr.write('error[file/missing]: the working directory has been deleted\n  = try: go to another one\n');
  process.exit(3);
}

/** Set by the build: what this process compiles is kept when it ends. */
const KEEP = process.env.NMC_KEEP_CODE;

const filename = join(__dirname, 'runtime-cli-main.cjs');
const kept = `${filename}.${process.version}-${process.platform}-${process.arch}.code`;
// The bundle is ASCII; read as such, it takes a byte a character.
const bundle = readFileSync(filename, 'latin1');
const script = new Script(`(function (require, __filename) {${bundle}\n})`, {
  filename,
  cachedData: KEEP ? undefined : readIfThere(kept),
});
if (KEEP) process.on('exit', () => writeFileSync(kept, script.createCachedData()));
const requireFrom = Object.assign((name) => require(name), require, { importModule: (name) => import(name) });
script.runInThisContext()(requireFrom, filename);

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
