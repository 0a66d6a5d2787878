// link x->h
override columns: u32;
override rows: u32;
override depth: u32;
// where in their buffers the tensors begin
override left: u32;
override right: u32;
override in0: u32;
override out0: u32;
override out1: u32;
@group(0) @binding(0) var<storage, read> states: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// tanh; a series near 0, where the quotient would cancel.
fn hyperbolic(x: f32) -> f32 {
  let a = min(abs(x), 20.0);
  let q = x * x;
  let near = x * (1.0 + q * (-0.33333333 + q * (0.13333333 - q * 0.053968254)));
  let e = exp(-2.0 * a);
  return select(select(sign(x) * (1.0 - e) / (1.0 + e), near, a < 0.15), x, is_nan(x));
}
@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) place: vec3u) {
  let column = place.x;
  let row = place.y;
  if (row >= rows || column >= columns) { return; }
  var sum = 0.0;
  for (var k = 0u; k < depth; k++) {
    sum += inputs[left + row * depth + k] * states[right + (column) * depth + k];
  }
  finish(row * columns + column, sum);
}
fn finish(at: u32, value: f32) {
  let x0 = states[in0 + (at % columns)];
  let v1 = value + x0;
  let v2 = hyperbolic(v1);
  let v3 = v2 * v2;
  let v4 = 1.0 - v3;
  values[out0 + at] = v2;
  values[out1 + at] = v4;
}
