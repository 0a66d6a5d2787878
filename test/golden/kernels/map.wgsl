// link x->h
override size0: u32;
@group(0) @binding(0) var<storage, read_write> in0: array<f32>;
@group(0) @binding(1) var<storage, read_write> in1: array<f32>;
@group(0) @binding(2) var<storage, read_write> out0: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let at = (group.y * groups.x + group.x) * 64u + thread;
  if (at >= size0) { return; }
  finish(at);
}
fn finish(at: u32) {
  let x0 = in0[at];
  let x1 = in1[at];
  let v2 = x0 * x1;
  out0[at] = v2;
}
