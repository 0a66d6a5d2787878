/** Each role's state machine has one driver: a node, a simulation and a test differ in its ports alone. */
import { expect, test } from 'vitest';
import { importsOf, trackedFiles } from '../../support/repository.ts';

const ROLE = 'runtime/roles/trainer.ts';

/** Files that call the state machine; tests of the machine itself may. */
function callersIn(pattern: RegExp): string[] {
  const files = trackedFiles().filter((file) => pattern.test(file));
  return files.filter((file) => importsOf(file).some(({ target, typeOnly }) => target === ROLE && !typeOnly));
}

test('the trainer is run by one driver', () => {
  expect(callersIn(/^(runtime|compiler)\/.*\.ts$/)).toEqual(['runtime/driver/trainer-driver.ts']);
});

test('no mesh that tests make up runs it by itself', () => {
  expect(callersIn(/^test\/(?!.*\.test\.ts$).*\.ts$/)).toEqual([]);
});
