/**
 * `nmc service install -- COMMAND…` and `remove`: a command that starts with the machine, under the user's own name.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import type { ServiceArguments } from './options.ts';
import { launchdAgent, type Service, systemdUnit } from './service-unit.ts';

/** Those that go on until they are told to end. */
const SERVICES = ['join', 'serve', 'synchronizer', 'up'];
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** How the system keeps services. */
interface Manager {
  readonly file: string;
  readonly text: string;
  /** Commands that make the system read the file, and start or end the service. */
  readonly start: readonly (readonly string[])[];
  readonly end: readonly (readonly string[])[];
}

export default function service(args: ServiceArguments): number {
  const name = nameOf(args);
  const manager = managerOf({
    name,
    command: [process.execPath, process.argv[1] ?? '', ...(args.command ?? [])],
    folder: process.cwd(),
    environment: process.env.NMC_CONFIG === undefined ? {} : { NMC_CONFIG: process.env.NMC_CONFIG },
  });
  return args.action === 'remove' ? remove(args, name, manager) : install(args, name, manager);
}

function install(args: ServiceArguments, name: string, { file, text, start }: Manager): number {
  const [command = ''] = args.command ?? [];
  if (!SERVICES.includes(command))
    throw new UserError(
      'usage/service',
      command === '' ? 'no command is named' : `${command} does not run until it is told to end`,
      `one of ${SERVICES.join(', ')}, for example ${nmc`service install -- join ADDR`}`,
    );
  if (args.print) {
    if (args.json) emit({ event: 'service', name, file, text });
    else process.stdout.write(text);
    return EXIT.done;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileAtomic(ownPath(file), text);
  for (const step of start) must(step, file);
  if (args.json) emit({ event: 'installed', name, file });
  else process.stdout.write(printed`${name} runs, and starts when you log in (${file})\n`);
  return EXIT.done;
}

function remove(args: ServiceArguments, name: string, { file, end }: Manager): number {
  if (!existsSync(file))
    throw new UserError('usage/service', `there is no service ${name}`, `its file would be ${file}`);
  for (const step of end) must(step, file);
  rmSync(file);
  if (args.json) emit({ event: 'removed', name, file });
  else process.stdout.write(printed`${name} was removed\n`);
  return EXIT.done;
}

/** `nmc-join`, unless it is named. */
function nameOf({ name, command }: ServiceArguments): string {
  const given = name ?? `nmc-${command?.[0] ?? 'join'}`;
  if (!NAME.test(given))
    throw new UserError('usage/service', `${given} cannot name a service`, 'use small letters, digits and -');
  return given;
}

function managerOf(wanted: Service): Manager {
  if (process.platform === 'linux') {
    const unit = `${wanted.name}.service`;
    const folder = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
    return {
      file: join(folder, 'systemd/user', unit),
      text: systemdUnit(wanted),
      start: [
        ['systemctl', '--user', 'daemon-reload'],
        ['systemctl', '--user', 'enable', '--now', unit],
      ],
      end: [['systemctl', '--user', 'disable', '--now', unit]],
    };
  }
  if (process.platform === 'darwin') {
    const label = `org.neuromesh.${wanted.name}`;
    const file = join(homedir(), 'Library/LaunchAgents', `${label}.plist`);
    return {
      file,
      text: launchdAgent(label, wanted),
      start: [['launchctl', 'load', '-w', file]],
      end: [['launchctl', 'unload', '-w', file]],
    };
  }
  throw new EnvironmentError(
    'service/manager',
    `services are supported on Linux and macOS, not on ${process.platform}`,
    'start the command by hand, or by the task scheduler of the system',
  );
}

/** @throws EnvironmentError `service/manager`: the file stays for another try */
function must([program = '', ...args]: readonly string[], file: string): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n')[0] ?? `exit ${String(status)}`;
  throw new EnvironmentError(
    'service/manager',
    `${program} ${args.join(' ')} failed: ${why}`,
    `${file} was written; run the same line where the user has a session`,
  );
}
