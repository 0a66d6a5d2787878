/**
 * Runs a server of others for `nmc up`: `keep-server.js PROGRAM ARGUMENT…`. When its standard input ends, the one who
 * started it is gone or wants the end, and the server is told to end. Ctrl-C in a terminal does not reach the server,
 * which has to outlive those who save there.
 */
import { spawn } from 'node:child_process';

const GIVE_UP_MS = 10_000;

const [program = '', ...args] = process.argv.slice(2);
const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.on('exit', (code) => process.exit(code ?? 1));

function end(): void {
  server.kill('SIGTERM');
  setTimeout(() => server.kill('SIGKILL'), GIVE_UP_MS);
}

for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', end);
process.stdin.on('end', end).on('error', end).resume();
