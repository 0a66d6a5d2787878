/** Every command that is printed runs as it is pasted, in a narrow terminal and a folder with an awkward name. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nmc as command, withCommands } from '../../runtime/support/command-text.ts';
import { type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { type Pasted, paste, type Shell } from '../support/shell.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const START = `node ${join(ROOT, 'dist/nmc.cjs')}`;
const folder = join(temporaryFolder(), "it's a $folder");
mkdirSync(folder);
writeTiny(folder, { epochs: 1 });
const operator: Shell = { cwd: folder, env: { COLUMNS: '40', NMC_CONFIG: join(folder, 'operator') } };
const stranger: Shell = { ...operator, env: { ...operator.env, NMC_CONFIG: join(folder, 'stranger') } };
const running: Pasted[] = [];
afterAll(() => {
  for (const { child } of running) child.kill('SIGKILL');
});

/** As it is printed by a process that was started so. */
const printedAs = (text: string): string => withCommands(text).replace(/^nmc/, START);

/** The printed line of that command, to its end. */
function lineOf(text: string, name: string): string {
  const found = text
    .split('\n')
    .find((line) => line.includes(`${START} ${name} `) || line.endsWith(`${START} ${name}`));
  if (found === undefined) throw new Error(`no \`${name}\` in ${text}`);
  return found.slice(found.indexOf(START));
}

async function pasted(line: string, shell = operator, typed?: string): Promise<Outcome> {
  const outcome = await paste(line, shell, typed).ended;
  expect(outcome.code, `${line}\n${outcome.stderr}`).toBe(0);
  return outcome;
}

/** One that runs until it is told to end. */
async function goingOn(line: string, until: RegExp, typed?: string): Promise<Pasted> {
  const process = paste(line, operator, typed);
  running.push(process);
  await waitUntil(`${until} of ${line}`, () => {
    if (process.child.exitCode !== null) throw new Error(`${line} has ended: ${process.seen()}`);
    return until.test(process.seen());
  });
  return process;
}

async function ended({ child, ended: outcome }: Pasted): Promise<number | null> {
  child.kill('SIGINT');
  return (await outcome).code;
}

test('a training, a plan and a mistake print the next command', async () => {
  const run = "runs/it's $HOME";
  const [trained, compiled, unknown] = await Promise.all([
    pasted(printedAs(command`train tiny.pcn --limit 64 --out ${run}`)),
    pasted(printedAs(command`compile tiny.pcn -o ${'-a plan'}`)),
    paste(`${START} frobnicate`, operator).ended,
  ]);
  expect((await pasted(lineOf(trained.stdout, 'predict'))).stdout).toMatch(/digit \d/);
  expect((await pasted(lineOf(compiled.stdout, 'show'))).stdout).toContain('tiny');
  expect(unknown.code).toBe(2);
  expect((await pasted(`${START} --help`)).stdout).toContain(`\n  ${START} train`);
  const missing = await paste(printedAs(command`predict ${run}`), operator).ended;
  expect(missing.code).toBe(2);
  expect((await pasted(lineOf(missing.stderr, 'explain'))).stdout).toContain('# usage/input');
  const served = await goingOn(printedAs(command`serve --run ${run} --port 0`), /127\.0\.0\.1:\d+/);
  const [, url = '', quoted = ''] = / curl (\S+) --json (.+)/.exec(served.seen()) ?? [];
  const { stdout: sample } = await pasted(`printf %s ${quoted}`);
  const body = readFileSync(join(folder, sample.replace(/^@/, '')));
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  expect(await answer.json()).toHaveProperty('digit');
  expect(await ended(served)).toBe(0);
});

test('a mesh prints how to deploy, look, join and admit a key', async () => {
  const up = await goingOn(`${START} up --trainers 1 --port 0 --state state`, /for more trainers/);
  const said = up.seen();
  expect((await pasted(lineOf(said, 'status'))).stdout).toContain('no runs yet');
  const invite = /^ {2}([0-9a-f]+\.[0-9a-f]{64})$/m.exec(said)?.[1] ?? '';
  const joined = await goingOn(lineOf(said, 'join'), /joined|waiting|idle/, `${invite}\n`);
  expect((await pasted(lineOf(said, 'keys invite'))).stdout).toContain(`${START} join 127.0.0.1:`);

  // Somebody whose key nobody has listed.
  const status = lineOf(said, 'status');
  const refused = await paste(status, stranger).ended;
  expect(refused.code).toBe(2);
  const key = (await pasted(`${START} keys show`, stranger)).stdout.split('\n')[0];
  const allow = lineOf(refused.stderr, 'keys allow');
  expect(allow).toContain(key);
  await pasted(allow);
  await pasted(status, stranger);

  const watched = await goingOn(lineOf(said, 'deploy'), /digits/);
  expect(await ended(watched)).toBe(130);
  await pasted(lineOf(watched.seen(), 'stop'));
  const mesh = status.split(' status ')[1] ?? '';
  const deployed = await pasted(`${START} deploy tiny.pcn --limit 64 ${mesh}`);
  for (const name of ['status', 'logs']) await pasted(lineOf(deployed.stdout, name));
  const fetched = await waitFor('snapshot', async () => {
    const outcome = await paste(lineOf(deployed.stdout, 'fetch'), operator).ended;
    return outcome.code === 0 ? outcome : undefined;
  });
  await pasted(lineOf(fetched.stdout, 'eval'));
  expect(await ended(joined)).toBe(0);
  expect(await ended(up)).toBe(0);
}, 120_000);
