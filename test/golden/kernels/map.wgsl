// link x->h
override size0: u32;
// where in their buffers the tensors begin
override in0: u32;
override in1: u32;
override out0: u32;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let at = (group.y * groups.x + group.x) * 64u + thread;
  if (at >= size0) { return; }
  finish(at);
}
fn finish(at: u32) {
  let x0 = values[in0 + at];
  let x1 = values[in1 + at];
  let v2 = x0 * x1;
  values[out0 + at] = v2;
}
