/** The commands of the mesh; rows as in commands.ts. */
import type { Argv } from 'yargs';
import type { Command } from './shell/command.ts';

const value = (y: Argv, name: string, describe: string): Argv =>
  y.option(name, { type: 'string', requiresArg: true, describe });
const json = (y: Argv): Argv =>
  y.option('json', { type: 'boolean', describe: 'print JSON on standard output, nothing else' });
/** Options of whoever connects. */
export const mesh = (y: Argv): Argv =>
  secure(
    value(
      value(json(y), 'mesh', 'HOST, HOST:PORT, ws:// or wss:// (default: $NMC_MESH, or this machine)'),
      'fingerprint',
      'key of the mesh, as nmc up printed it; remembered',
    ),
  );
const secure = (y: Argv): Argv =>
  y.option('insecure', { type: 'boolean', describe: 'allow a connection beyond this machine without encryption' });
const RELAY = 'borders go through the synchronizer only, never straight from trainer to trainer';
const run = (y: Argv): Argv => y.positional('run', { type: 'string', describe: 'as `nmc status` names it' });
const listen = (y: Argv): Argv => {
  const rows = [
    ['listen', 'address to listen on (default: 127.0.0.1)'],
    ['state', 'folder for keys and everything kept (default: mesh-state)'],
    ['host', 'a name that others call this machine by, for /metrics; may be given several times'],
    ['origin', 'a web page’s origin (https://HOST) that may connect; may be given several times (default: none)'],
    ['tokens', 'file of `nmc keys token new`: then /metrics needs one, and may be read from elsewhere'],
  ] as const;
  return secure(rows.reduce((all, [name, describe]) => value(all, name, describe), json(y))).option(
    'accept-older-state',
    { type: 'boolean', describe: 'go on where the records in the folder have stepped back, with what is there' },
  );
};

