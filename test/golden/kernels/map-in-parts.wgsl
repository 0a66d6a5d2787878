// mul
override window_elements: u32;
override window: u32;
// where in their buffers the tensors begin
override in0: u32;
@group(0) @binding(0) var<storage, read_write> states: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let inside = (group.y * groups.x + group.x) * 64u + thread;
  if (inside >= window_elements) { return; }
  let at = window + inside;
  finish(at);
}
fn finish(at: u32) {
  let x0 = states[in0 + (at) - window];
  let v1 = x0 * 0.5;
  states[in0 + (at) - window] = v1;
}
