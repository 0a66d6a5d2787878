/** `nmc`, the process: one command line, its exit code, and what happens when the reader goes away. */
import { EXIT } from './command.ts';
import { runCommandLine } from './run-command-line.ts';

// `nmc … | head`: what a training has done is saved, everything else has nobody left to tell.
let told = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && error.code !== 'EOF') throw error;
  if (!told && !process.emit('SIGTERM', 'SIGTERM')) process.exit(EXIT.done);
  told = true;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && error.code !== 'EOF') throw error;
});

runCommandLine(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    // Worker threads and sockets of a command that has ended keep nothing alive.
    setImmediate(() => process.exit(code));
  },
  (error: unknown) => {
    console.error(error);
    process.exit(70);
  },
);
