/** Convolutions and pooling: sums over the windows' places, each written from the side of the result. */
import { sizeOf } from '../../../spec/program.ts';
import { backward, between, type Convolution, forward } from '../../operators/convolution.ts';
import { type Pooling, poolingOf, spreadOf } from '../../operators/pooling.ts';
import type { FlatOp } from './flat.ts';
import { coordinates, linear } from './linear-places.ts';
import type { Place, Reduction, WgslLowering } from './lowering.ts';
import type { ModuleWriter } from './writer.ts';

const shapeOf = (op: FlatOp, argument: number): readonly number[] => op.uses[argument]?.shape ?? [];
const signed = (n: number): string => `${n}`;

interface Geometry {
  readonly windows: Convolution['windows'];
  readonly picture: readonly [number, number];
  readonly counted: readonly [number, number];
}

/** The picture's place under a window's place, where there is one. */
function under(w: ModuleWriter, g: Geometry, window: readonly string[], inside: readonly string[]): Inside {
  const places = ([0, 1] as const).map((axis) => {
    const { stride, padding } = g.windows;
    return w.let(
      'y',
      `i32(${window[axis]}) * ${signed(stride[axis])} + i32(${inside[axis]}) - ${signed(padding[axis])}`,
    );
  });
  const holds = places.map((y, axis) => `${y} >= 0 && ${y} < ${signed(g.picture[axis] ?? 1)}`).join(' && ');
  return { holds, places: places.map((y) => `u32(${y})`) };
}

interface Inside {
  readonly holds: string;
  readonly places: readonly string[];
}

/** The window that has a place of the picture at its own place `inside`, where there is one. */
function over(w: ModuleWriter, g: Geometry, place: readonly string[], inside: readonly string[]): Inside {
  const tests: string[] = [];
  const places = ([0, 1] as const).map((axis) => {
    const { stride, padding } = g.windows;
    const from = w.let('y', `i32(${place[axis]}) + ${signed(padding[axis])} - i32(${inside[axis]})`);
    tests.push(`${from} >= 0 && ${from} % ${signed(stride[axis])} == 0`);
    tests.push(`${from} / ${signed(stride[axis])} < ${signed(g.counted[axis] ?? 1)}`);
    return `u32(${from} / ${signed(stride[axis])})`;
  });
  return { holds: tests.join(' && '), places };
}

const geometryOf = (c: Convolution): Geometry => ({ windows: c.windows, picture: c.x.size, counted: c.y.size });

/** A term that is zero unless `inside` holds. */
function guarded(w: ModuleWriter, inside: Inside, initial: string, write: () => string): string {
  const value = w.name('value');
  w.line(`var ${value} = ${initial};`);
  w.block(`if (${inside.holds})`, () => w.line(`${value} = ${write()};`));
  return value;
}

function conv2d(op: FlatOp): Reduction {
  const c = forward(shapeOf(op, 0), shapeOf(op, 1), op.attributes);
  const { x, y, windows } = c;
  const termShape = [...windows.kernel, x.channels];
  const kernel = [...windows.kernel, x.channels, y.channels];
  return {
    combine: 'sum',
    count: sizeOf(termShape),
    byColumns: true,
    term: ({ w, at, load }, r) => {
      const [page = '', oy = '', ox = '', o = ''] = coordinates(w, at, [y.pages, ...y.size, y.channels]);
      const [ky = '', kx = '', channel = ''] = coordinates(w, r, termShape);
      const inside = under(w, geometryOf(c), [oy, ox], [ky, kx]);
      return guarded(w, inside, '0.0', () => {
        const from = load(
          0,
          w.let('p', linear(w, [page, ...inside.places, channel], [x.pages, ...x.size, x.channels])),
        );
        return `${from} * ${load(1, w.let('p', linear(w, [ky, kx, channel, o], kernel)))}`;
      });
    },
  };
}

function convTranspose(op: FlatOp): Reduction {
  const c = backward(shapeOf(op, 0), shapeOf(op, 1), op.attributes);
  const { x, y, windows } = c;
  const termShape = [...windows.kernel, y.channels];
  const kernel = [...windows.kernel, x.channels, y.channels];
  return {
    combine: 'sum',
    count: sizeOf(termShape),
    byColumns: true,
    term: ({ w, at, load }, r) => {
      const [page = '', py = '', px = '', channel = ''] = coordinates(w, at, [x.pages, ...x.size, x.channels]);
      const [ky = '', kx = '', o = ''] = coordinates(w, r, termShape);
      const inside = over(w, geometryOf(c), [py, px], [ky, kx]);
      return guarded(w, inside, '0.0', () => {
        const from = load(0, w.let('p', linear(w, [page, ...inside.places, o], [y.pages, ...y.size, y.channels])));
        return `${from} * ${load(1, w.let('p', linear(w, [ky, kx, channel, o], kernel)))}`;
      });
    },
  };
}

