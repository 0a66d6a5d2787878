/** What is carried from one backplane to another, again after it was ended somewhere. */
import { expect, test } from 'vitest';
import { copyMesh } from '../../runtime/backplane/copy-mesh.ts';
import { memoryBackplane } from '../support/memory-backplane.ts';

test('a copy that is begun again keeps the mark of what the mesh has forgotten, and never lowers it', async () => {
  const [from, to] = [memoryBackplane(), memoryBackplane()];
  for (let i = 0; i < 5; i++) await from.append('event/x', `B${i}`);
  await from.trim('event/x', 4);
  const marksAfterCopy = async (): Promise<unknown> => {
    await copyMesh(from, to, () => undefined);
    return (await to.list('forgotten/')).map(({ key, value }) => ({ key, value }));
  };
  const wanted = [{ key: 'forgotten/event/x', value: '4' }];
  expect(await marksAfterCopy()).toEqual(wanted);
  expect(await marksAfterCopy()).toEqual(wanted);
  await from.put('forgotten/event/x', '2', 0);
  expect(await marksAfterCopy()).toEqual(wanted);
  await from.put('forgotten/event/x', '5', 1);
  await from.put('forgotten/gone', '7', 0);
  expect(await marksAfterCopy()).toEqual([
    { key: 'forgotten/event/x', value: '5' },
    { key: 'forgotten/gone', value: '7' },
  ]);
});

test('an entry that the source has lost meanwhile goes from the target too', async () => {
  const [from, to] = [memoryBackplane(), memoryBackplane()];
  await from.put('run/a', '{}', 0);
  await to.put('run/b', '{}', 0);
  await copyMesh(from, to, () => undefined);
  expect((await to.list('')).map(({ key }) => key)).toEqual(['run/a']);
});