export const meshCommands: readonly Command[] = [
  {
    usage: 'up',
    summary: 'start a mesh on this machine: a synchronizer and trainers, kept alive until Ctrl-C',
    options: (y) =>
      value(
        value(
          value(
            value(listen(y), 'trainers', 'how many trainers (default: 2)'),
            'port',
            'port to listen on, 0 for any (default: 7420)',
          ),
          'device',
          'device of the trainers: auto (default), cpu or reference',
        ),
        'delay',
        'emulated round trip of border frames, in milliseconds',
      )
        .option('max-memory', { type: 'string', describe: 'MB that shards may use, of each trainer' })
        .option('relay', { type: 'boolean', describe: RELAY })
        .example([
          ['$0 up --trainers 4', 'then nmc deploy FILE --watch'],
          ['$0 up --state DIR', 'again: goes on with every run that was not stopped'],
        ]),
    load: () => import('./mesh/up.ts'),
  },
  {
    usage: 'synchronizer',
    summary: 'keep a mesh together; trainers join from anywhere',
    options: (y) =>
      value(
        value(listen(y), 'cert', 'certificate (PEM): then it speaks wss'),
        'cert-key',
        'its private key (PEM)',
      ).example([
        [
          '$0 synchronizer --listen 0.0.0.0:7420 --cert mesh.crt --cert-key mesh.key --state DIR',
          'open to other machines',
        ],
      ]),
    load: () => import('./mesh/synchronizer.ts'),
  },
  {
    usage: 'join <address>',
    summary: 'train for a mesh on this machine',
    options: (y) => {
      const rows = [
        ['name', 'name of this trainer (default: that of the machine)'],
        ['fingerprint', 'key of the mesh, as nmc up printed it'],
        ['invite', '-: from standard input; FILE: from a file of your own (default: $NMC_INVITE); needed once'],
        ['device', 'auto (default), cpu or reference'],
        ['listen', 'HOST:PORT where neighbours dial this trainer (default: on this machine, any port)'],
        ['max-memory', 'MB that shards may use; one that takes more is ended'],
        ['max-upload', 'MB a second'],
        ['max-download', 'MB a second'],
        ['state', 'folder for its key and what it keeps'],
        ['delay', 'emulated round trip of border frames, in milliseconds'],
      ] as const;
      return rows
        .reduce((all, [name, describe]) => value(all, name, describe), secure(json(y)))
        .positional('address', { type: 'string', describe: 'HOST, HOST:PORT, ws:// or wss://' })
        .option('relay', { type: 'boolean', describe: RELAY })
        .example([
          ['$0 join 192.168.0.2 --listen 192.168.0.3:7421 --insecure …', 'neighbours reach it without the relay'],
          ['$0 join mesh.example.org --fingerprint KEY --invite -', 'Ctrl-C hands the shards over, then goes'],
        ]);
    },
    load: () => import('./mesh/join.ts'),
  },
  {
    usage: 'leave <trainer>',
    summary: 'let a trainer go when its shards are in other hands',
    options: (y) =>
      mesh(y)
        .positional('trainer', { type: 'string', describe: 'its name, or its key' })
        .example([['$0 leave trainer-2', 'drain it']]),
    load: () => import('./mesh/leave.ts'),
  },
  {
    usage: 'deploy <file>',
    summary: 'train a model or a plan on a mesh',
    options: (y) => {
      const rows = [
        ['task', 'name of a train block (default: the first)'],
        ['partition', 'number of shards (default: what the model says, or 1)'],
        ['data', 'folder that holds mnist/, fashion-mnist/, cifar-10/ (default: $NMC_DATA)'],
        ['epochs', 'epochs, and the horizon of the schedules'],
        ['batch', 'samples per batch'],
        ['seed', 'seed of weights and of the order of samples'],
        ['limit', 'use at most this many samples of every data set'],
        ['set', 'name=value: a parameter of the model'],
        [
          'schedule',
          'lockstep, or pipelined: microbatches of one batch in flight (default: what the model says, or lockstep)',
        ],
        ['microbatches', 'of pipelined; chosen for the trainers of the mesh where neither this nor the model says it'],
        ['ahead', 'of pipelined, 1: a batch begins on predicted weights while the one before it ends (default: 0)'],
        ['borders', 'values on the wire: f32 (default) or f16'],
        ['snapshot-every', 'batches between two snapshots (default: 100, or an epoch)'],
      ] as const;
      return rows
        .reduce((all, [name, describe]) => value(all, name, describe), mesh(y))
        .positional('file', { type: 'string', describe: 'model file (.pcn), or a plan folder' })
        .option('dry-run', { type: 'boolean', describe: 'say where shards would go, and what is missing' })
        .option('watch', { type: 'boolean', describe: 'follow the run to its end' })
        .example([
          ['$0 deploy dsl-examples/digits.pcn --watch', 'train on the mesh of this machine'],
          ['$0 deploy model.plan --mesh wss://mesh.example.org', 'a plan that nmc compile has made'],
          ['$0 deploy FILE --partition 4 --schedule pipelined --dry-run', 'placement, memory, rate, what limits it'],
        ]);
    },
    load: () => import('./mesh/deploy.ts'),
  },
  {
    usage: 'status',
    summary: 'what a mesh is doing, and why not where it is not',
    options: (y) =>
      mesh(y)
        .option('watch', { type: 'boolean', describe: 'again every second' })
        .example([['$0 status --watch', 'runs, shards, trainers, rates']]),
    load: () => import('./mesh/status.ts'),
  },
  {
    usage: 'logs <run>',
    summary: 'everything that happened to a run, in order',
    options: (y) =>
      run(mesh(y))
        .option('replay', {
          type: 'boolean',
          describe: 'go through what entered the synchronizer again, and say where anything else comes of it',
        })
        .example([
          ['$0 logs digits-3f2a1c', 'epochs, owners, snapshots'],
          ['$0 logs digits-3f2a1c --replay', 'each event with its effects; exit code 1 where they differ'],
        ]),
    load: () => import('./mesh/logs.ts'),
  },
  {
    usage: 'stop <run>',
    summary: 'end a run of a mesh with a last snapshot',
    options: (y) => run(mesh(y)).example([['$0 stop digits-3f2a1c', 'nmc fetch still has its weights']]),
    load: () => import('./mesh/stop.ts'),
  },
  {
    usage: 'fetch <run>',
    summary: 'get a run of a mesh as a run folder',
    options: (y) =>
      value(run(mesh(y)), 'out', 'folder to write (default: runs/RUN)')
        .alias('o', 'out')
        .example([['$0 fetch digits-3f2a1c -o runs/digits', 'then nmc predict runs/digits --input FILE']]),
    load: () => import('./mesh/fetch.ts'),
  },
  {
    usage: 'simulate [plan]',
    summary: 'run the mesh of a plan on a virtual network, with faults, from a seed',
    options: (y) => {
      const rows = [
        ['nodes', 'trainers (default: one for each shard)'],
        ['seed', 'of everything that is left to chance; the same one gives the same trace'],
        ['faults', 'JSON file: latency, jitter, loss, lives, away, synchronizerLives (milliseconds)'],
        ['requests', 'a second, to a predictor that follows the run; each must get one answer or a reason'],
        ['record', 'file to write: everything that entered the synchronizer'],
        ['replay', 'such a file, gone through again: exit code 1 where anything else comes of it'],
        ['epochs', 'epochs of training'],
        ['batches', 'batches of an epoch (default: 100)'],
        ['snapshot-every', 'batches between two snapshots'],
        ['partition', 'with --rates: shards, each on a machine of its own'],
        ['task', 'with --rates: name of a train block (default: the first)'],
        ['batch', 'with --rates: samples per batch'],
        ['microbatches', 'with --rates: only this row'],
        ['ahead', 'with --rates, 1: batches of pipelined begin on predicted weights while the one before them ends'],
        ['round-trip', 'with --rates: milliseconds between two machines and back'],
        ['gflops', 'with --rates: what each machine reaches (default: 50)'],
      ] as const;
      return rows
        .reduce((all, [name, describe]) => value(all, name, describe), json(y))
        .positional('plan', { type: 'string', describe: 'plan folder; with --rates a model file' })
        .option('rates', { type: 'boolean', describe: 'how fast lockstep and pipelined would be, and how busy' })
        .example([
          [
            '$0 simulate model.pcn --rates --partition 8 --round-trip 100 --gflops 200',
            'samples a second by microbatches, and which of them nmc deploy would take',
          ],
          [
            '$0 simulate model.plan --nodes 20 --seed 7 --faults faults.json',
            'exit code 1 if a shard ever had two owners',
          ],
          ['$0 simulate --replay events.jsonl', 'what nmc simulate PLAN --record events.jsonl has written'],
        ]);
    },
    load: () => import('./mesh/simulate.ts'),
  },
  {
    usage: 'keys <action> [key] [name]',
    summary: 'this user’s key; who may do what in a mesh',
    options: (y) => {
      const rows = [
        ['role', 'of allow: operator, trainer or viewer'],
        ['uses', 'of invite: how many trainers it lets in (default: 1)'],
        ['expires', 'of invite: how long it is good, 90m, 2h, 7d (default: 24h)'],
        ['in', 'of expire: how long the key is still good, 90m, 2h, 7d'],
        ['at', 'of expire: until when, 2027-01-31T12:00Z'],
        ['tokens', 'of token: the file (default: one of this user’s own)'],
      ] as const;
      return rows
        .reduce((all, [name, describe]) => value(all, name, describe), mesh(y))
        .positional('action', {
          choices: ['new', 'show', 'list', 'allow', 'revoke', 'expire', 'invite', 'token'] as const,
          describe: 'new, show, list, invite; allow, revoke or expire KEY; token new|list|revoke NAME',
        })
        .positional('key', { type: 'string', describe: 'as `nmc keys show` prints it' })
        .positional('name', { type: 'string', describe: 'of a token' })
        .example([
          ['$0 keys show', 'the public key'],
          ['$0 keys allow KEY --role viewer', 'let someone look'],
          ['$0 keys invite --uses 3 --expires 2h', 'let three trainers in'],
          ['$0 keys revoke KEY', 'its connections, its shards and the invite that let it in end now'],
          ['$0 keys token new laptop', 'a bearer token for nmc serve --tokens FILE'],
        ]);
    },
    load: () => import('./mesh/keys.ts'),
  },
];
