// link patch[*].high->patch[*].low
override columns: u32;
override rows: u32;
override depth: u32;
override size0: u32;
// where in their buffers the tensors begin
struct Places { left: u32, right: u32, out0: u32 }
@group(1) @binding(0) var<uniform> places: Places;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) place: vec3u) {
  let page = group.z;
  let left_page = 0u * size0;
  let right_page = page * size0;
  let column = place.x;
  let row = place.y;
  if (row >= rows || column >= columns) { return; }
  var sum = 0.0;
  for (var k = 0u; k < depth; k++) {
    sum += values[places.left + left_page + row * depth + k] * values[places.right + right_page + (column) * depth + k];
  }
  finish((page * rows + row) * columns + column, sum);
}
fn finish(at: u32, value: f32) {
  values[places.out0 + at] = value;
}