function weightGradient(op: FlatOp): Reduction {
  const c = between(shapeOf(op, 0), shapeOf(op, 1), op.attributes);
  const { x, y, windows } = c;
  const termShape = [y.pages, ...y.size];
  return {
    combine: 'sum',
    count: sizeOf(termShape),
    byColumns: true,
    term: ({ w, at, load }, r) => {
      const [ky = '', kx = '', channel = '', o = ''] = coordinates(w, at, [...windows.kernel, x.channels, y.channels]);
      const [page = '', oy = '', ox = ''] = coordinates(w, r, termShape);
      const inside = under(w, geometryOf(c), [oy, ox], [ky, kx]);
      return guarded(w, inside, '0.0', () => {
        const from = load(
          0,
          w.let('p', linear(w, [page, ...inside.places, channel], [x.pages, ...x.size, x.channels])),
        );
        return `${from} * ${load(1, w.let('p', linear(w, [page, oy, ox, o], [...termShape, y.channels])))}`;
      });
    },
  };
}

const poolGeometry = (p: Pooling): Geometry => ({ windows: p.windows, picture: p.x.size, counted: p.count });

/** One term for each place of the window. */
function pooled(p: Pooling, outside: string, { w, at, load }: Place, r: string): string {
  const [page = '', oy = '', ox = '', channel = ''] = coordinates(w, at, [p.x.pages, ...p.count, p.x.channels]);
  const inside = under(w, poolGeometry(p), [oy, ox], coordinates(w, r, p.windows.kernel));
  return guarded(w, inside, outside, () =>
    load(0, w.let('p', linear(w, [page, ...inside.places, channel], [p.x.pages, ...p.x.size, p.x.channels]))),
  );
}

const LOWEST = '-3.4028234e38';

function maxPool(op: FlatOp): Reduction {
  const p = poolingOf(shapeOf(op, 0), op.attributes);
  const count = sizeOf(p.windows.kernel);
  return { combine: 'max', count, byColumns: true, term: (place, r) => pooled(p, LOWEST, place, r) };
}

function averagePool(op: FlatOp): Reduction {
  const p = poolingOf(shapeOf(op, 0), op.attributes);
  const count = sizeOf(p.windows.kernel);
  return { combine: 'mean', count, byColumns: true, term: (place, r) => pooled(p, '0.0', place, r) };
}

/** One term for each window over a place of the picture: `write` with the window and the place within it. */
function spread(
  p: Pooling,
  { w, at }: Place,
  r: string,
  write: (page: string, window: readonly string[], channel: string, place: readonly string[]) => string,
): string {
  const [page = '', py = '', px = '', channel = ''] = coordinates(w, at, [p.x.pages, ...p.x.size, p.x.channels]);
  const inside = over(w, poolGeometry(p), [py, px], coordinates(w, r, p.windows.kernel));
  return guarded(w, inside, '0.0', () => write(page, inside.places, channel, [py, px]));
}

function averagePoolGradient(op: FlatOp): Reduction {
  const p = spreadOf(shapeOf(op, 0), op.attributes);
  return {
    combine: 'mean',
    count: sizeOf(p.windows.kernel),
    byColumns: true,
    term: (place, r) =>
      spread(p, place, r, (page, window, channel) =>
        place.load(
          0,
          place.w.let('p', linear(place.w, [page, ...window, channel], [p.x.pages, ...p.count, p.x.channels])),
        ),
      ),
  };
}

/** The gradient of a window goes to the first of its largest elements, which each element finds out for itself. */
function maxPoolGradient(op: FlatOp): Reduction {
  const p = poolingOf(shapeOf(op, 0), op.attributes);
  const pictureShape = [p.x.pages, ...p.x.size, p.x.channels];
  return {
    combine: 'sum',
    count: sizeOf(p.windows.kernel),
    byColumns: true,
    term: (place, r) =>
      spread(p, place, r, (page, window, channel) => {
        const { w, at, load } = place;
        const best = w.name('best');
        const where = w.name('where');
        w.line(`var ${best} = ${LOWEST};`);
        w.line(`var ${where} = 0xffffffffu;`);
        const k = w.name('k');
        w.block(`for (var ${k} = 0u; ${k} < ${w.size(sizeOf(p.windows.kernel))}; ${k}++)`, () => {
          const inside = under(w, poolGeometry(p), window, coordinates(w, k, p.windows.kernel));
          w.block(`if (${inside.holds})`, () => {
            const from = w.let('p', linear(w, [page, ...inside.places, channel], pictureShape));
            const x = load(0, from);
            w.block(`if (${where} == 0xffffffffu || ${x} > ${best})`, () => {
              w.line(`${best} = ${x};`);
              w.line(`${where} = ${from};`);
            });
          });
        });
        const g = load(1, w.let('p', linear(w, [page, ...window, channel], [p.x.pages, ...p.count, p.x.channels])));
        return `select(0.0, ${g}, ${where} == ${at})`;
      }),
  };
}

const reduction = (plan: (op: FlatOp) => Reduction): WgslLowering => ({ kind: 'reduction', claims: false, plan });

export const windowLowerings = {
  conv2d: reduction(conv2d),
  conv_transpose2d: reduction(convTranspose),
  conv2d_weight_gradient: reduction(weightGradient),
  max_pool2d: reduction(maxPool),
  max_pool2d_gradient: reduction(maxPoolGradient),
  average_pool2d: reduction(averagePool),
  average_pool2d_gradient: reduction(averagePoolGradient),
} satisfies Record<string, WgslLowering>;
