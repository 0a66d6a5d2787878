/** Options of the commands of a mesh. */

import { nmc } from '../../support/command-text.ts';
import {
  AHEAD_RANGE,
  BATCH,
  BORDERS_WORDS,
  DATA,
  EPOCHS,
  JSON_LINES,
  LATE_TEXT,
  LIMIT_OF_SETS,
  MICROBATCHES_RANGE,
  SEED,
  SHARDS_RANGE,
  STALENESS_RANGE,
  TASK_NAME,
} from '../shell/common-options.ts';
import { choice, decimal, flag, type Given, rest, text, texts, whole, word, words } from '../shell/options.ts';
import { rate } from '../shell/rate-option.ts';

const INSECURE = { insecure: flag('allow an unencrypted connection to another machine') };
/** Of a mesh whose certificate signs itself, or is signed by an authority that this machine does not know. */
export const TRUST = { ca: text('certificate (PEM) to trust, of the mesh or of its authority; remembered') };

/** Of commands that connect. */
export const REACH = {
  ...JSON_LINES,
  mesh: text('HOST, HOST:PORT, ws:// or wss:// (default: $NMC_MESH, or this machine)'),
  fingerprint: text(`key of the mesh, as ${nmc`up`} printed it; remembered`),
  ...TRUST,
  ...INSECURE,
};
export type ReachArguments = Given<typeof REACH>;

const RELAY = { relay: flag('borders go only through the synchronizer, never directly between trainers') };
/** A network that loses more carries no training. */
const PERCENT = { least: 0, most: 50 };

/** Of a mesh on one machine that shall behave as if it stood in several places. */
export const EMULATION = {
  delay: whole('emulated round trip between two trainers, in milliseconds', { least: 0, most: 60_000 }),
  'emulate-up': rate('emulated uplink of a trainer'),
  'emulate-down': rate('emulated downlink of a trainer'),
  'emulate-direct': rate('emulated direct connections between trainers, apart from those links'),
  'delay-direct': whole('emulated round trip of direct connections, in milliseconds', { least: 0, most: 60_000 }),
  'emulate-loss': decimal('percent of the packets of borders that are lost on their way through the relay', PERCENT),
  'emulate-damage': decimal('percent of the packets of borders of which a bit changes on the way', PERCENT),
};
export type EmulationArguments = Given<typeof EMULATION>;

const RUN = { run: word(`as ${nmc`status`} names it`) };

const LISTEN = {
  ...JSON_LINES,
  listen: text('address to listen on (default: 127.0.0.1)'),
  state: text('folder for keys and all state (default: ~/.local/state/nmc)'),
  host: texts('a name of this machine, for /metrics; may be given several times'),
  origin: texts('a web page’s origin (https://HOST) that may connect; may be given several times (default: none)'),
  tokens: text(`file of ${nmc`keys token new`}: /metrics then needs one, and may be read from other machines`),
  ...INSECURE,
  'accept-older-state': flag('continue although the records in the folder are older than what the mesh confirmed'),
};

const PORT_RANGE = { least: 0, most: 65_535 };

/** Of one machine, for a look. */
const MAX_SYNCHRONIZERS = 9;

export const UP = {
  ...LISTEN,
  trainers: whole('how many trainers (default: 2)', { least: 0, most: 256 }),
  synchronizers: whole('how many synchronizers (default: 1; with --nats 3), at this port and those behind it', {
    least: 1,
    most: MAX_SYNCHRONIZERS,
  }),
  nats: flag(`they keep the mesh in a server of NATS, which is started, too; to see which: ${nmc`mesh nats`}`),
  port: whole('port to listen on, 0 for any (default: 7420)', PORT_RANGE),
  device: text('device of the trainers: auto (default), cpu or reference'),
  ...EMULATION,
  'max-memory': whole('MB that shards may use, of each trainer', { least: 1 }),
  ...RELAY,
  'accept-older-server': flag('of --nats: take a nats-server that is older than a mesh needs'),
};
export type UpArguments = Given<typeof UP>;

export const SYNCHRONIZER = {
  ...LISTEN,
  cert: text('certificate (PEM), for wss'),
  'cert-key': text('its private key (PEM)'),
  nats: texts('nats://HOST:PORT or tls://HOST:PORT: the mesh is kept there; may be given several times'),
  creds: text('of --nats: file of the user whose account keeps the mesh (.creds)'),
  ca: text('of --nats: certificate (PEM) of the authority that has signed the servers’'),
  name: text('of --nats: name of the mesh in that account (default: mesh)'),
  'accept-older-server': flag('of --nats: take a nats-server that is older than a mesh needs'),
};
export type SynchronizerArguments = Given<typeof SYNCHRONIZER>;

