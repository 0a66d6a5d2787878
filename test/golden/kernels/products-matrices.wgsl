// matmul, tanh; matmul, tanh
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable subgroup_size_control;
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
  let place = vec2u(group.x * 16u + thread % 16u, group.y * 8u + thread / 16u);
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
var<workgroup> left_strip: array<f16, 2048>;
var<workgroup> right_strip: array<f16, 2048>;
var<workgroup> block_sums: array<f32, 1024>;
fn part_b(group: vec3u, thread: u32, subgroup: u32) {
  let first_row = group.y * 64u;
  let first_column = group.x * 64u;
  let block_row = subgroup / 2u * 32u;
  let block_column = subgroup % 2u * 32u;
  var sums: array<subgroup_matrix_result<f32, 16, 16>, 4>;
  for (var k0 = 0u; k0 < depth_b; k0 += 32u) {
    for (var t = thread; t < 2048u; t += 128u) {
      let r = t % 64u;
      let d = t / 64u;
      let row = first_row + r;
      let k = k0 + d;
      var x = 0.0;
      if (row < rows_b && k < depth_b) { x = values[left_b + k * rows_b + row]; }
      left_strip[r * 32u + d] = f16(x);
    }
    for (var t = thread; t < 2048u; t += 128u) {
      let c = t / 32u;
      let d = t % 32u;
      let column = first_column + c;
      let k = k0 + d;
      var x = 0.0;
      if (column < columns_b && k < depth_b) { x = values[right_b + (column) * depth_b + k]; }
      right_strip[d * 64u + c] = f16(x);
    }
    workgroupBarrier();
    for (var d = 0u; d < 32u; d += 16u) {
      for (var i = 0u; i < 2u; i++) {
        let left_block = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_strip, (block_row + i * 16u) * 32u + d, 32u);
        for (var j = 0u; j < 2u; j++) {
          let right_block = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_strip, d * 64u + block_column + j * 16u, 64u);
          let block = i * 2u + j;
          sums[block] = subgroupMatrixMultiplyAccumulate(left_block, right_block, sums[block]);
        }
      }
    }
    workgroupBarrier();
  }
  for (var block = 0u; block < 4u; block++) {
    subgroupMatrixStore<row_major>(&block_sums, subgroup * 256u, sums[block], 16u);
    workgroupBarrier();
    for (var t = thread; t < 1024u; t += 128u) {
      let owner = t / 256u;
      let row = first_row + owner / 2u * 32u + block / 2u * 16u + t % 256u / 16u;
      let column = first_column + owner % 2u * 32u + block % 2u * 16u + t % 16u;
      finish_one_b(0u, row, column, block_sums[t]);
    }
    workgroupBarrier();
  }
}
fn finish_one_b(page: u32, row: u32, column: u32, sum: f32) {
  if (row < rows_b && column < columns_b) { finish_b(row * columns_b + column, sum); }
}
fn finish_b(at: u32, value: f32) {
  let v1 = hyperbolic(value);
  values[out0_b + at] = v1;
}
@compute @workgroup_size(128) @subgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32) {
  let at = group.y * groups.x + group.x;
  if (at < end_a) { part_a(vec3u(at % across_a, at / across_a % down_a, at / (across_a * down_a)), thread); }
  else if (at < end_b) { part_b(vec3u((at - end_a) % across_b, (at - end_a) / across_b % down_b, (at - end_a) / (across_b * down_b)), thread, subgroup); }
}
