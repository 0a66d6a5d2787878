import type { DeviceSession, Tensor } from '../device/device.ts';
import type { Outcome, SavedPart } from '../roles/trainer-state.ts';
import { openSession, type ShardSession } from '../shard/session.ts';
import type { SavedStates } from '../shard/shard.ts';
import type { ShardSource } from '../shard/shards.ts';
import { tickTimes } from '../support/process-times.ts';
import type { TickTimes } from '../support/tick-times.ts';
import { type Call, callAt, endsEpoch, functionOf, isCut, lastChange, positionOf } from '../training/calls.ts';
import type { Frame } from '../training/frame.ts';
import { freeMessages, newestWithin } from '../training/free-ticks.ts';
import { endsStretch, stretchEnd } from '../training/stretches.ts';
import type { Totals } from '../training/totals.ts';
import { HeldBorders } from '../validation/held-borders.ts';
import { type Carrier, carried, carrierOf } from '../wire/carrier.ts';
import type { Way } from '../wire/channel.ts';
import type { Codec } from '../wire/codec.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Commit } from '../wire/messages.ts';
import { signPart } from '../wire/part.ts';
import { signState } from '../wire/state-signature.ts';
import { type AbsentNeighbours, isChecking, sendersOf } from './absent-neighbours.ts';
import { Begins } from './begins.ts';
import { type Comparisons, withCall } from './call-sums.ts';
import { assertMayCross, notFinite } from './frame-values.ts';
import { freeNeighbours } from './free-neighbours.ts';
import type { HostOptions } from './host-options.ts';
import { Meanwhile } from './meanwhile.ts';
import { NextInputs } from './next-inputs.ts';
import type { Start, StretchLog } from './records/stretch-log.ts';
import { ShardBorders } from './shard-borders.ts';
import { openShardData, type ShardData } from './shard-data.ts';
import { borderCodec, drawStates, fillPart, openShardDevice, timed, worksApart } from './shard-device.ts';
import { keptOf, partOf, type StateOfNow, stateOfNow } from './state-of-now.ts';
import { ToldTicks } from './told-ticks.ts';
import { Watchdog } from './watchdog.ts';

/** Without any sign of life from the device for so long, its shard fails. */
export const WATCHDOG_MILLISECONDS = 120_000;

export class ShardHost {
  readonly deployment: Deployment;
  readonly shard: number;
  /** Ticks of whole batches: a microbatch's counts for its share. */
  ticks = 0;
  /** Of device work. */
  busyMilliseconds = 0;
  readonly #plan: ShardSource;
  readonly #options: HostOptions;
  readonly #device: DeviceSession;
  readonly #data: ShardData;
  readonly #inputs: NextInputs;
  readonly #session: ShardSession;
  readonly #borders: ShardBorders;
  readonly #held: HeldBorders;
  /** What frames lose that other shards of this process get; of a term. */
  #carrier: Carrier | undefined;
  readonly #times: TickTimes;
  readonly #log: StretchLog | undefined;
  /** Of schedule `async`. */
  readonly #neighbours: AbsentNeighbours | undefined;
  /** Calls that neighbours have made without this shard. */
  behind: number | undefined;
  /** Sums when the checks of the epoch began. */
  #beforeChecks: Totals = {};
  /** By calls; of states that are too large for that only when they were saved. */
  readonly #kept = new Map<number, SavedStates | undefined>();
  /** What was read of the device before is of no use when it has begun anew. */
  #generation = 0;
  readonly #watchdog = new Watchdog(WATCHDOG_MILLISECONDS);
  readonly #meanwhile: Meanwhile;
  /** The newest state on its way into the mesh: another one is taken when it is there, so that no more lie in memory. */
  #storing: Promise<unknown> = Promise.resolve();
  readonly #calls = new Map<number, Call>();
  readonly #commits: { calls: number; hash: string; sig: string }[] = [];
  /** Calls that are over, whose windows are still open. */
  readonly #over: number[] = [];
  /** It goes on, and what can wait does. */
  #busy = false;
  readonly #begins = new Begins();
  #refused = 0;
  #totals: Totals = {};
  readonly #comparisons: Comparisons = new Map();
  #closed = false;
  #awaits = '';
  #waits: readonly number[] = [];
  readonly #told = new ToldTicks();

