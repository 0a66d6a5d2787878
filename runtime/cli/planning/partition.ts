/** `nmc partition`: any graph into parts of equal weight with a small edge cut, to compare with other partitioners. */
import { readFileSync } from 'node:fs';
import { readMetis } from '../../../compiler/6-partition/cut/metis-format.ts';
import { partitionGraph } from '../../../compiler/6-partition/cut/partition-graph.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { withProgress } from '../../support/progress.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import type { PartitionArguments } from './options.ts';

export default function (args: PartitionArguments): number {
  const path = args.graph ?? '';
  const out = args.out;
  const parts = args.parts;
  const seed = args.seed ?? 0;
  const read = readMetis(readGraph(path));
  if (read.kind === 'wrong') throw new UserError('graph/format', `${path}:${read.line}: ${read.message}`, read.repair);
  const { graph } = read;
  if (parts > graph.count)
    throw new UserError(
      'graph/parts',
      `${path} has ${graph.count} vertices, too few for ${parts} parts`,
      `ask for at most --parts ${graph.count}`,
    );
  const started = performance.now();
  const found = withProgress((busy) => partitionGraph(graph, parts, { seed, progress: busy }));
  const seconds = (performance.now() - started) / 1000;
  writeFileAtomic(ownPath(out), `${found.part.join('\n')}\n`);
  const edges = graph.ends.length / 2;
  if (args.json) {
    const { cut, imbalance, balanced } = found;
    emit({ event: 'partitioned', out, vertices: graph.count, edges, parts, seed, cut, imbalance, balanced, seconds });
    return EXIT.done;
  }
  const even = `heaviest part ${(100 * found.imbalance).toFixed(1)} % over the mean`;
  process.stdout.write(
    `${graph.count} vertices, ${edges} edges → ${parts} parts\n` +
      `cut    ${found.cut}    ${even}${found.balanced ? '' : ': its vertices are too heavy for 5 %'}\n` +
      `wrote  ${out}    ${seconds.toFixed(1)} s\n`,
  );
  return EXIT.done;
}

function readGraph(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read (${code ?? 'unknown'})`;
    throw new UserError('graph/unreadable', reason, 'name a graph in the METIS format');
  }
}
