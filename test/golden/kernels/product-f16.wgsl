// matmul, add
enable f16;
override columns: u32;
override rows: u32;
override depth: u32;
// where in their buffers the tensors begin
override left: u32;
override right: u32;
override in0: u32;
@group(0) @binding(0) var<storage, read_write> states: array<f32>;
var<workgroup> left_tile: array<f16, 1024>;
var<workgroup> right_tile: array<vec4h, 256>;
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_row = group.y * 64u;
  let first_column = group.x * 64u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var k0 = 0u; k0 < depth; k0 += 16u) {
    for (var t = thread; t < 1024u; t += 256u) {
      let r = t / 16u;
      let d = t % 16u;
      let row = first_row + r;
      let k = k0 + d;
      var x = 0.0;
      if (row < rows && k < depth) { x = states[left + row * depth + k]; }
      left_tile[d * 64u + r] = f16(x);
    }
    for (var t = thread; t < 256u; t += 256u) {
      let c = t / 16u;
      let d = t % 16u;
      let column = first_column + c * 4u;
      let k = k0 + d;
      var x = vec4f();
      if (column + 0u < columns && k < depth) { x[0] = states[right + (column + 0u) * depth + k]; }
      if (column + 1u < columns && k < depth) { x[1] = states[right + (column + 1u) * depth + k]; }
      if (column + 2u < columns && k < depth) { x[2] = states[right + (column + 2u) * depth + k]; }
      if (column + 3u < columns && k < depth) { x[3] = states[right + (column + 3u) * depth + k]; }
      right_tile[d * 16u + c] = vec4h(x);
    }
    workgroupBarrier();
    for (var d = 0u; d < 16u; d++) {
      let y = vec4f(right_tile[d * 16u + lane.x]);
      sum0 += f32(left_tile[d * 64u + lane.y * 4u + 0u]) * y;
      sum1 += f32(left_tile[d * 64u + lane.y * 4u + 1u]) * y;
      sum2 += f32(left_tile[d * 64u + lane.y * 4u + 2u]) * y;
      sum3 += f32(left_tile[d * 64u + lane.y * 4u + 3u]) * y;
    }
    workgroupBarrier();
  }
  let column = first_column + lane.x * 4u;
  finish_row(0u, first_row + lane.y * 4u + 0u, column, sum0);
  finish_row(0u, first_row + lane.y * 4u + 1u, column, sum1);
  finish_row(0u, first_row + lane.y * 4u + 2u, column, sum2);
  finish_row(0u, first_row + lane.y * 4u + 3u, column, sum3);
}
fn finish_row(page: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= rows) { return; }
  let at = row * columns + column;
  for (var i = 0u; i < 4u; i++) {
    if (column + i < columns) { finish(at + i, sums[i]); }
  }
}
fn finish(at: u32, value: f32) {
  let x0 = states[in0 + at];
  let v1 = x0 + value;
  states[in0 + at] = v1;
}