export const JOIN = {
  ...JSON_LINES,
  ...INSECURE,
  name: text('name of this trainer (default: that of the machine)'),
  fingerprint: text(`key of the mesh, as ${nmc`up`} printed it`),
  ...TRUST,
  invite: text('-: from standard input; FILE: from a file of your own (default: $NMC_INVITE); needed once'),
  device: text('auto (default), cpu or reference'),
  listen: text('HOST:PORT where neighbours dial this trainer (default: on this machine, any port)'),
  'max-memory': whole('MB that shards may use; one that takes more is ended', { least: 1 }),
  'max-upload': rate('most that borders may send'),
  'max-download': rate('most that borders may receive'),
  state: text('folder for its key and its data'),
  ...EMULATION,
  address: word('HOST, HOST:PORT, ws:// or wss://'),
  ...RELAY,
};
export type JoinArguments = Given<typeof JOIN>;

export const LEAVE = { ...REACH, trainer: word('its name, or its key') };
export type LeaveArguments = Given<typeof LEAVE>;

export const DEPLOY = {
  ...REACH,
  ...TASK_NAME,
  partition: whole('number of shards (default: what the model says, or as many as train fastest)', SHARDS_RANGE),
  ...DATA,
  ...EPOCHS,
  ...BATCH,
  ...SEED,
  ...LIMIT_OF_SETS,
  set: texts('name=value: a parameter of the model'),
  schedule: text(
    'lockstep, pipelined (microbatches of one batch in flight) or async (ticks read the newest values that are there); default: what the model says, or lockstep',
  ),
  staleness: whole(
    'of async: how many ticks old at most; a shard waits for what is older (default: as measured)',
    STALENESS_RANGE,
  ),
  late: text(LATE_TEXT),
  microbatches: whole(
    'of pipelined and async; by default as the model says, or chosen for the trainers of the mesh',
    MICROBATCHES_RANGE,
  ),
  ahead: whole(
    'of pipelined, 1: a batch begins on predicted weights while the one before it ends (default: 0)',
    AHEAD_RANGE,
  ),
  borders: text(`numbers on the wire: ${BORDERS_WORDS} (default: f32), or auto: f32 or int8, the faster one`),
  'snapshot-every': whole('batches between two snapshots (default: 100, or an epoch)', { least: 1 }),
  bounded: flag('hold frames of neighbours to bounds that earlier ones give (of lockstep and pipelined)'),
  on: text('NAME,…: the trainer of each shard, or one for all (default: chosen by what they and their links can do)'),
  file: word('model file (.pcn), or a plan folder'),
  'dry-run': flag('show where shards would go, and what is missing'),
  watch: flag('follow the run to its end'),
};
export type DeployArguments = Given<typeof DEPLOY>;

export const STATUS = {
  ...REACH,
  mesh: text('HOST, HOST:PORT, ws:// or wss:// (default: $NMC_MESH, this machine, or the one mesh that it has joined)'),
  watch: flag('again every second'),
  all: flag('also runs that ended long ago, and each shard of a large run'),
};
export type StatusArguments = Given<typeof STATUS>;

export const LOGS = {
  ...REACH,
  ...RUN,
  replay: flag('replay what entered the synchronizer, and report differences'),
};
export type LogsArguments = Given<typeof LOGS>;

export const AUDIT = {
  ...REACH,
  ...RUN,
  shard: word('number of a shard'),
  call: word('number of a call of the run, from 0: the stretch that it lies in is done again'),
  answer: text(
    `instead of a stretch: file of signed answers, as ${nmc`predict URL --answers FILE`} wrote it; RUN may be a run folder`,
  ),
};
export type AuditArguments = Given<typeof AUDIT>;

export const STOP = { ...REACH, ...RUN };
export type StopArguments = Given<typeof STOP>;

export const FETCH = { ...REACH, ...RUN, out: text('folder to write (default: runs/RUN)', { alias: 'o' }) };
export type FetchArguments = Given<typeof FETCH>;

