/** Data, clamps, replicas, reads and settings. */
import { describe, expect, test } from 'vitest';
import { checked, checkSource, codesOf } from '../../support/check-source.ts';
import { numbers, tensorOf } from '../../support/evaluate-expr.ts';

const head = (nodes: string): string => `pcn 1
import std/links
import std/nodes
import std/learn
import std/data
model m {
${nodes}
}
`;
const PLAIN = head('sense x: f32[784]\nnode y: f32[10]\nlink x -> y = links.dense()');
const trainOf = (text: string) => {
  const [task] = checked(text).trains;
  if (task === undefined) throw new Error('no task');
  return task;
};

describe('the data of a task', () => {
  test('have rows and a validation', () => {
    const task = trainOf(`${PLAIN}train t of m on data.mnist.train[0..54999] {
      clamp x = sample.image
      validate on data.mnist.train[55000..59999]
    }`);
    expect(task.data.range).toEqual([0, 54999]);
    expect(task.validation?.range).toEqual([55000, 59999]);
  });

  test('have rows by parameters of the model, wherever the data are named', () => {
    const text = `pcn 1
      import std/links
      import std/data
      model m {
        param samples: int = 100
        param bound: float = 0.5
        // A node of this name hides no data set.
        node data: f32[10]
        sense x: f32[784]
        link x -> data = links.dense()
      }
      train t of m on data.mnist.train[0..samples - 1] {
        clamp x = sample.image
        clamp data = one_hot(sample.digit, 10)
        validate on data.mnist.train[samples..2 * samples - 1]
      }
      predict p of m on data.mnist.test[0..samples] {
        clamp x = input.image
        read digit = argmax(data)
      }
      check accuracy(p.digit, data.mnist.test[0..samples - 1].digit) >= bound`;
    const rows = (options: Parameters<typeof checked>[1]) => {
      const { trains, checks } = checked(text, options);
      return [trains[0]?.data.range, trains[0]?.validation?.range, checks[0]?.data.range, checks[0]?.bound];
    };
    expect(rows({})).toEqual([[0, 99], [100, 199], [0, 99], 0.5]);
    expect(rows({ set: { samples: 20, bound: 0.75 } })).toEqual([[0, 19], [20, 39], [0, 19], 0.75]);
  });

  test('are refused where a node is given as a number of rows', () => {
    expect(codesOf(`${PLAIN}train t of m on data.mnist.train[0..y] { clamp x = sample.image }`)).toEqual([
      'name/unknown',
    ]);
  });

  test('take options', () => {
    const task = trainOf(`${PLAIN}train t of m on data.glyphs(rotated = true).train { clamp x = sample.image }`);
    expect(task.data).toMatchObject({ source: 'glyphs', split: 'train', options: { rotated: true } });
  });

  test('have the fields that are named where they are a file', () => {
    const task = trainOf(`${PLAIN}train t of m on data.file("x.npz", image = u8[28, 28], label = f32[10], digit = int) {
      clamp x = sample.image
      clamp y = sample.label
    }`);
    expect(task.data).toMatchObject({ source: 'file', split: 'all', path: 'x.npz' });
    expect(task.data.fields).toEqual([
      { name: 'image', type: 'u8', shape: [28, 28] },
      { name: 'label', type: 'f32', shape: [10] },
      { name: 'digit', type: 'i32', shape: [] },
    ]);
  });

  test('are those of the defaults where the task does not say', () => {
    const task = trainOf(`${PLAIN}train t of m on data.mnist.train { clamp x = sample.image }`);
    expect(task).toMatchObject({ batch: 128, epochs: 10, replicas: 1 });
    expect([task.method.name, task.optimizer.name]).toEqual(['learn.il', 'learn.adam']);
    expect(task.seed).toBeUndefined();
  });
});

