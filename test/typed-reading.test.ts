/** Data from outside are read into types in one place each: nothing casts them, and no command reads texts. */
import { describe, expect, test } from 'vitest';
import { matches, trackedFiles } from './support/repository.ts';

const files = trackedFiles();

describe('the mesh', () => {
  test('reads input from others by a schema, and casts none of it', () => {
    const mesh = files.filter((file) => /^runtime\/(net|cli\/mesh)\/.*\.ts$/.test(file));
    expect(matches(mesh, /\b(?:JSON\.parse|parsedJson|\.ask)\(.*\) as \w/)).toEqual([]);
    const asking = matches(mesh, /\blink\.ask\(/i).map((at) => at.split(':')[0]);
    expect(asking).toEqual(['runtime/net/ask.ts']);
  });
});

describe('the runtime', () => {
  test('casts no parsed JSON', () => {
    const runtime = files.filter((file) => /^runtime\/.*\.ts$/.test(file));
    // `object` says nothing of it, and `JsonValue` no more than that it is JSON.
    expect(matches(runtime, /\b(?:JSON\.parse|parsedJson)\(.*\) as (?!(?:object|JsonValue|unknown)\b)[\w{]/)).toEqual(
      [],
    );
  });
});

describe('a command', () => {
  test('gets its arguments read and typed by its table of options', () => {
    const READERS = ['command', 'help', 'options', 'run-command-line', 'usage-error', 'whole-number'];
    const others = files
      .filter((file) => /^runtime\/cli\/.*\.ts$/.test(file))
      .filter((file) => !READERS.some((reader) => file === `runtime/cli/shell/${reader}.ts`));
    expect(matches(others, /\bRawArguments\b|\bwholeNumber\(|from 'yargs'/)).toEqual([]);
  });
});
