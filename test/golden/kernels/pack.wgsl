// weight b in f16
override count: u32;
override size0: u32;
// where in their buffers the tensors begin
override in0: u32;
override out0: u32;
@group(0) @binding(0) var<storage, read> states: array<f32>;
@group(0) @binding(2) var<storage, read_write> halves: array<u32>;
// The nearest f16: rounded here, so that packing is exact however a device rounds. Beyond 65504 stays 65504; what is
// infinite or no number stays so.
fn half_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  if (size >= 0x7f800000u) { return ((bits >> 16u) & 0x8000u) | select(0x7c00u, 0x7e00u, size > 0x7f800000u); }
  let near = min((size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u, 0x477fe000u);
  return pack2x16float(vec2f(bitcast<f32>((bits & 0x80000000u) | near), 0.0)) & 0xffffu;
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let at = (group.y * groups.x + group.x) * 64u + thread;
  if (at >= size0) { return; }
  var word = half_bits(states[in0 + 2u * at]);
  if (2u * at + 1u < count) {
    word |= half_bits(states[in0 + 2u * at + 1u]) << 16u;
  }
  halves[out0 + at] = word;
}
