/**
 * How products read weights. `f32`: as they are. `f16-weights`: from copies in half precision, made anew in every run of
 * a function from the weights in f32, which steps change; sums stay in f32. Only weights that a run reads often enough.
 *
 * Each weight is read with an error of at most 2⁻¹¹ of itself; one below 2⁻¹⁴ with at most 2⁻²⁴, or as 0 where a device
 * has no subnormal f16; one beyond 65504 as 65504. An element of a product is so off by at most Σ|x| (2⁻¹¹|w| + 2⁻¹⁴),
 * beside the rounding of f32.
 */
export const PRECISIONS = ['f32', 'f16-weights'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The largest number of f16. */
export const HALF_MAX = 65504;
