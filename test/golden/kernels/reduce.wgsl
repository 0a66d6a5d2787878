// node h
// node y
override size0: u32;
@group(0) @binding(0) var<storage, read> in0: array<f32>;
@group(0) @binding(1) var<storage, read_write> out0: array<f32>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = 0u;
  let at = (group.y * groups.x + group.x) * 256u + thread;
  var sum = 0.0;
  if (at < 1u) {
    for (var r = lane; r < size0; r += 1u) {
      let p0 = r;
      let x1 = in0[p0];
      let v2 = x1 * x1;
      sum += v2;
    }
  }
  if (lane == 0u && at < 1u) { finish(at, sum); }
}
fn finish(at: u32, value: f32) {
  let v3 = value * 0.25;
  out0[at] = v3;
}
