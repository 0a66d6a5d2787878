/** Tasks for every way to train: each train block of each example, and features that no example uses. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const EXAMPLES = 'dsl-examples';
/** Reports are compared, not what was learnt: a few ticks of small batches say the same as many of large ones. */
const MAX_TICKS = 2;
const MAX_BATCH = 8;

export interface ReportTask {
  /** `memory.pcn: dendritic` */
  readonly name: string;
  readonly file: string;
  readonly task: string;
}

/** Lines of a train block that no example has. */
const MORE_LINES = {
  'validate on': 'validate on data.glyphs.test',
  'last = keep': 'last = keep',
} as const;

/** @param folder for the models, which lie in a folder of their own */
export function reportTasks(root: string, folder: string): ReportTask[] {
  const models = join(folder, 'models');
  mkdirSync(models);
  const write = (name: string, text: string): string => {
    const file = join(models, name);
    writeFileSync(file, text);
    return file;
  };
  const files = readdirSync(join(root, EXAMPLES)).filter((name) => name.endsWith('.pcn'));
  const examples = files.flatMap((name) => {
    const text = shortened(readFileSync(join(root, EXAMPLES, name), 'utf8'));
    const file = write(name, text);
    return trainBlocksOf(text).map((task) => ({ name: `${name}: ${task}`, file, task }));
  });
  const digits = shortened(readFileSync(join(root, EXAMPLES, 'digits.pcn'), 'utf8'));
  const more = Object.entries(MORE_LINES).map(([what, line], i) => {
    const text = digits.replace(/^( *)method {4}= .*$/m, `$&\n$1${line}`);
    return { name: `digits.pcn: il, ${what}`, file: write(`more-${i}.pcn`, text), task: 'il' };
  });
  return [...examples, ...more];
}

function trainBlocksOf(text: string): string[] {
  return [...text.matchAll(/^train (\w+) of/gm)].map((found) => found[1] as string);
}

/** Eight columns of the cortex for sixty-four, which alone would take half of the time. */
function shortened(text: string): string {
  return text
    .replace('column[64]', 'column[8]')
    .replaceAll('column[0..31]', 'column[0..3]')
    .replaceAll('column[32..47]', 'column[4..5]')
    .replaceAll('column[48..63]', 'column[6..7]')
    .replace(/^( +(?:method|settle) *=.*\bsteps = )(\d+)/gm, (_, before, n) => before + Math.min(n, MAX_TICKS))
    .replace(/^( +batch +=) (\d+)/gm, (_, before, n) => `${before} ${Math.min(n, MAX_BATCH)}`);
}
