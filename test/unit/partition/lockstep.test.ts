/** Cut over several shards in lockstep, a model computes what it computes on one: the same bits where nothing is tiled. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { verify } from '../../../compiler/5-program/verify.ts';
import { compileText, runShards, runWhole, splitRandomly } from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

const golden = 'test/golden';
const cases = readdirSync(golden).filter((name) => existsSync(`${golden}/${name}/model.pcn`));

function textOf(name: string): { text: string; files: Record<string, string>; tasks: string[] } {
  const folder = `${golden}/${name}`;
  const text = readFileSync(`${folder}/model.pcn`, 'utf8');
  const others = readdirSync(folder).filter(
    (file) => file.endsWith('.pcn') && file !== 'model.pcn' && file !== 'ast.pcn',
  );
  const files = Object.fromEntries(others.map((file) => [file, readFileSync(`${folder}/${file}`, 'utf8')]));
  return { text, files, tasks: [...text.matchAll(/^train (\w+) of/gm)].map((m) => m[1] ?? '') };
}

describe.each(cases)('%s', (name) => {
  const { text, files, tasks } = textOf(name);
  test.each(tasks)('trains %s in lockstep with the bits of one piece', async (task) => {
    const compiled = compileText(text, task, files);
    const whole = await runWhole(compiled.program);
    for (const [shards, earlyWork] of [[1], [2], [3], [8], [3, 1]] as const)
      for (const seed of [0, 1]) {
        const split = splitRandomly(compiled, shards, seed, earlyWork);
        expect(split).toHaveLength(shards);
        for (const shard of split) verify(shard.program);
        const parts = await runShards(compiled.program, split);
        expect(parts.results, `${shards} shards, seed ${seed}`).toEqual(whole.results);
        for (const [id, values] of whole.states)
          if (!isUnused(id, compiled.program))
            expect(parts.states.get(id), `${id}, ${shards} shards, seed ${seed}`).toEqual(values);
      }
  });
});

/** A state that nothing reads or writes is on no shard. */
function isUnused(id: string, program: ReturnType<typeof compileText>['program']): boolean {
  return program.functions.every(
    (f) => !f.updates.some((u) => u.state === id) && !f.blocks.some((b) => b.ops.some((op) => op.args.includes(id))),
  );
}

test('work that waits for no frame is done while frames are on their way', () => {
  const { text } = textOf('rule-il');
  const compiled = compileText(text);
  const runsBetween = (earlyWork?: number): number =>
    splitRandomly(compiled, 3, 1, earlyWork).reduce((sum, { schedule }) => {
      const segments = schedule.functions.flatMap((f) =>
        f.stages.filter((s) => s.repeat > 1).flatMap((s) => s.segments),
      );
      return sum + segments.filter((s) => s.receive.length === 0 && s.send.length === 0).length;
    }, 0);
  expect(runsBetween(1)).toBeGreaterThan(runsBetween());
});