  private constructor(
    shard: number,
    deployment: Deployment,
    plan: ShardSource,
    options: HostOptions,
    device: DeviceSession,
    data: ShardData,
  ) {
    this.shard = shard;
    this.deployment = deployment;
    this.#plan = plan;
    this.#options = options;
    this.#device = device;
    this.#data = data;
    this.#inputs = new NextInputs(deployment, data);
    this.#times = tickTimes(`shard ${shard}`);
    const { schedule, staleness = 0 } = deployment;
    const chooser = schedule === 'async' ? newestWithin(staleness, (...of) => this.#borders.hasRead(...of)) : undefined;
    this.#session = openSession(
      plan.schedule,
      plan.executable,
      timed(device, options.now, (milliseconds) => {
        this.busyMilliseconds += milliseconds;
      }),
      this.#times,
      chooser,
    );
    const { keys, listen, carry, dispute } = options;
    this.#meanwhile = new Meanwhile({
      settleOne: () => this.#settleOne(),
      isLate: () => this.#borders.isLate(this.#over.length),
      isOver: () => this.#closed || this.#borders.disputes !== undefined,
      // Of this thread, whatever clock the shard goes by.
      now: () => performance.now(),
      ...{ asleep: options.asleep, isApart: worksApart(plan.executable) },
    });
    this.#held = new HeldBorders(deployment, shard, plan.schedule.messages, (call) => stretchEnd(deployment, call));
    const free = chooser && freeMessages(plan.schedule);
    if (free)
      this.#neighbours = freeNeighbours(deployment, {
        ...{ schedule: plan.schedule, free, isKept: device.held !== undefined },
        ...{ session: this.#session, now: options.now },
        borders: () => this.#borders,
        blind: (isBlind) => this.#log?.setBlind(isBlind),
        send: (frame, to) => this.#sendTo(frame, to),
      });
    if (deployment.stretches) this.#log = options.records?.(deployment, shard, this.#news);
    this.#borders = new ShardBorders({
      ...{ deployment, schedule: plan.schedule, keys, codec: this.#codec(), listen, carry, news: this.#news, dispute },
      times: this.#times,
      log: this.#log,
      ...(free ? { free } : {}),
      heard: deployment.late && ((from) => this.#neighbours?.answered(from)),
      isSilent: (peer) => this.#neighbours?.isSilent(peer) === true,
      // What comes out of a channel is finite.
      deliver: (frame, from) => {
        this.#log?.delivered(frame, from);
        return this.deliver(this.#held.take(frame, from), true);
      },
    });
  }

  static async open(
    shard: number,
    deployment: Deployment,
    plan: ShardSource,
    options: HostOptions,
  ): Promise<ShardHost> {
    const data = await openShardData(deployment, plan.schedule, options.blob, options.parts);
    const device = await openShardDevice(options.device, deployment, plan.executable);
    return new ShardHost(shard, deployment, plan, options, device, data);
  }

  /** The shard of a term: its state as in the manifest, or as at the very beginning; no frames, no borders yet. */
  async restore(
    term: number,
    from:
      | { readonly calls: number; readonly blob: string; readonly totals: Readonly<Record<string, number>> }
      | undefined,
  ): Promise<void> {
    this.#generation++;
    this.#begins.forget();
    this.#borders.begin(term);
    this.#held.begin();
    this.#carrier = carrierOf(this.#codec(), this.#plan.schedule);
    this.#neighbours?.forget();
    this.#session.reset();
    this.#inputs.forget();
    this.#commits.length = 0;
    this.#over.length = 0;
    this.#calls.clear();
    this.#comparisons.clear();
    const { states } = this.#plan.executable.program;
    if (from) await fillPart(this.#device, states, from.blob, this.#options, this.#kept.get(from.calls));
    else await drawStates(this.#device, states, this.deployment, this.#options.blob);
    // Sums start again where an epoch of training has just ended.
    this.#totals = { ...from?.totals };
    if (!this.#log) return;
    const calls = from?.calls ?? 0;
    this.#log.restart(term, calls);
    const state = await this.#stateOfNow(false);
    await this.#beginRecord({ calls, hash: state.hash, totals: this.#totals }, state);
  }

  #stateOfNow(isPart: boolean): Promise<StateOfNow> {
    const generation = this.#generation;
    const holds = (): boolean => this.#generation === generation;
    const { states } = this.#plan.executable.program;
    return stateOfNow(this.#device, states, { isPart, least: this.#options.largeStateBytes, holds });
  }

  async #beginRecord(start: Start, state: StateOfNow): Promise<void> {
    if ('saved' in state) this.#log?.begin(start, state.saved);
    else await this.#log?.beginFrom(start, state.pieces());
  }

  /** It goes on as it is, in a term with other neighbours. */
  goOn(term: number): void {
    this.#borders.begin(term);
    this.#neighbours?.rekeyed();
    this.#commits.length = 0;
    this.#log?.leaveOut(term);
  }

  /** Calls under way are given up, and the checks of the epoch begin anew behind these calls. */
  rewind(calls: number): void {
    this.#giveUp(calls);
    this.#session.reset();
    this.#totals = { ...this.#beforeChecks };
  }

  /** It makes no call before this one. */
  skip(calls: number): void {
    this.#giveUp(calls);
    this.#session.skipTo?.(calls);
  }

  #giveUp(calls: number): void {
    this.#log?.leaveOut(this.term, calls);
    this.#begins.forget();
    this.#inputs.forget();
    this.#calls.clear();
    this.#comparisons.clear();
    this.behind = undefined;
  }

  setAway(shards: readonly number[], lost: readonly number[]): void {
    this.#neighbours?.setAway(shards, lost);
    this.#meanwhile.hear();
  }

  /** Nothing has come for long: it was lost, or a neighbour is not there. Checks wait for all. */
  requestResume(): void {
    if (!isChecking(this.#calls.values()) && this.#neighbours?.waitsFor(this.#waits)) this.#news();
    this.#borders.requestResume();
  }

  readonly #news = (): void => {
    if (!this.#meanwhile.hear()) this.#options.news();
  };

  setPeers(peers: Parameters<ShardBorders['setPeers']>[0]): void {
    this.#borders.setPeers(peers);
    this.#neighbours?.catchUp();
  }

  /** Keys, owners and ways of its borders. */
  get borders(): Pick<ShardBorders, 'offer' | 'owners' | 'ownerOf' | 'reroute' | 'settle' | 'traffic'> {
    return this.#borders;
  }

  begin(callIndex: number, call: Call): void {
    const { deployment } = this;
    const [name, position] = [functionOf(deployment, call), positionOf(deployment, call)];
    this.#calls.set(callIndex, call);
    if (call.kind === 'evaluate' && callIndex > 0 && callAt(deployment, callIndex - 1).kind === 'train')
      this.#beforeChecks = { ...this.#totals };
    const ready = this.#data.ready(call);
    const start = (): void => {
      const inputs = this.#inputs.of(callIndex, call, !ready);
      this.#session.start({ name, position, inputs, callIndex, microbatch: 0 });
    };
    this.#begins.begin(ready, start);
  }

  /** Goes on until it has to wait, or a call has ended: what it sends on the way leaves at once. */
  async advance(): Promise<Outcome> {
    this.#busy = true;
    try {
      return await this.#goOn();
    } finally {
      this.#busy = false;
    }
  }

  async #goOn(): Promise<Outcome> {
    for (;;) {
      if (this.#isHeldUp()) return 'needs';
      if (this.#begins.wait) {
        this.#awaits = 'its data';
        await this.#begins.loaded();
        if (this.#closed) return 'idle';
      }
      this.#meanwhile.forget();
      const step = await this.#watchdog.watch(this.#meanwhile.beside(this.#session.advance()));
      if (this.#closed) return 'idle';
      switch (step.kind) {
        case 'send':
          for (const frame of step.frames) {
            if (this.#told.isNew(frame)) this.ticks += 1 / this.deployment.microbatches;
            this.#send(frame);
          }
          // Whether it goes on with a border less is not decided here.
          if (this.#borders.disputes !== undefined) return 'send';
          break;
        case 'needs':
          this.#waits = sendersOf(this.#plan.schedule, step.frames);
          this.#awaits = `shard ${this.#waits.slice(0, 4).join(', ')}`;
          this.behind = this.#neighbours?.behind(step.frames);
          if (this.behind !== undefined) return 'behind';
          if (await this.#meanwhile.hears()) break;
          return 'needs';
        case 'done':
          await this.#finish(step.part.callIndex, step.results);
          return 'done';
        case 'idle':
          return 'idle';
      }
    }
  }

  /** A neighbour that does not read, or a disk that does not write. */
  #isHeldUp(): boolean {
    const away = isChecking(this.#calls.values()) ? this.#neighbours?.awaited : undefined;
    if (away !== undefined) {
      this.#waits = [away];
      this.#awaits = `shard ${away}, which is away`;
      return true;
    }
    const reader = this.#borders.blockedBy;
    const unwritten = reader === undefined ? this.#log?.waits : undefined;
    this.#waits = reader === undefined ? [] : [reader];
    this.#awaits = reader === undefined ? (unwritten ?? '') : `the reader of shard ${reader} or the way there`;
    return reader !== undefined || unwritten !== undefined;
  }

  /** What holds it up now, in words; nothing while the device works. */
  get awaits(): string {
    return this.#awaits;
  }

  /** Shards that hold it up now. */
  get waits(): readonly number[] {
    const { disputes } = this.#borders;
    return disputes === undefined ? this.#waits : [disputes];
  }

  /** A packet of a border of this shard. */
  receive(from: number, packet: Uint8Array, way: Way): void {
    this.#borders.receive(from, packet, way, this.#busy);
  }

  /** All that no neighbour waits for, and that takes longer than a frame: windows of calls that are over, hashes. */
  #settle(): void {
    while (this.#settleOne());
  }

  /** One piece of it. @returns whether there was one */
  #settleOne(): boolean {
    if (this.#borders.settleOne()) return true;
    const call = this.#over.shift();
    if (call === undefined) return this.#inputs.gather();
    this.#borders.closeWindows(call);
    return true;
  }

  get term(): number {
    return this.#borders.term;
  }

  /** Frames, packets and keys. */
  get refused(): number {
    return this.#refused + this.#borders.refused;
  }

  /** @param areFinite its values were looked at already @returns why it was refused */
  deliver(frame: Frame, areFinite = false): string | undefined {
    const refusal = this.#session.deliver(frame, areFinite);
    this.#neighbours?.heard(frame);
    if (refusal === undefined) this.#meanwhile.hear();
    // A newer one was quicker, or it was sent once more to who may have missed it.
    else if (this.#neighbours && (refusal === 'past' || refusal === 'twice')) return undefined;
    else this.#refused++;
    return refusal;
  }

  /**
   * The state of now, kept here and stored in the mesh.
   * @param last the sums end with it
   * @param taken called when the shard may go on, while the state is being stored: one that is read part by part has to
   *   stay as it is until then
   */
  async save(calls: number, last: boolean, taken: () => void): Promise<SavedPart> {
    await this.#storing;
    this.#settle();
    const state = await this.#stateOfNow(true);
    const { hash } = state;
    const totals = { ...this.#totals };
    if (last) this.#totals = {};
    this.#kept.set(calls, keptOf(state));
    // Known before the part: the synchronizer holds the part against it.
    await this.#endStretch(calls, state, totals);
    const place = { run: this.deployment.run, term: this.term, shard: this.shard, calls };
    const storing = this.#options.putBlob(partOf(state));
    this.#storing = storing.catch(() => undefined);
    if ('saved' in state) taken();
    const blob = await storing;
    if (!('saved' in state)) taken();
    return { ...signPart(place, { blob, hash, totals }, this.#options.keys), term: place.term };
  }

  forget(before: number): void {
    const kept = [...this.#kept.keys()].sort((a, b) => b - a).filter((calls) => calls < before);
    for (const calls of kept.slice(1)) this.#kept.delete(calls);
    this.#borders.forgetWindows(kept[0] ?? 0);
  }

  /** Signed hashes since they were last taken. */
  takeCommits(): Commit['states'] {
    return this.#commits.splice(0);
  }

  /** Of its stretches; nothing where none are kept. */
  get log(): StretchLog | undefined {
    return this.#log;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#generation++;
    this.#watchdog.end();
    this.#times.write();
    await this.#log?.close();
    await this.#device.close();
  }

  async #finish(callIndex: number, results: Readonly<Record<string, Tensor>>): Promise<void> {
    const call = this.#calls.get(callIndex);
    this.#calls.delete(callIndex);
    this.#over.push(callIndex);
    const calls = callIndex + 1;
    this.#log?.done(calls);
    // All that has come is in the record before what is said of it there. Else the next call goes first.
    if (call?.kind !== 'train' || endsStretch(this.deployment, calls)) this.#settle();
    this.#neighbours?.askSilent();
    if (!call) return;
    this.#sum(call, results);
    if (call.kind === 'evaluate') this.#log?.sums(callIndex, this.#totals);
    // At a cut it is saved, and signed with that.
    if (endsStretch(this.deployment, calls) && !isCut(this.deployment, calls)) await this.#commit(calls);
    if (endsEpoch(this.deployment, calls)) this.#times.write();
  }

  #sum(call: Call, results: Readonly<Record<string, Tensor>>): void {
    const summed = withCall(this.deployment, this.#data, this.#totals, call, results, this.#comparisons);
    if ('unsound' in summed)
      throw notFinite('energy/not-finite', `the energy of node ${summed.unsound} is no longer a finite number`, call);
    this.#totals = summed.totals;
  }

  async #commit(calls: number): Promise<void> {
    const before = this.#times.enter('hashing');
    const state = await this.#stateOfNow(false);
    this.#times.leave(before);
    await this.#endStretch(calls, state, this.#totals);
  }

  /** @param totals behind the calls, before an epoch's end forgets them */
  async #endStretch(calls: number, state: StateOfNow, totals: Totals): Promise<void> {
    const { deployment, shard, term } = this;
    const { hash } = state;
    const place = { run: deployment.run, term, shard };
    const signed = signState(place, { calls: lastChange(deployment, calls), hash }, this.#options.keys);
    // Where a shard goes on from term to term, what cannot be done again is not said.
    if (!this.#neighbours || this.#log?.has(calls - 1)) this.#commits.push(signed);
    this.#log?.end(calls, signed, totals, { ...this.#borders.beyond, held: this.#held.heldUntil(calls) });
    await this.#beginRecord({ calls, hash, signed, totals: this.#totals }, state);
  }

  #send(frame: Frame): void {
    const to = this.#plan.schedule.messages.find((m) => m.id === frame.message)?.to;
    if (to === undefined) throw new Error(`no message ${frame.message}`);
    const call = this.#calls.get(frame.callIndex);
    assertMayCross(frame.values, this.#codec(), `shard ${this.shard} for shard ${to}`, call);
    if (this.#neighbours?.sends(frame, call?.kind === 'train') !== false) this.#sendTo(frame, to);
  }

  #sendTo(frame: Frame, to: number): void {
    if (!this.#borders.isLocal(to)) {
      this.#borders.send(frame, to);
      return;
    }
    const handed = carried(frame, this.#carrier, this.#device.held !== undefined);
    const refusal = this.#options.handOver(to, handed, this.term);
    if (refusal !== undefined) throw new Error(`shard ${to} refused a frame: ${refusal}`);
  }

  #codec(): Codec {
    return borderCodec(this.#options.device, this.deployment);
  }
}
