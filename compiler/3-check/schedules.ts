/** `schedule home of brain { … }`: where to run. Of it only `ahead` changes what is computed. */
import type { Schedule } from '../1-syntax/ast.ts';
import type { ScheduleInstance, Value } from './checked.ts';
import { type Environment, inside } from './environment.ts';
import type { ElaboratedModel } from './model.ts';
import { measure, nodeNames, type Reader, Settings, wholeNumber, word } from './settings.ts';
import { refuseStatements } from './statements.ts';
import { isKind } from './term.ts';

const READERS: Readonly<Record<string, Reader<Value>>> = {
  /** Where the model may be cut: between clusters, between nodes, or through nodes as well. */
  cut_at: word(['clusters', 'nodes', 'anywhere']),
  /** Of one machine. */
  memory: measure('memory', '2GiB'),
  uplink: measure('bandwidth', '5Mbit/s'),
  downlink: measure('bandwidth', '20Mbit/s'),
  /** Round trip between two machines. */
  latency: measure('time', '40ms'),
  mode: word(['lockstep', 'pipelined', 'async']),
  shards: wholeNumber(1, 1_000_000),
  microbatches: wholeNumber(1, 4096),
  ahead: wholeNumber(0, 1),
  staleness: wholeNumber(0, 1_000_000),
  /** Of a neighbour that does not answer: its frames are waited for, or it is absent until they come. */
  late: word(['wait', 'absent']),
};

export function elaborateSchedule(
  schedule: Schedule,
  model: ElaboratedModel,
  environment: Environment,
): ScheduleInstance {
  refuseStatements(schedule.body, ['setting'], 'a schedule', environment.session.reporter);
  const scope = inside(environment, model.names);
  const known = ['keep_together', ...Object.keys(READERS)];
  const settings = new Settings(schedule.body, known, 'a schedule', scope);
  const values: Record<string, Value> = {};
  for (const [name, reader] of Object.entries(READERS)) {
    const given = settings.read(name, reader);
    if (given) values[name] = given.value;
  }
  const together = settings.read('keep_together', groups);
  return {
    name: schedule.name.text,
    model: model.instance.name,
    settings: values,
    keepTogether: together?.value ?? [],
    span: schedule.name.span,
  };
}

/** One list of places, or a list of such lists. */
const groups: Reader<string[][]> = {
  wants: 'a list of nodes and clusters',
  read: (term) => {
    if (!isKind(term, 'list')) return undefined;
    const nested = term.items.length > 0 && term.items.every((item) => isKind(item, 'list'));
    const found = (nested ? term.items : [term]).map(nodeNames);
    return found.some((group) => group === undefined) ? undefined : (found as string[][]);
  },
};
