/**
 * How products read their sides. `f32`: as they are. `f16-weights`: weights from copies in half precision, made anew in
 * every run of a function from the weights in f32, which steps change; sums stay in f32. Only weights that a run reads
 * often enough.
 *
 * Each weight is read with an error of at most 2⁻¹¹ of itself; one below 2⁻¹⁴ with at most 2⁻²⁴, or as 0 where a device
 * has no subnormal f16; one beyond 65504 as 65504. An element of a product is so off by at most Σ|x| (2⁻¹¹|w| + 2⁻¹⁴),
 * beside the rounding of f32.
 *
 * `f16`, on GPUs that multiply it: both sides of every product of more than 16 rows and columns are rounded to f16 where
 * they are read, sums stay in f32. An element is off by at most Σ(2⁻¹⁰|x||w| + 2⁻¹⁴(|x| + |w|)), beside the rounding of
 * f32; what is beyond 65504 may be infinite.
 */
export const PRECISIONS = ['f32', 'f16-weights', 'f16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Products of fewer rows or columns are not multiplied in tiles, nor in f16. */
export const NARROW = 16;

/**
 * Units by which a GPU multiplies f16: `scalars`, as it does any numbers (`shader-f16`); or units for small matrices (tensor
 * cores), m x k by k x n with sums in f32, that `lanes` threads of a subgroup work together.
 */
export type HalfUnit = typeof SCALAR_HALVES | MatrixUnit;

export const SCALAR_HALVES = { kind: 'scalars' } as const;

export interface MatrixUnit {
  readonly kind: 'matrices';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly lanes: number;
  /** Subgroups of the device may have other sizes, and have to be told theirs. */
  readonly sized: boolean;
}

/** The largest number of f16. */
export const HALF_MAX = 65504;
