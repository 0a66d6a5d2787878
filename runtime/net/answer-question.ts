/** The answer of a synchronizer to a question about runs that it leads, keys, and blobs. */
import type { Backplane, StreamRecord } from '../backplane/backplane.ts';
import { LEDGER } from '../ledger/entry.ts';
import { blobsOfDeployment } from '../roles/named-blobs.ts';
import type { SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Question } from '../wire/messages.ts';
import { type Answers, answerTo } from './answers.ts';
import { eventStream } from './event-log.ts';
import type { Garbage, GarbageReport } from './garbage.ts';
import type { Visitor } from './gateway.ts';
import { answerKeys } from './keys-questions.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import type { Membership } from './membership.ts';
import { soundDeployment } from './read-deployment.ts';
import type { RecordTickets } from './record-tickets.ts';
import { readLogEntry } from './run-shapes.ts';

export interface Answering {
  readonly membership: Membership;
  readonly backplane: Backplane;
  /** As it is at that moment. */
  readonly state: () => SynchronizerState;
  readonly garbage: Garbage;
  readonly records: RecordTickets;
  readonly ledger: Pick<LedgerKeeper, 'fund' | 'forked' | 'order' | 'settings'>;
  readonly status: (from: number | undefined) => Answers['status'];
  readonly happen: (event: SynchronizerEvent) => void;
  /** Until all that was decided so far is written down and said. */
  readonly settled: () => Promise<void>;
  /** Until what has entered so far is in the recordings. */
  readonly flush: () => Promise<void>;
  readonly collected: (dryRun: boolean) => Promise<GarbageReport>;
  readonly prepareChecks: () => void;
  /** Ends what a key may not have any more. */
  readonly review: (key: string, reason: string) => void;
}

/** Bytes of records in one answer. */
const MAX_RECORDED_BYTES = 768 * 1024;

/** @throws UserError with the reason, in the words of the one who asks */
export async function answerQuestion(visitor: Visitor, question: Question, at: Answering): Promise<unknown> {
  const { key } = visitor;
  const { membership, backplane, state, garbage, records, happen, review } = at;
  switch (question.what) {
    case 'status':
      return at.status(question.from);
    case 'alive':
      happen({ kind: 'alive', key, instance: question.instance });
      return {};
    case 'record':
      return answerTo('record', await records.bring(visitor, question.ticket));
    case 'fork':
      await at.ledger.forked(question.heads);
      return answerTo('fork', {});
    case 'order':
      // All others are their author's own word; a charter is the mesh's.
      if (question.order.type === 'charter') membership.assertOperator(visitor, 'charter');
      await at.ledger.order(question.order);
      return answerTo('order', {});
    case 'ledger':
      return answerTo('ledger', { records: fitting(await backplane.chain(LEDGER, question.from, 1000)) });
  }
  membership.assertOperator(visitor, question.what);
  switch (question.what) {
    case 'deploy':
      assertDeployer(key, at.ledger.settings.deployers);
      return deploy(visitor, question.deployment, at);
    case 'stop':
      known(state(), question.run);
      happen({ kind: 'stop', run: question.run });
      return {};
    case 'run': {
      const run = known(state(), question.run);
      garbage.holdRun(visitor, run);
      const { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked = null } = run;
      return answerTo('run', { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked });
    }
    case 'logs': {
      known(state(), question.run);
      const read = fitting(await backplane.read(`log/${question.run}`, question.from, 1000));
      return answerTo('logs', {
        records: read.map(({ sequence, value }) => ({ sequence, ...readLogEntry(question.run, value) })),
      });
    }
    case 'events': {
      known(state(), question.run);
      if (question.from <= 1) await at.flush();
      return answerTo('events', {
        records: fitting(await backplane.read(eventStream(question.run), question.from, 64)),
      });
    }
    case 'keys':
    case 'allow':
    case 'revoke':
    case 'expire':
    case 'invite':
      return answerKeys(question, { by: key, membership, state: state(), review });
    case 'ticket':
      return answerTo('ticket', { ticket: records.issue(question, question.bearer ?? key) });
    case 'drain':
      happen({ kind: 'drain', name: question.trainer });
      return {};
    case 'fund':
      if (question.funds.by !== key)
        throw new UserError('ledger/refused', 'the order is signed by another key', 'give tokens of your own');
      await at.ledger.fund(question.funds);
      return answerTo('fund', {});
    case 'gc':
      return answerTo('gc', await at.collected(question.dryRun));
    default:
      throw new UserError('mesh/question', 'this question is not answered here');
  }
}

/** Who may deploy was narrowed by the mesh's own file, or by votes. */
function assertDeployer(key: string, deployers: readonly string[] | undefined): void {
  if (!deployers || deployers.includes(key)) return;
  throw new UserError(
    'mesh/forbidden',
    'the votes of this mesh let others deploy, not this key',
    `who may, and what is voted on: ${nmc`vote show`}`,
  );
}

async function deploy(visitor: Visitor, asked: Deployment, at: Answering): Promise<Answers['deploy']> {
  const { backplane, garbage, state } = at;
  const deployment = soundDeployment(asked, asked.run);
  const blobs = blobsOfDeployment(deployment);
  garbage.hold(visitor, blobs);
  for (const blob of blobs)
    if (!(await backplane.touchBlob(blob)))
      throw new UserError('mesh/blob', `the mesh has no blob ${blob}`, 'deploy again: it brings what is missing');
  const before = state().runs[deployment.run];
  const hash = await backplane.putBlob(canonicalBytes(deployment));
  if (before && before.hash !== hash)
    throw new UserError('mesh/run', `there is a different run ${deployment.run}`, 'deploy under another name');
  at.happen({ kind: 'deploy', deployment, hash });
  if (deployment.evaluations.length > 0) at.prepareChecks();
  await at.settled();
  garbage.letGo(visitor, blobs);
  return { run: deployment.run };
}

function known({ runs }: SynchronizerState, id: string): SynchronizerState['runs'][string] {
  const run = runs[id];
  if (run) return run;
  const names = Object.keys(runs);
  throw new UserError(
    'mesh/run',
    `there is no run ${id}`,
    names.length > 0 ? `there are: ${names.join(', ')}` : 'no run has been deployed yet',
  );
}

/** The first of them, as many as fit into one message; one at least. */
function fitting<R extends StreamRecord>(records: readonly R[]): readonly R[] {
  let size = 0;
  const end = records.findIndex(({ value }) => {
    size += Buffer.byteLength(value);
    return size > MAX_RECORDED_BYTES;
  });
  return end < 0 ? records : records.slice(0, Math.max(1, end));
}
