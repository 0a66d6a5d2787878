// link patch[*].high->patch[*].low
override columns: u32;
override rows: u32;
override depth: u32;
override size0: u32;
@group(0) @binding(0) var<storage, read_write> left: array<f32>;
@group(0) @binding(1) var<storage, read_write> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> out0: array<f32>;
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
    sum += left[left_page + row * depth + k] * right[right_page + (column) * depth + k];
  }
  finish((page * rows + row) * columns + column, sum);
}
fn finish(at: u32, value: f32) {
  out0[at] = value;
}
