/**
 * Functions that WGSL lacks, or defines too loosely: its tanh may overflow, its sin and cos may be wrong in the fourth
 * digit (WGSL, section 15.7.4), its pow takes no negative base. An implementation may assume that every value is finite
 * (section 15.7.2), and drivers do: `log(-8)` is `log(8)`, `max(NaN, 0)` is 0. So NaN is recognised by its bits, and
 * passed on.
 */
export const wgslFunctions = {
  is_nan: `fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`,
  larger: `fn larger(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}`,
  smaller: `fn smaller(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}`,
  positive: `// 1 where x > 0, else 0
fn positive(x: f32) -> f32 {
  return select(select(0.0, 1.0, x > 0.0), x, is_nan(x));
}`,
  signed: `fn signed(x: f32) -> f32 {
  return select(sign(x), x, is_nan(x));
}`,
  exponential: `fn exponential(x: f32) -> f32 {
  return select(exp(x), x, is_nan(x));
}`,
  logarithm: `fn logarithm(x: f32) -> f32 {
  let some = select(log(x), -bitcast<f32>(infinite), x == 0.0);
  return select(select(some, bitcast<f32>(not_a_number), x < 0.0), x, is_nan(x));
}`,
  hyperbolic: `// tanh; a series near 0, where the quotient would cancel.
fn hyperbolic(x: f32) -> f32 {
  let a = min(abs(x), 20.0);
  let q = x * x;
  let near = x * (1.0 + q * (-0.33333333 + q * (0.13333333 - q * 0.053968254)));
  let e = exp(-2.0 * a);
  return select(select(sign(x) * (1.0 - e) / (1.0 + e), near, a < 0.15), x, is_nan(x));
}`,
  logistic: `fn logistic(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}`,
  gelu: `// 0.5 x (1 + tanh(k (x + c x^3))) (Hendrycks and Gimpel 2016, section 2)
fn gelu(x: f32) -> f32 {
  return 0.5 * x * (1.0 + hyperbolic(0.7978845608 * (x + 0.044715 * x * x * x)));
}`,
  gelu_slope: `fn gelu_slope(x: f32) -> f32 {
  // Beyond 10 it is 0 or 1, and x^2 would outgrow its factor of 0.
  let y = clamp(x, -10.0, 10.0);
  let t = hyperbolic(0.7978845608 * (y + 0.044715 * y * y * y));
  let slope = 0.5 * (1.0 + t) + 0.5 * y * (1.0 - t * t) * 0.7978845608 * (1.0 + 0.134145 * y * y);
  return select(slope, bitcast<f32>(not_a_number), (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u);
}`,
  reduced: `// x - q pi/2 with the q nearest to it (Cody and Waite 1980, chapter 8): three parts of pi/2.
fn reduced(x: f32, q: f32) -> f32 {
  return ((x - q * 1.5703125) - q * 0.00048375129699707031) - q * 7.5497899548918822e-8;
}
fn sine_near(x: f32) -> f32 {
  let q = x * x;
  return x * (1.0 + q * (-0.16666667 + q * (0.0083333310 + q * (-0.00019840874 + q * 0.0000027525562))));
}
fn cosine_near(x: f32) -> f32 {
  let q = x * x;
  return 1.0 + q * (-0.5 + q * (0.041666668 + q * (-0.0013888889 + q * 0.000024760495)));
}
// sine of x + turns * pi/2
fn sine_from(x: f32, turns: i32) -> f32 {
  let q = round(x * 0.6366197724);
  // Where an f32 has lost the turns, the answer is some sine; of what is infinite, it is no number.
  let rest = reduced(x, q);
  let r = select(clamp(rest, -0.8, 0.8), rest, is_nan(rest));
  let quadrant = (i32(q) + turns) & 3;
  let y = select(sine_near(r), cosine_near(r), (quadrant & 1) == 1);
  return select(y, -y, quadrant >= 2);
}`,
  power: `// a to the power of b; negative bases have whole powers.
fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0 || a == 1.0 || (a == -1.0 && abs(b) > 3.4028234e38)) { return 1.0; }
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  if (a == 0.0) { return select(1.0 / a, 0.0, b > 0.0); }
  let whole = floor(b) == b;
  if (whole && abs(b) <= 16.0) {
    var product = 1.0;
    for (var i = 0; i < i32(abs(b)); i++) { product *= a; }
    return select(1.0 / product, product, b > 0.0);
  }
  if (a < 0.0 && a >= -3.4028234e38 && !whole) { return bitcast<f32>(not_a_number); }
  let size = exp2(b * log2(abs(a)));
  let odd = whole && abs(b) < 16777216.0 && (i32(b) & 1) != 0;
  return select(size, -size, a < 0.0 && odd);
}`,
  words_at: `// The words of Philox-2x32-10.
fn high_word(a: u32, b: u32) -> u32 {
  let middle = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u);
}
fn words_at(element: f32, row: f32, key: f32) -> vec2u {
  var x = vec2u(u32(element), u32(row));
  var k = u32(key);
  for (var round = 0; round < 10; round++) {
    x = vec2u(high_word(0xd256d193u, x.x) ^ k ^ x.y, 0xd256d193u * x.x);
    k += 0x9e3779b9u;
  }
  return x;
}`,
  uniform_at: `fn uniform_at(element: f32, row: f32, key: f32) -> f32 {
  return f32(words_at(element, row, key).x >> 8u) / 16777216.0;
}`,
  normal_at: `// The words become a normal number (Box and Muller); the logarithm near 1 by the series of artanh.
fn normal_at(element: f32, row: f32, key: f32) -> f32 {
  let x = words_at(element, row, key);
  let u = f32((x.x >> 8u) + 1u) / 16777216.0;
  var part = frexp(u);
  let small = part.fract < 0.75;
  let m = select(part.fract, 2.0 * part.fract, small);
  let exponent = f32(part.exp - select(0, 1, small));
  let s = (m - 1.0) / (m + 1.0);
  let q = s * s;
  let series = 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * (0.11111111 + q * 0.09090909)))));
  return sqrt(max(-2.0 * (series + exponent * 0.69314718), 0.0)) * sine_from(6.2831853 * f32(x.y >> 8u) / 16777216.0, 1);
}`,
  half_bits: `// The nearest f16: rounded here, so that packing is exact however a device rounds. Beyond 65504 stays 65504; what is
// infinite or no number stays so.
fn half_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  if (size >= 0x7f800000u) { return ((bits >> 16u) & 0x8000u) | select(0x7c00u, 0x7e00u, size > 0x7f800000u); }
  let near = min((size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u, 0x477fe000u);
  return pack2x16float(vec2f(bitcast<f32>((bits & 0x80000000u) | near), 0.0)) & 0xffffu;
}`,
} as const;

export type WgslFunction = keyof typeof wgslFunctions;

/** Functions that one needs, before itself. */
export const functionNeeds: Partial<Record<WgslFunction, readonly WgslFunction[]>> = {
  larger: ['is_nan'],
  smaller: ['is_nan'],
  positive: ['is_nan'],
  signed: ['is_nan'],
  exponential: ['is_nan'],
  logarithm: ['is_nan'],
  hyperbolic: ['is_nan'],
  reduced: ['is_nan'],
  power: ['is_nan'],
  normal_at: ['reduced', 'words_at'],
  uniform_at: ['words_at'],
  gelu: ['hyperbolic'],
  gelu_slope: ['hyperbolic'],
};

/** A number as a WGSL literal of the same f32. */
export function literal(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return 'bitcast<f32>(not_a_number)';
  if (rounded === Infinity) return 'bitcast<f32>(infinite)';
  if (rounded === -Infinity) return '(-bitcast<f32>(infinite))';
  // The digits of f32 that are too small for WGSL's normal numbers are nothing to any device.
  if (Math.abs(rounded) < 1.1754943508222875e-38) return '0.0';
  const text = String(value);
  const number = /[.e]/.test(text) ? text : `${text}.0`;
  return rounded < 0 ? `(${number})` : number;
}