describe('a clamp', () => {
  test('reads statistics of the training data by standardize', () => {
    const [clamp] = trainOf(`${head('sense x: f32[4]\nnode y: f32[2]\nlink x -> y = links.dense()')}
      train t of m on data.file("x.npz", pixels = f32[2, 2]) { clamp x = standardize(sample.pixels) }`).clamps;
    const given = {
      'sample.pixels': tensorOf([2, 2], [1, 2, 3, 4]),
      'standardize.pixels.mean': tensorOf([2, 2], [1, 1, 1, 2]),
      'standardize.pixels.scale': 2,
    };
    expect(clamp && numbers(clamp.value, given)).toEqual([0, 0.5, 1, 1]);
  });

  test('has a condition for each sample with when', () => {
    const [, clamp] = trainOf(`${PLAIN}train t of m on data.mnist.train {
      clamp x = sample.image
      clamp y = one_hot(sample.digit, 10) when sample.digit < 5 and not (sample.digit == 2)
    }`).clamps;
    const at = (digit: number): number[] => (clamp?.when ? numbers(clamp.when, { 'sample.digit': digit }) : []);
    expect([1, 2, 7].map(at)).toEqual([[1], [0], [0]]);
  });

  test('repeats a number, and lays elements out in another shape', () => {
    const { clamps } = trainOf(`${head('sense x: f32[28, 14, 2]\nnode y: f32[3]\nlink x -> y = links.dense()')}
      train t of m on data.mnist.train { clamp x = sample.image / 255
      clamp y = -1 }`);
    expect(clamps.map((c) => c.value.shape)).toEqual([[28, 14, 2], [3]]);
    expect(clamps[1] && numbers(clamps[1].value)).toEqual([-1, -1, -1]);
  });

  test('gives replicas samples of their own, and their reads, too', () => {
    const { trains, predicts, checks } = checked(`${head(`
      sense eye[4]: f32[784]
      node core: f32[16]
      node out[4]: f32[10]
      link eye[*] -> core = links.dense()
      link core -> out[*] = links.dense()`)}
    train t of m on data.mnist.train {
      clamp eye[*] = standardize(sample.image)
      clamp out[*] = one_hot(sample.digit, 10)
      batch = 64
    }
    predict p of m {
      clamp eye[*] = standardize(input.image)
      read digit = argmax(out[*])
    }
    check accuracy(p.digit, data.mnist.test.digit) >= 0.5`);
    expect(trains[0]).toMatchObject({ replicas: 4, batch: 64 });
    expect(trains[0]?.clamps.map((c) => c.node)).toEqual([
      'eye[0]',
      'eye[1]',
      'eye[2]',
      'eye[3]',
      'out[0]',
      'out[1]',
      'out[2]',
      'out[3]',
    ]);
    expect(JSON.stringify(trains[0]?.clamps[6]?.value)).toContain('"sample[2].digit"');
    expect(JSON.stringify(trains[0]?.clamps[1]?.value)).toContain('"standardize.image.mean"');
    expect(predicts[0]).toMatchObject({ replicas: 4 });
    expect(predicts[0]?.reads[0]?.value.shape).toEqual([4]);
    expect(checks).toHaveLength(1);
  });

  test('holds an element of an array, and the rest of it under another condition', () => {
    const task = trainOf(`${head('sense eye[2]: f32[784]\nnode y: f32[3]\nlink eye[*] -> y = links.dense()')}
      train t of m on data.mnist.train { clamp eye[0] = sample.image
      clamp eye[1] = 0 }`);
    expect(task.clamps.map((c) => c.node)).toEqual(['eye[0]', 'eye[1]']);
    expect(task.replicas).toBe(1);
  });
});

describe('reads', () => {
  test('are parts and functions of nodes', () => {
    const { predicts } = checked(`${PLAIN}predict p of m on data.mnist.test {
      clamp x = input.image
      read best = amax(softmax(y))
      read first = slice(y, 0, 0, 3)
      read both = concatenate([x, y], axis = 0)
      read error = sum((x - 1) ^ 2)
      settle = learn.settle(steps = 30, rate = 0.1, tolerance = 0.001)
    }`);
    expect(predicts[0]?.reads.map((r) => [r.name, r.value.shape])).toEqual([
      ['best', []],
      ['first', [3]],
      ['both', [794]],
      ['error', []],
    ]);
    expect(predicts[0]?.settle?.arguments).toMatchObject({ steps: 30, rate: 0.1, momentum: 0, tolerance: 0.001 });
  });

  test('in a task without data, a clamp to a field is refused', () => {
    const { diagnostics } = checkSource(`${PLAIN}predict p of m { clamp x = input.image\nread d = argmax(y) }`);
    expect(diagnostics.filter((d) => d.severity === 'error').map((d) => [d.code, d.reason])).toEqual([
      ['data/field', 'no data is named: add `on data.NAME.SPLIT` to the task'],
    ]);
  });
});

describe('a mistake', () => {
  test('silences what depends on it', () => {
    expect(
      codesOf(`${head('sense x: f32[n]\nnode y: f32[10]\nlink x -> y = links.dense()\nlink y -> x = links.one_to_one()')}
      train t of m on data.mnist.train { clamp x = sample.image\nclamp y = one_hot(sample.digit, 10) }
      predict p of m { clamp x = input.image\nread d = argmax(y + x) }
      check accuracy(p.d, data.mnist.test.digit) > 0.5`),
    ).toEqual(['name/unknown']);
  });

  test('is reported with all others in one go, in the order of the text', () => {
    const { diagnostics } =
      checkSource(`${head('sense x: f32[784]\nnode y: f32[0]\nlink x -> z = links.dense()\nlink x -> x = links.dense(delay = 0.5)')}
      train t of m on data.mnist.train { clamp x = sample.imag\nsteps = 3 }`);
    const errors = diagnostics.filter((d) => d.severity === 'error');
    expect(errors.map((d) => d.code)).toEqual([
      'shape/size',
      'name/unknown',
      'argument/type',
      'data/field',
      'setting/unknown',
    ]);
  });
});
