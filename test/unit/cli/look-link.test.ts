/** Which mesh `nmc status` shows where none is named and this machine has none that lets the user look. */
import { expect, test } from 'vitest';
import { joinedMesh } from '../../../runtime/cli/mesh/look-link.ts';

const TRIED = '127.0.0.1:7420';

test('the only mesh that was joined elsewhere is shown, whatever was joined on this machine', () => {
  expect(joinedMesh(TRIED, [TRIED, 'wss://mesh.example:7420', 'localhost:9000'])).toBe('wss://mesh.example:7420');
});

test('the only other port of this machine is shown where no mesh elsewhere was joined', () => {
  expect(joinedMesh(TRIED, [TRIED, '127.0.0.1:9000'])).toBe('127.0.0.1:9000');
  expect(joinedMesh(TRIED, [TRIED, '127.0.0.1:9000', '127.0.0.1:9001'])).toBeUndefined();
  expect(joinedMesh(TRIED, [])).toBeUndefined();
});

test('several meshes elsewhere are listed, and none is chosen', () => {
  const choose = (): unknown => joinedMesh(TRIED, ['a.example:7420', 'b.example:7420']);
  expect(choose).toThrow(expect.objectContaining({ code: 'mesh/several' }));
  expect(choose).toThrow('2 others: a.example:7420, b.example:7420');
});