export const SIMULATE = {
  ...JSON_LINES,
  nodes: whole('trainers (default: one for each shard)', { least: 1, most: 10_000 }),
  runs: whole('trainings of the plan at once, deployed a second apart (default: 1)', { least: 1, most: 100 }),
  'max-memory': whole('MB that shards may use, of each trainer (default: no bound)', { least: 1 }),
  seed: whole('seed of all random choices; the same seed gives the same trace', { least: 0 }),
  seeds: whole('so many seeds, one after the other, from --seed on (default: 1)', { least: 1, most: 1_000_000 }),
  seconds: whole('virtual seconds after which it ends, whether or not the training has', { least: 1, most: 86_400 }),
  churn: flag('faults are drawn from the seed: trainers come and go, and the synchronizer begins again'),
  faults: text('JSON file: latency, jitter, loss, lives, away, synchronizerLives (milliseconds)'),
  requests: whole('a second, to a predictor that follows the run; each must get an answer or a reason', {
    least: 1,
    most: 1000,
  }),
  record: text('file to write: everything that entered the synchronizer'),
  replay: text('such a file, to be replayed: exit code 1 if anything differs'),
  epochs: whole('epochs of training', { least: 1 }),
  batches: whole('batches of an epoch (default: 100)', { least: 1 }),
  'snapshot-every': whole('batches between two snapshots', { least: 1 }),
  partition: whole('with --rates: shards, each on a machine of its own', SHARDS_RANGE),
  task: text('with --rates: name of a train block (default: the first)'),
  batch: whole('with --rates: samples per batch', { least: 1, most: 1_000_000 }),
  microbatches: whole('with --rates: only this row', MICROBATCHES_RANGE),
  ahead: whole(
    'with --rates, 1: batches of pipelined begin on predicted weights while the one before them ends',
    AHEAD_RANGE,
  ),
  'round-trip': whole('with --rates: milliseconds between two machines and back', { least: 0, most: 60_000 }),
  gflops: whole(
    'with --rates: what each machine reaches, work alone (default: the default machine, with all that it costs)',
    { least: 1 },
  ),
  plan: word('plan folder; with --rates a model file'),
  rates: flag('how fast lockstep and pipelined would be, and how busy'),
};
export type SimulateArguments = Given<typeof SIMULATE>;

export const LEDGER_OPTIONS = {
  ...REACH,
  action: choice(
    [
      ...['show', 'verify', 'balance', 'receipts', 'proof', 'export', 'fund', 'report'],
      ...['pay', 'open', 'close', 'redeem', 'channels', 'settler', 'bind', 'withdraw'],
    ] as const,
    'show: all entries; verify [FILE…]: whether it holds; balance, receipts, proof [KEY]; export FILE: a copy; fund RUN: tokens for it; report FILE OTHER: show the mesh that it has signed two ledgers, which ends payments; pay KEY N: tokens of this user’s; open KEY N: a channel for a server; close CHANNEL; redeem FILE: a voucher; channels [KEY]: those that are open; settler, bind 0xADDRESS, withdraw: tokens out of the mesh, for a contract that is not audited',
  ),
  words: words(
    'verify, export, report, redeem: files; balance, receipts, proof, channels: a key; fund: a run; pay, open: a key and tokens; close: a channel; settler, bind: an address',
  ),
  file: text('such a copy, read instead of the mesh'),
  fingerprint: text(`key of the mesh, as ${nmc`up`} printed it; remembered; verify: the one that has to have signed`),
  tokens: whole('of fund: how many at most; of withdraw: how many', { least: 1 }),
  emission: flag('of fund: they are issued for this run; without it they are this user’s own'),
  key: text(
    'of pay, open, close, bind, withdraw: file of the key whose tokens they are (default: this user’s own); of settler: of the mesh',
  ),
  expires: text('of open: how long the channel is open, 90m, 2h, 7d (default: 24h)'),
  signature: text('of bind, settler: what the wallet has signed; without it the text is printed'),
  evm: flag('of export: root and proofs of what was withdrawn, for the contract of spec/settlement.md'),
  record: whole('of export --evm: as of the last seal up to this record (default: the last one)', { least: 1 }),
  contract: text('of export --evm: address of the contract, for what its settlers sign'),
  chain: whole('with --contract: number of its chain', { least: 1 }),
  epoch: whole('with --contract: one more than its epoch', { least: 1 }),
  round: whole('with --contract: its round (default: 0)', { least: 0 }),
  out: text('of proof: file to write (default: standard output)', { alias: 'o' }),
};
export type LedgerArguments = Given<typeof LEDGER_OPTIONS>;

