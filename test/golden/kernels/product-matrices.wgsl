// matmul, add
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable subgroup_size_control;
override columns: u32;
override rows: u32;
override depth: u32;
// where in their buffers the tensors begin
override left: u32;
override right: u32;
override in0: u32;
@group(0) @binding(0) var<storage, read_write> states: array<f32>;
var<workgroup> left_strip: array<f16, 2048>;
var<workgroup> right_strip: array<f16, 2048>;
var<workgroup> block_sums: array<f32, 1024>;
@compute @workgroup_size(128) @subgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32) {
  let first_row = group.y * 64u;
  let first_column = group.x * 64u;
  let block_row = subgroup / 2u * 32u;
  let block_column = subgroup % 2u * 32u;
  var sums: array<subgroup_matrix_result<f32, 16, 16>, 4>;
  for (var k0 = 0u; k0 < depth; k0 += 32u) {
    for (var t = thread; t < 2048u; t += 128u) {
      let r = t / 32u;
      let d = t % 32u;
      let row = first_row + r;
      let k = k0 + d;
      var x = 0.0;
      if (row < rows && k < depth) { x = states[left + row * depth + k]; }
      left_strip[r * 32u + d] = f16(x);
    }
    for (var t = thread; t < 2048u; t += 128u) {
      let c = t / 32u;
      let d = t % 32u;
      let column = first_column + c;
      let k = k0 + d;
      var x = 0.0;
      if (column < columns && k < depth) { x = states[right + (column) * depth + k]; }
      right_strip[d * 64u + c] = f16(x);
    }
    workgroupBarrier();
    for (var d = 0u; d < 32u; d += 16u) {
      for (var i = 0u; i < 2u; i++) {
        let left_block = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left_strip, (block_row + i * 16u) * 32u + d, 32u);
        for (var j = 0u; j < 2u; j++) {
          let right_block = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right_strip, d * 64u + block_column + j * 16u, 64u);
          let block = i * 2u + j;
          sums[block] = subgroupMatrixMultiplyAccumulate(left_block, right_block, sums[block]);
        }
      }
    }
    workgroupBarrier();
  }
  for (var block = 0u; block < 4u; block++) {
    subgroupMatrixStore<row_major>(&block_sums, subgroup * 256u, sums[block], 16u);
    workgroupBarrier();
    for (var t = thread; t < 1024u; t += 128u) {
      let owner = t / 256u;
      let row = first_row + owner / 2u * 32u + block / 2u * 16u + t % 256u / 16u;
      let column = first_column + owner % 2u * 32u + block % 2u * 16u + t % 16u;
      finish_one(0u, row, column, block_sums[t]);
    }
    workgroupBarrier();
  }
}
fn finish_one(page: u32, row: u32, column: u32, sum: f32) {
  if (row < rows && column < columns) { finish(row * columns + column, sum); }
}
fn finish(at: u32, value: f32) {
  let x0 = states[in0 + at];
  let v1 = x0 + value;
  states[in0 + at] = v1;
}
