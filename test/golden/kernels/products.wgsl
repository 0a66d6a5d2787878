// matmul, tanh; matmul, tanh
override columns_a: u32;
override rows_a: u32;
override depth_a: u32;
override end_a: u32;
override across_a: u32;
override down_a: u32;
override columns_b: u32;
override rows_b: u32;
override depth_b: u32;
override end_b: u32;
override across_b: u32;
override down_b: u32;
// where in their buffers the tensors begin
override left_a: u32;
override right_a: u32;
override out0_a: u32;
override left_b: u32;
override right_b: u32;
override out0_b: u32;
@group(0) @binding(0) var<storage, read_write> values: array<f32>;
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
fn part_a(group: vec3u, thread: u32) {
  let place = vec2u(group.x * 16u + thread % 16u, group.y * 16u + thread / 16u);
  let column = place.x;
  let row = place.y;
  if (row >= rows_a || column >= columns_a) { return; }
  var sum = 0.0;
  for (var k = 0u; k < depth_a; k++) {
    sum += values[left_a + k * rows_a + row] * values[right_a + (column) * depth_a + k];
  }
  finish_a(row * columns_a + column, sum);
}
fn finish_a(at: u32, value: f32) {
  let v0 = hyperbolic(value);
  values[out0_a + at] = v0;
}
var<workgroup> left_tile: array<f32, 1024>;
var<workgroup> right_tile: array<vec4f, 256>;
fn part_b(group: vec3u, thread: u32) {
  let lane = vec2u(thread % 16u, thread / 16u);
  let first_row = group.y * 64u;
  let first_column = group.x * 64u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var k0 = 0u; k0 < depth_b; k0 += 16u) {
    for (var t = thread; t < 1024u; t += 256u) {
      let r = t % 64u;
      let d = t / 64u;
      let row = first_row + r;
      let k = k0 + d;
      var x = 0.0;
      if (row < rows_b && k < depth_b) { x = values[left_b + k * rows_b + row]; }
      left_tile[d * 64u + r] = x;
    }
    for (var t = thread; t < 256u; t += 256u) {
      let c = t / 16u;
      let d = t % 16u;
      let column = first_column + c * 4u;
      let k = k0 + d;
      var x = vec4f();
      if (column + 0u < columns_b && k < depth_b) { x[0] = values[right_b + (column + 0u) * depth_b + k]; }
      if (column + 1u < columns_b && k < depth_b) { x[1] = values[right_b + (column + 1u) * depth_b + k]; }
      if (column + 2u < columns_b && k < depth_b) { x[2] = values[right_b + (column + 2u) * depth_b + k]; }
      if (column + 3u < columns_b && k < depth_b) { x[3] = values[right_b + (column + 3u) * depth_b + k]; }
      right_tile[d * 16u + c] = x;
    }
    workgroupBarrier();
    for (var d = 0u; d < 16u; d++) {
      let y = right_tile[d * 16u + lane.x];
      sum0 += left_tile[d * 64u + lane.y * 4u + 0u] * y;
      sum1 += left_tile[d * 64u + lane.y * 4u + 1u] * y;
      sum2 += left_tile[d * 64u + lane.y * 4u + 2u] * y;
      sum3 += left_tile[d * 64u + lane.y * 4u + 3u] * y;
    }
    workgroupBarrier();
  }
  let column = first_column + lane.x * 4u;
  finish_row_b(0u, first_row + lane.y * 4u + 0u, column, sum0);
  finish_row_b(0u, first_row + lane.y * 4u + 1u, column, sum1);
  finish_row_b(0u, first_row + lane.y * 4u + 2u, column, sum2);
  finish_row_b(0u, first_row + lane.y * 4u + 3u, column, sum3);
}
fn finish_row_b(page: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= rows_b) { return; }
  let at = row * columns_b + column;
  for (var i = 0u; i < 4u; i++) {
    if (column + i < columns_b) { finish_b(at + i, sums[i]); }
  }
}
fn finish_b(at: u32, value: f32) {
  let v1 = hyperbolic(value);
  values[out0_b + at] = v1;
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let at = group.y * groups.x + group.x;
  if (at < end_a) { part_a(vec3u(at % across_a, at / across_a % down_a, at / (across_a * down_a)), thread); }
  else if (at < end_b) { part_b(vec3u((at - end_a) % across_b, (at - end_a) / across_b % down_b, (at - end_a) / (across_b * down_b)), thread); }
}