export const VOTE = {
  ...REACH,
  action: choice(
    ['propose', 'cast', 'show'],
    'propose SETTING VALUE: auditRate 0.05, price 3, or deployers KEY[,KEY…]; cast PROPOSAL yes|no; show: what is in force, and what is voted on',
  ),
  words: words('propose: a setting and its value; cast: a proposal, and yes or no'),
  key: text(
    'propose, cast: file of the key that has earned tokens (default: of the trainer that joined, else this user’s)',
  ),
  file: text('show: a copy of the ledger, read instead of the mesh'),
};
export type VoteArguments = Given<typeof VOTE>;

/** Uses of one invite. */
export const MAX_INVITE_USES = 10_000;

export const KEYS = {
  ...REACH,
  role: text('of allow: operator, trainer or viewer'),
  uses: whole('of invite: how many trainers it admits (default: 1)', { least: 1, most: MAX_INVITE_USES }),
  expires: text('of invite: how long it is valid, 90m, 2h, 7d (default: 24h)'),
  in: text('of expire: how long the key stays valid, 90m, 2h, 7d'),
  at: text('of expire: until when, 2027-01-31T12:00Z'),
  tokens: text('of token: the file (default: one of this user’s own)'),
  action: choice(
    ['new', 'show', 'list', 'allow', 'revoke', 'expire', 'invite', 'token'],
    'new, show, list, invite; allow, revoke or expire KEY; token new|list|revoke NAME',
  ),
  key: word(`as ${nmc`keys show`} prints it`),
  name: word('of a token'),
};
export type KeysArguments = Given<typeof KEYS>;

export const SERVICE = {
  ...JSON_LINES,
  action: choice(['install', 'remove'], 'install: start the command now and at every login; remove: end it for good'),
  command: rest(),
  name: text('of the service (default: nmc- and the name of the command)'),
  print: flag('install: only print the file'),
};
export type ServiceArguments = Given<typeof SERVICE>;

export const MESH_FILE = {
  ...REACH,
  action: choice(
    ['record', 'gc', 'replay', 'init', 'stretch', 'verify', 'move', 'nats'],
    'record: make the file; gc: remove blobs of a mesh that no run names any more; replay: do stretches again from records; init: prepare servers of NATS to keep a mesh, or give a mesh that runs its charter; stretch: fetch such a record; verify: compare the copies of its streams; move: carry a stopped mesh into NATS or back; nats: the nats-server of this machine',
  ),
  records: words(
    `what ${nmc`doctor --json`} wrote; replay: records of one stretch, below a trainer's folder; stretch: RUN SHARD TERM CALL`,
  ),
  out: text('file (default: mesh.json; stretch: RUN-SHARD-TERM-CALL.rec)', { alias: 'o' }),
  'dry-run': flag('gc: only list what would be removed'),
  nats: texts(
    'init, verify, move: nats://HOST:PORT or tls://HOST:PORT of a server of NATS; may be given several times',
  ),
  creds: text('init, verify, move: file of the user whose account in NATS keeps the mesh (.creds)'),
  ca: text(
    'certificate (PEM) to trust, of the mesh or of its authority; remembered; init, verify, move: of the servers, each time',
  ),
  name: text('init, verify, move: name of the mesh in that account (default: mesh)'),
  replicas: whole('init: servers that keep each record (default: 3 in a cluster, else 1)', { least: 1, most: 5 }),
  'max-blobs': whole('init: MB that all blobs may take (default: as much as the account may)', { least: 1 }),
  charter: text(
    'init: file that says what those may vote on who have earned tokens, and between which bounds; for good',
  ),
  monitor: texts('init: http://HOST:PORT where a server tells how it is set up; may be given several times'),
  state: text('verify, move: folder of the synchronizer (default: as it has)'),
  to: text('move: nats, or embedded (the state folder)'),
  'give-up': flag('move: remove what a move that was begun has carried; the mesh stays where it was'),
  'accept-older-state': flag('move: carry the records although they are older than what the mesh confirmed'),
  accept: text('verify: name of a stream; what the store has of it counts, the copy of this machine goes aside'),
  'accept-older-server': flag('init, verify, move: take a nats-server that is older than a mesh needs'),
};
export type MeshFileArguments = Given<typeof MESH_FILE>;
