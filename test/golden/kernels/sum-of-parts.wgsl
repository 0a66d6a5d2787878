// matmul, add
override size0: u32;
override size1: u32;
// where in their buffers the tensors begin
override in0: u32;
override in1: u32;
@group(0) @binding(0) var<storage, read_write> states: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
var<workgroup> parts: array<f32, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = thread / 128u;
  let at = (group.y * groups.x + group.x) * 128u + thread % 128u;
  var sum = 0.0;
  if (at < size0) {
    for (var r = lane; r < size1; r += 2u) {
      let p0 = r * size0 + at;
      let x1 = values[in0 + p0];
      sum += x1;
    }
  }
  parts[thread] = sum;
  workgroupBarrier();
  for (var half = 1u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = thread + half * 128u;
      parts[thread] += parts[other];
    }
    workgroupBarrier();
  }
  sum = parts[thread];
  if (lane == 0u && at < size0) { finish(at, sum); }
}
fn finish(at: u32, value: f32) {
  let x2 = states[in1 + at];
  let v3 = x2 + value;
  states[in1 + at] = v3;
}
