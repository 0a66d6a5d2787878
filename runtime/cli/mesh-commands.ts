/** The commands of the mesh; rows as in commands.ts. */

import { nmc } from '../support/command-text.ts';
import {
  AUDIT,
  DEPLOY,
  FETCH,
  JOIN,
  KEYS,
  LEAVE,
  LEDGER_OPTIONS,
  LOGS,
  SERVICE,
  SIMULATE,
  STATUS,
  STOP,
  SYNCHRONIZER,
  UP,
  VOTE,
} from './mesh/options.ts';
import { type Command, command } from './shell/command.ts';

export const meshCommands: readonly Command[] = [
  command({
    usage: 'up',
    summary: 'start a mesh on this machine: a synchronizer and trainers, kept alive until Ctrl-C',
    options: UP,
    examples: [
      ['up --trainers 4', `then ${nmc`deploy FILE --watch`}`],
      ['up --state DIR', 'started again, it continues every run that was not stopped'],
      ['up --synchronizers 3 --nats --state DIR', 'a mesh that goes on when one of its synchronizers is lost'],
    ],
    load: () => import('./mesh/up.ts'),
  }),
  command({
    usage: 'synchronizer',
    summary: 'keep a mesh together; trainers join from anywhere',
    options: SYNCHRONIZER,
    examples: [
      ['synchronizer --listen 0.0.0.0:7420 --cert mesh.crt --cert-key mesh.key --state DIR', 'open to other machines'],
      ['synchronizer --nats tls://a:4222,tls://b:4222 --creds mesh.creds', `kept in NATS, after ${nmc`mesh init`}`],
    ],
    load: () => import('./mesh/synchronizer.ts'),
  }),
  command({
    usage: 'join <address>',
    summary: 'train for a mesh on this machine',
    options: JOIN,
    examples: [
      ['join 192.168.0.2 --listen 192.168.0.3:7421 --insecure …', 'neighbours reach it without the relay'],
      ['join mesh.example.org --fingerprint KEY --invite -', 'Ctrl-C hands the shards over, then leaves'],
    ],
    load: () => import('./mesh/join.ts'),
  }),
  command({
    usage: 'leave <trainer>',
    summary: 'let a trainer go when its shards are in other hands',
    options: LEAVE,
    examples: [['leave trainer-2', 'drain it']],
    load: () => import('./mesh/leave.ts'),
  }),
  command({
    usage: 'service <action>',
    summary: 'start the command after -- at every login: a systemd unit or a launchd agent',
    options: SERVICE,
    examples: [
      ['service install -- join mesh.example.org', 'lend this machine, also after it starts again'],
      ['service install --print -- synchronizer', 'only prints the file'],
      ['service remove --name nmc-join', 'end it'],
    ],
    load: () => import('./mesh/service.ts'),
  }),
  command({
    usage: 'deploy <file> [task]',
    summary: 'train a model or a plan on a mesh',
    options: DEPLOY,
    examples: [
      ['deploy dsl-examples/digits.pcn --watch', 'train on the mesh of this machine'],
      ['deploy model.plan --mesh wss://mesh.example.org', `a plan that ${nmc`compile`} has made`],
      ['deploy FILE --partition 4 --schedule pipelined --dry-run', 'placement, memory, rate, what limits it'],
    ],
    load: () => import('./mesh/deploy.ts'),
  }),
  command({
    usage: 'status',
    summary: 'show what a mesh is doing, and what holds it up',
    options: STATUS,
    examples: [['status --watch', 'runs, shards, trainers, rates']],
    load: () => import('./mesh/status.ts'),
  }),
  command({
    usage: 'logs <run>',
    summary: 'everything that happened to a run, in order',
    options: LOGS,
    examples: [
      ['logs digits-3f2a1c', 'epochs, owners, snapshots'],
      ['logs digits-3f2a1c --replay', 'each event with its effects; exit code 1 if they differ'],
    ],
    load: () => import('./mesh/logs.ts'),
  }),
  command({
    usage: 'audit <run> [shard] [call]',
    summary: 'do the stretch of a call again in full, from the record of its trainer; or answers of a server',
    options: AUDIT,
    examples: [
      ['audit RUN 0 0', 'exit code 1 where the trainer has not computed what it signed'],
      ['audit RUN --answer answers.jsonl', 'exit code 1 where answers are not from the newest weights of the run'],
    ],
    load: () => import('./mesh/audit.ts'),
  }),
  command({
    usage: 'stop <run>',
    summary: 'end a run of a mesh with a last snapshot',
    options: STOP,
    examples: [['stop digits-3f2a1c', `${nmc`fetch`} still has its weights`]],
    load: () => import('./mesh/stop.ts'),
  }),
  command({
    usage: 'fetch <run>',
    summary: 'get a run of a mesh as a run folder',
    options: FETCH,
    examples: [['fetch digits-3f2a1c -o runs/digits', `then ${nmc`predict runs/digits --input FILE`}`]],
    load: () => import('./mesh/fetch.ts'),
  }),
  command({
    usage: 'simulate [plan]',
    summary: 'run the mesh of a plan on a virtual network, with faults, from a seed',
    options: SIMULATE,
    examples: [
      [
        'simulate model.pcn --rates --partition 8 --round-trip 100 --gflops 200',
        `samples a second by microbatches, and which of them ${nmc`deploy`} would take`,
      ],
      ['simulate model.plan --nodes 20 --seed 7 --faults faults.json', 'exit code 1 if a shard ever had two owners'],
      ['simulate --replay events.jsonl', `what ${nmc`simulate PLAN --record events.jsonl`} has written`],
    ],
    load: () => import('./mesh/simulate.ts'),
  }),
  command({
    usage: 'ledger <action> [words..]',
    summary: 'what trainers of a mesh have earned, for which work; and whether the ledger holds',
    options: LEDGER_OPTIONS,
    examples: [
      ['ledger fund RUN --tokens 1000 --emission', 'the mesh issues 1000 tokens for what trainers of a run do'],
      ['ledger balance', 'of all keys'],
      ['ledger export ledger.jsonl', `a copy, which ${nmc`ledger verify ledger.jsonl`} looks through without the mesh`],
      ['ledger proof KEY -o proof.json', 'shows a balance to somebody who has only the mesh’s key'],
      ['ledger pay KEY 10', 'ten tokens of this user’s to another key'],
      ['ledger open KEY 100', `a channel for a server: ${nmc`predict URL --pay CHANNEL`} pays by vouchers over it`],
    ],
    load: () => import('./mesh/ledger.ts'),
  }),
  command({
    usage: 'vote <action> [words..]',
    summary: 'change what a mesh lets those vote on who have earned tokens in it',
    options: VOTE,
    examples: [
      ['vote show', `what is in force since ${nmc`mesh init --charter FILE`}, and what is voted on`],
      ['vote propose auditRate 0.05', 'do twice as many stretches again'],
      ['vote cast PROPOSAL yes', 'weighs what this key had earned at the seal before the proposal'],
    ],
    load: () => import('./mesh/vote.ts'),
  }),
  command({
    usage: 'keys <action> [key] [name]',
    summary: 'this user’s key; the keys and invites of a mesh',
    options: KEYS,
    examples: [
      ['keys show', 'the public key'],
      ['keys allow KEY --role viewer', 'let someone look'],
      ['keys invite --uses 3 --expires 2h', 'let three trainers in'],
      ['keys revoke KEY', 'end its connections, its shards and the invite that admitted it'],
      ['keys token new laptop', `a bearer token for ${nmc`serve --tokens FILE`}`],
    ],
    load: () => import('./mesh/keys.ts'),
  }),
];
