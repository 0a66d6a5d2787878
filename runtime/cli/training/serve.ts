/** `nmc serve`: a predictor over HTTP. */
import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import type { Link } from '../../net/link.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { type PredictorSource, ReloadingPredictor } from '../../serve/predictor.ts';
import { predictionServer } from '../../serve/server.ts';
import { MODEL_FILE, openRun, type Run } from '../../store/run-folder.ts';
import { nmc, shellWord } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { listenError } from '../../support/listen-error.ts';
import { isLoopback } from '../../support/loopback.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { allSizes, prepareSizes } from '../compiling/sized-functions.ts';
import type { OpenTill } from '../mesh/serve-till.ts';
import { EXIT } from '../shell/command.ts';
import { assertSecureHttp, certificateOf, hostsOf, listenOf, tokensOf } from '../shell/listening.ts';
import { packageVersion } from '../shell/package-root.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { answerSigner } from './answer-signer.ts';
import type { ServeArguments } from './options.ts';
import { otherModel } from './other-model.ts';
import { openPredictor } from './run-predictor.ts';
import { sampleOf } from './sample-file.ts';
import { storedClasses } from './training-data.ts';

const DEFAULT_PORT = 8080;
/** How often it is asked whether it is time to look for newer weights. */
const TICK_MS = 100;
/** From the request to stop to the end of connections. */
const CLOSE_WITHIN_MS = 5000;
/** Tokens of one payer that are redeemed together: each redemption is an entry of the ledger. */
const REDEEM_AT = 100;

export default async function (args: ServeArguments): Promise<number> {
  const { host, port } = listenOf(args, DEFAULT_PORT);
  const certificate = certificateOf(args);
  assertSecureHttp(host, certificate, args);
  const tokens = tokensOf(args);
  const source = await sourceOf(args);
  const predictor = await ReloadingPredictor.open(source);
  const till = await tillOf(args);
  const app = await predictionServer(predictor, {
    ...(till ? { till } : {}),
    ...(isSigned(args) ? { sign: answerSigner(ensureKey(userKeyPath())) } : {}),
    version: packageVersion(),
    hosts: hostsOf(host, args),
    ...(tokens ? { tokens } : {}),
    ...(certificate ? { certificate } : {}),
    log: (error) => process.stderr.write(printableLines(`${error instanceof Error ? error.stack : String(error)}\n`)),
  });
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const interrupt = watchInterrupt(stop);
  const timer = setInterval(() => predictor.tick(), TICK_MS);
  try {
    const listening = await listen(() => app.listen({ host, port }), host, port);
    const address = certificate ? listening.replace(/^http:/, 'https:') : listening;
    announce(args, address, source, { predictor, till });
    warnOfOpenDoor(host, tokens !== undefined || till !== undefined);
    await stopped;
    return EXIT.done;
  } finally {
    clearInterval(timer);
    interrupt.release();
    await closeServer(app);
    await predictor.close();
    await till?.close();
  }
}

/** Who pays has to be able to show what it got. */
function isSigned({ sign, price }: ServeArguments): boolean {
  return sign || price !== undefined;
}

/** @throws UserError `usage`, and as a connection to the mesh does */
async function tillOf(args: ServeArguments): Promise<OpenTill | undefined> {
  const { price, ledger = args.mesh } = args;
  const other = (['ledger', 'redeem-at'] as const).find((name) => args[name] !== undefined);
  if (price === undefined) {
    if (other === undefined) return undefined;
    throw new UserError('usage', `--${other} is of a server that is paid`, 'give --price N, or leave it out');
  }
  if (ledger === undefined)
    throw new UserError('usage', '--price needs a mesh whose ledger counts the tokens', 'name it: --ledger ADDR');
  const [{ openTill }, { openMeshToLook }] = await Promise.all([
    import('../mesh/serve-till.ts'),
    import('../mesh/look-link.ts'),
  ]);
  const connect = async (): Promise<Link> => (await openMeshToLook({ ...args, mesh: ledger })).link;
  return openTill(connect, price, args['redeem-at'] ?? REDEEM_AT);
}

