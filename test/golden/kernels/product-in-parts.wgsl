// matmul, add
override columns: u32;
override rows: u32;
override depth: u32;
override part_elements: u32;
// where in their buffers the tensors begin
override left: u32;
override right_0: u32;
override right_1: u32;
override in0: u32;
@group(0) @binding(0) var<storage, read> states: array<f32>;
@group(0) @binding(1) var<storage, read> states1: array<f32>;
@group(0) @binding(2) var<storage, read> states2: array<f32>;
@group(0) @binding(3) var<storage, read_write> states3: array<f32>;
fn right_at(i: u32) -> f32 {
  if (i < part_elements) { return states1[right_0 + i]; }
  else { return states2[right_1 + i - part_elements]; }
}
@compute @workgroup_size(16, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) place: vec3u) {
  let column = place.x;
  let row = place.y;
  if (row >= rows || column >= columns) { return; }
  var sum = 0.0;
  for (var k = 0u; k < depth; k++) {
    sum += states[left + row * depth + k] * right_at(k * columns + column);
  }
  finish(row * columns + column, sum);
}
fn finish(at: u32, value: f32) {
  let x0 = states3[in0 + at];
  let v1 = x0 + value;
  states3[in0 + at] = v1;
}
