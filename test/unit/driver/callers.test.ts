/** Each role's state machine has one driver: a node, a simulation and a test differ in its ports alone. */
import { expect, test } from 'vitest';
import { importsOf, readText, trackedFiles } from '../../support/repository.ts';

const files = trackedFiles();
const product = files.filter((file) => /^(runtime|compiler)\/.*\.ts$/.test(file));
/** Meshes that tests make up; tests of a state machine itself may call it. */
const meshes = files.filter((file) => /^test\/mesh\/[^/]+\.ts$/.test(file) && !file.endsWith('.test.ts'));

/** Files that call the state machine of a role; what the roles themselves do with it is theirs. */
function callersIn(some: readonly string[], role: string): string[] {
  return some.filter(
    (file) =>
      !file.startsWith('runtime/roles/') &&
      importsOf(file).some(({ target, typeOnly }) => target === `runtime/roles/${role}.ts` && !typeOnly) &&
      new RegExp(`\\b${role}\\(`).test(readText(file)),
  );
}

test.each(['trainer', 'synchronizer'])('the %s is run by one driver', (role) => {
  expect(callersIn(product, role)).toEqual([`runtime/driver/${role}-driver.ts`]);
  expect(callersIn(meshes, role)).toEqual([]);
});