/** Requests under way are answered first; clients that send or read too slowly for that are closed. */
async function closeServer(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_WITHIN_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

function warnOfOpenDoor(host: string, withTokens: boolean): void {
  if (!isLoopback(host) && !withTokens)
    process.stderr.write(
      printed`open to other machines at ${host}: anyone who can reach it can get predictions; --tokens FILE requires a token\n`,
    );
}

async function sourceOf(args: ServeArguments): Promise<PredictorSource> {
  const run = args.run;
  const device = args.device ?? 'auto';
  const { model } = args;
  if (model !== undefined && args.mesh !== undefined)
    throw new UserError('usage', '--model works only with a run folder, not with --mesh', 'leave one of them out');
  if (args.mesh !== undefined)
    return (await import('../mesh/serve-mesh.ts')).meshSource(args, run, device, isSigned(args));
  if (run === undefined)
    throw new UserError('usage', 'name a run or a mesh to serve', `--mesh ADDR, or ${nmc`serve --run DIR`}`);
  return runSource(
    run,
    device,
    isSigned(args),
    model === undefined ? undefined : (trained) => otherModel(trained, model),
  );
}

/**
 * A run folder, also while it is trained: its newest weights.
 * @param hashes whether they are hashed, for answers that are signed
 * @param other tasks of another file, compiled once
 * @throws UserError `run/not-a-run`
 */
function runSource(
  directory: string,
  device: string,
  hashes: boolean,
  other?: (run: Run) => Promise<VerifiedPlan>,
): PredictorSource {
  let compiled: Promise<VerifiedPlan> | undefined;
  const tasks = other && ((run: Run) => (compiled ??= other(run)));
  openRun(directory);
  const newest = async (): Promise<string> => {
    const { mtimeMs, size, ino } = weightsFile(directory);
    return `${Math.round(mtimeMs)}-${size}-${ino}`;
  };
  return {
    name: directory,
    newest,
    load: async () => {
      // Asked first: weights replaced while they are read are loaded once more, never missed.
      const version = await newest();
      const { run, ...opened } = await openPredictor(directory, device, allSizes, tasks, hashes);
      prepareSizes(opened.shard);
      const classes = storedClasses(run.config);
      return { version, ...opened, ...(classes ? { classes } : {}) };
    },
  };
}

/** @throws UserError `weights/missing` */
function weightsFile(directory: string): Stats {
  const path = join(directory, MODEL_FILE);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new UserError('weights/missing', `there is no file ${path}`, 'check the path');
  return found;
}

interface Serving {
  readonly predictor: ReloadingPredictor;
  readonly till: OpenTill | undefined;
}

function announce(args: ServeArguments, address: string, source: PredictorSource, { predictor, till }: Serving): void {
  const tasks = predictor.plan.predictions.map((p) => p.task);
  if (args.json) {
    emit({
      event: 'serve',
      address,
      model: predictor.plan.model,
      tasks,
      weights: predictor.version,
      ...(till ? { payment: till.terms } : {}),
    });
    return;
  }
  process.stdout.write(
    printed`serving ${predictor.plan.model} from ${source.name} at ${address}\n  ${question(args, address)}\n  ${address}/openapi.json  ${address}/metrics  ${address}/healthz\n`,
  );
  if (till) {
    const { price, server } = till.terms;
    process.stdout.write(
      printed`  ${price} token${price === 1 ? '' : 's'} a sample, to be paid over a channel: ${nmc`ledger open ${server} ${100 * price}`}\n`,
    );
  }
}

/** A line to try it with: one sample where the run has it, else what may be asked. */
function question({ run, mesh, model, tokens, cert }: ServeArguments, address: string): string {
  const options = [
    ...(cert === undefined ? [] : [`--cacert ${shellWord(cert)}`]),
    ...(tokens === undefined ? [] : ["-H 'Authorization: Bearer TOKEN'"]),
  ];
  const sample = run === undefined || mesh !== undefined || model !== undefined ? undefined : sampleOf(run);
  const asked =
    sample === undefined ? `${address}/openapi.json` : `${address}/predict --json ${shellWord(`@${sample}`)}`;
  return ['curl', ...options, asked].join(' ');
}

async function listen(work: () => Promise<string>, host: string, port: number): Promise<string> {
  try {
    return await work();
  } catch (error) {
    throw listenError(error, host, port, { busy: 'use another --port', address: 'use --listen 127.0.0.1' });
  }
}
