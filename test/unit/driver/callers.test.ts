/** Each role's state machine has one driver: a node, a simulation and a test differ in its ports alone. */
import { expect, test } from 'vitest';
import { importsOf, readText, trackedFiles } from '../../support/repository.ts';

const files = trackedFiles();
const product = files.filter((file) => /^(runtime|compiler)\/.*\.ts$/.test(file));
/** Worlds that tests make up; tests of a state machine itself may call it. */
const worlds = files.filter((file) => /^test\/(?:mesh|support)\/[^/]+\.ts$/.test(file) && !file.endsWith('.test.ts'));
/** Code that carries effects out is a driver, also in a test. */
const drivers = files.filter((file) => /^test\/.*\.test\.ts$/.test(file) && /#carryOut\(/.test(readText(file)));

/** Files that call the state machine of a role; what the roles themselves do with it is theirs. */
function callersIn(some: readonly string[], role: string): string[] {
  return some.filter(
    (file) =>
      !file.startsWith('runtime/roles/') &&
      importsOf(file).some(({ target, typeOnly }) => target === `runtime/roles/${role}.ts` && !typeOnly) &&
      new RegExp(`\\b${role}\\(`).test(readText(file)),
  );
}

test.each(['trainer', 'synchronizer', 'predictor'])('the %s is run by one driver', (role) => {
  expect(callersIn(product, role)).toEqual([`runtime/driver/${role}-driver.ts`]);
  expect(callersIn([...worlds, ...drivers], role)).toEqual([]);
});
