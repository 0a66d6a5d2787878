/** `nmc`, the process: one command line, its exit code, and what happens when the reader goes away. */
import { hasStuckDevice, loadingEnds } from '../device/stuck.ts';
import { commandsBegin } from '../support/command-text.ts';
import { EXIT } from './shell/command.ts';
import { runCommandLine } from './shell/run-command-line.ts';
import { startedAs, startOf } from './shell/started-as.ts';

commandsBegin(startedAs(startOf(process)));

// `nmc … | head`: the work of a training is saved, other output has no reader any more.
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
    // Worker threads and sockets of a command that has ended keep nothing alive; what is still to be read does.
    void Promise.all([flushed(process.stdout), flushed(process.stderr), loadingEnds()]).then(() => end(code));
  },
  (error: unknown) => {
    console.error(error);
    process.exit(70);
  },
);

function end(code: number): void {
  if (hasStuckDevice()) process.kill(process.pid, 'SIGKILL');
  else process.exit(code);
}

/** A pipe takes 64 KiB at a time: the rest is written while the reader reads. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
}
