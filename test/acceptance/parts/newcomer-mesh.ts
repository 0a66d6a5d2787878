/** A mesh over three machines with unequal links: what is printed on one is pasted on the others. */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../../spec/reason-of.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import {
  type Machine,
  type Network,
  type Place,
  pasteOn,
  type Running,
  runOn,
  setUp,
  tearDown,
} from '../namespaces.ts';
import { blocksIn } from '../newcomer-blocks.ts';
import { plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'newcomer-mesh';
const WHAT =
  'three network namespaces with uplinks of 2, 20 and 100 Mbit/s at 40 ms: the printed lines of a mesh pasted';
const TARGET = 'every line works';
const LINKS = [100, 20, 2].map((megabits) => ({ megabits, delayMs: 20 }));
const WITHIN_MS = 180_000;

export const newcomerMeshPart: Part = { name: NAME, what: WHAT, takes: '5 minutes', run: async (c) => [await run(c)] };

async function run(context: Context): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-newcomer-'));
  const network = await setUp(LINKS);
  const running: Running[] = [];
  try {
    if (typeof network === 'string') return notRun(NAME, WHAT, TARGET, network);
    const clone = join(folder, 'neuromesh');
    await must(['git', 'clone', '--quiet', context.root, clone], folder);
    await must(['cp', '-al', join(context.root, 'node_modules'), clone], folder);
    await must(['node', '.config/build.mjs'], clone);
    const measured = await tour(network, clone, running, context);
    return { name: NAME, what: WHAT, target: TARGET, measured, holds: true };
  } catch (error) {
    for (const each of running) context.progress(each.printed().slice(-2000));
    const measured = reasonOf(error);
    return { name: NAME, what: WHAT, target: TARGET, measured, holds: false };
  } finally {
    for (const each of running) each.interrupt();
    await Promise.race([Promise.all(running.map((each) => each.ended)), sleep(20_000, undefined, { ref: false })]);
    await tearDown(LINKS.length);
    removeFolder(folder);
  }
}

async function tour(
  { machines, delays }: Network,
  clone: string,
  running: Running[],
  { progress }: Context,
): Promise<string> {
  const [operator, ...volunteers] = machines;
  if (operator === undefined) throw new Error('there is no machine');
  const here = placeOf(clone, 'operator');
  const page = blocksIn('docs/operator.md', readFileSync(join(clone, 'docs/operator.md'), 'utf8'));
  const upLine = page.flatMap((b) => (b.what === 'commands' ? b.lines : [])).find((l) => l.includes('up --listen'));
  if (upLine === undefined) throw new Error('docs/operator.md starts no mesh for several machines');
  const up = pasteOn(operator, upLine, here);
  running.push(up);
  await until(up, /^ {2}[0-9a-f]+\.[0-9a-f]{64}$/m, upLine);
  let said = up.printed();
  for (const [i, volunteer] of volunteers.entries()) {
    const line = printedLine(said, 'join');
    progress(`${volunteer.address}: ${line}`);
    const invite = /^ {2}([0-9a-f]+\.[0-9a-f]{64})$/m.exec(said)?.[1] ?? '';
    // What the kernel cannot do, the trainer does: frames of its borders take so long.
    const emulated = delays ? line : `${line} --delay ${2 * (LINKS[i + 1]?.delayMs ?? 0)}`;
    const joined = pasteOn(volunteer, emulated, placeOf(clone, `volunteer-${i}`), `${invite}\n`);
    running.push(joined);
    await until(joined, /joined|idle|waiting/, line);
    said = await printedBy(operator, printedLine(up.printed(), 'keys invite'), here);
  }
  const deploy = printedLine(up.printed(), 'deploy');
  progress(deploy);
  const started = performance.now();
  await printedBy(operator, deploy, here);
  const seconds = (performance.now() - started) / 1000;
  const status = await printedBy(operator, printedLine(up.printed(), 'status'), here);
  progress(status);
  for (const each of [...running].reverse()) {
    each.interrupt();
    const code = await each.ended;
    if (code !== 0 && code !== 130) throw new Error(`exit ${code} at Ctrl-C: ${each.printed().slice(-500)}`);
  }
  const how = delays ? '' : ', delays emulated by the trainers';
  return `${volunteers.length} machines joined, deployed and trained in ${seconds.toFixed(0)} s${how}`;
}

/** Each machine has a user of its own; they share the program alone. */
function placeOf(clone: string, name: string): Place {
  const home = join(clone, '..', name);
  mkdirSync(home, { recursive: true });
  return { cwd: clone, env: plainEnvironment({ HOME: home }) };
}

function printedLine(text: string, command: string): string {
  const line = text.split('\n').find((each) => `${each} `.includes(`npx --no nmc ${command} `));
  if (line === undefined) throw new Error(`no \`${command}\` is printed in ${text}`);
  return line.slice(line.indexOf('npx --no nmc'));
}

async function printedBy(machine: Machine, line: string, place: Place): Promise<string> {
  const end = await runOn(machine, line, place);
  if (end.code !== 0) throw new Error(`${line}: exit ${end.code}\n${end.tail}`);
  return end.lines.join('\n');
}

async function until(process: Running, pattern: RegExp, line: string): Promise<void> {
  let ended = false;
  void process.ended.then(() => {
    ended = true;
  });
  const end = performance.now() + WITHIN_MS;
  while (performance.now() < end && !ended) {
    if (pattern.test(process.printed())) return;
    await sleep(100);
  }
  throw new Error(`${line} did not say ${pattern}: ${process.printed().slice(-500)}`);
}

async function must([command = '', ...args]: readonly string[], cwd: string): Promise<void> {
  const end = await runCommand(command, args, { cwd });
  if (end.code !== 0) throw new Error(`${[command, ...args].join(' ')}: ${end.tail}`);
}
