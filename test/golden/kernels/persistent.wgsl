// 17 steps of one group
override columns_product0: u32;
override rows_product0: u32;
override depth_product0: u32;
override columns_product1: u32;
override rows_product1: u32;
override depth_product1: u32;
override columns_product2: u32;
override rows_product2: u32;
override depth_product2: u32;
override columns_product3: u32;
override rows_product3: u32;
override depth_product3: u32;
override columns_product4: u32;
override rows_product4: u32;
override depth_product4: u32;
override columns_product5: u32;
override rows_product5: u32;
override depth_product5: u32;
override columns_product9: u32;
override rows_product9: u32;
override depth_product9: u32;
override columns_product12: u32;
override rows_product12: u32;
override depth_product12: u32;
override size0: u32;
override size1: u32;
@group(0) @binding(0) var<storage, read_write> states: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read_write> results: array<f32>;
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
// tanh; a series near 0, where the quotient would cancel.
fn hyperbolic(x: f32) -> f32 {
  let a = min(abs(x), 20.0);
  let q = x * x;
  let near = x * (1.0 + q * (-0.33333333 + q * (0.13333333 - q * 0.053968254)));
  let e = exp(-2.0 * a);
  return select(select(sign(x) * (1.0 - e) / (1.0 + e), near, a < 0.15), x, is_nan(x));
}
// link x->h
struct Places_product0 { left: u32, right: u32, in0: u32, out0: u32, out1: u32 }
fn step_product0(places: Places_product0, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product0;
    let column = at % columns_product0;
    var sum = 0.0;
    for (var k = 0u; k < depth_product0; k++) {
      sum += inputs[places.left + row * depth_product0 + k] * states[places.right + (column) * depth_product0 + k];
    }
    finish_product0(places, at, sum);
  }
}
fn finish_product0(places: Places_product0, at: u32, value: f32) {
  let x0 = states[places.in0 + (at % columns_product0)];
  let v1 = value + x0;
  let v2 = hyperbolic(v1);
  let v3 = v2 * v2;
  let v4 = 1.0 - v3;
  values[places.out0 + at] = v2;
  values[places.out1 + at] = v4;
}
// link h->y, node y
struct Places_product1 { left: u32, right: u32, in0: u32, in1: u32, out0: u32 }
fn step_product1(places: Places_product1, thread: u32) {
  for (var at = thread; at < depth_product0; at += 32u) {
    let row = at / columns_product1;
    let column = at % columns_product1;
    var sum = 0.0;
    for (var k = 0u; k < depth_product1; k++) {
      sum += values[places.left + row * depth_product1 + k] * states[places.right + (column) * depth_product1 + k];
    }
    finish_product1(places, at, sum);
  }
}
fn finish_product1(places: Places_product1, at: u32, value: f32) {
  let x5 = states[places.in0 + (at % rows_product0)];
  let v6 = value + x5;
  let x7 = inputs[places.in1 + at];
  let v8 = x7 - v6;
  values[places.out0 + at] = v8;
}
// link h->y, node h
struct Places_product2 { left: u32, right: u32, in0: u32, out0: u32, out1: u32, out2: u32 }
fn step_product2(places: Places_product2, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product2;
    let column = at % columns_product2;
    var sum = 0.0;
    for (var k = 0u; k < depth_product2; k++) {
      sum += values[places.left + row * depth_product2 + k] * states[places.right + k * columns_product2 + column];
    }
    finish_product2(places, at, sum);
  }
}
fn finish_product2(places: Places_product2, at: u32, value: f32) {
  let v9 = value * 0.1;
  let x10 = values[places.in0 + at];
  let v11 = x10 + v9;
  values[places.out0 + at] = value;
  values[places.out1 + at] = v9;
  values[places.out2 + at] = v11;
}
// link h->y, node h
struct Places_product3 { left: u32, right: u32, in0: u32, in1: u32, in2: u32, out0: u32, out1: u32 }
fn step_product3(places: Places_product3, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product3;
    let column = at % columns_product3;
    var sum = 0.0;
    for (var k = 0u; k < depth_product3; k++) {
      sum += values[places.left + row * depth_product3 + k] * states[places.right + k * columns_product3 + column];
    }
    finish_product3(places, at, sum);
  }
}
fn finish_product3(places: Places_product3, at: u32, value: f32) {
  let x12 = values[places.in0 + at];
  let v13 = x12 - value;
  let v14 = v13 * 2.0;
  let x15 = values[places.in1 + at];
  let v16 = v14 - x15;
  let v17 = v16 * 0.5;
  let v18 = v16 * 0.05;
  let x19 = values[places.in2 + at];
  let v20 = x19 - v18;
  values[places.out0 + at] = v17;
  values[places.out1 + at] = v20;
}
// link h->y, node h
struct Places_product4 { left: u32, right: u32, in0: u32, in1: u32, in2: u32, out0: u32, out1: u32 }
fn step_product4(places: Places_product4, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product4;
    let column = at % columns_product4;
    var sum = 0.0;
    for (var k = 0u; k < depth_product4; k++) {
      sum += values[places.left + row * depth_product4 + k] * states[places.right + k * columns_product4 + column];
    }
    finish_product4(places, at, sum);
  }
}
fn finish_product4(places: Places_product4, at: u32, value: f32) {
  let x21 = values[places.in0 + at];
  let x22 = values[places.in1 + at];
  let v23 = x21 - x22;
  let v24 = v23 - value;
  let v25 = v24 * 2.0;
  let x26 = values[places.in2 + at];
  let v27 = x26 + v25;
  let v28 = v27 * 0.5;
  let v29 = v27 * 0.05;
  let v30 = x21 - v29;
  values[places.out0 + at] = v28;
  values[places.out1 + at] = v30;
}
// link h->y, node h
struct Places_product5 { left: u32, right: u32, in0: u32, in1: u32, in2: u32, out0: u32, out1: u32 }
fn step_product5(places: Places_product5, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product5;
    let column = at % columns_product5;
    var sum = 0.0;
    for (var k = 0u; k < depth_product5; k++) {
      sum += values[places.left + row * depth_product5 + k] * states[places.right + k * columns_product5 + column];
    }
    finish_product5(places, at, sum);
  }
}
fn finish_product5(places: Places_product5, at: u32, value: f32) {
  let x31 = values[places.in0 + at];
  let x32 = values[places.in1 + at];
  let v33 = x31 - x32;
  let v34 = v33 - value;
  let v35 = v34 * 2.0;
  let x36 = values[places.in2 + at];
  let v37 = x36 + v35;
  let v38 = v37 * 0.05;
  let v39 = x31 - v38;
  let v40 = v39 - x32;
  values[places.out0 + at] = v39;
  values[places.out1 + at] = v40;
}
// node h
struct Places_reduce6 { in0: u32, out0: u32 }
fn step_reduce6(places: Places_reduce6, thread: u32) {
  for (var group = 0u; group * 32u < 1u; group++) {
    let lane = 0u;
    let at = group * 32u + thread;
    var sum = 0.0;
    if (at < 1u) {
      for (var r = lane; r < size0; r += 1u) {
        let p41 = r;
        let x42 = values[places.in0 + p41];
        let v43 = x42 * x42;
        sum += v43;
      }
    }
    if (lane == 0u && at < 1u) { finish_reduce6(places, at, sum); }
  }
}
fn finish_reduce6(places: Places_reduce6, at: u32, value: f32) {
  let v44 = value * 0.25;
  results[places.out0 + at] = v44;
}
// node y
struct Places_reduce7 { in0: u32, out0: u32 }
fn step_reduce7(places: Places_reduce7, thread: u32) {
  for (var group = 0u; group * 32u < 1u; group++) {
    let lane = 0u;
    let at = group * 32u + thread;
    var sum = 0.0;
    if (at < 1u) {
      for (var r = lane; r < depth_product0; r += 1u) {
        let p45 = r;
        let x46 = values[places.in0 + p45];
        let v47 = x46 * x46;
        sum += v47;
      }
    }
    if (lane == 0u && at < 1u) { finish_reduce7(places, at, sum); }
  }
}
fn finish_reduce7(places: Places_reduce7, at: u32, value: f32) {
  let v48 = value * 0.25;
  results[places.out0 + at] = v48;
}
// link h->y, weight h->y.c
struct Places_reduce8 { in0: u32, in1: u32 }
fn step_reduce8(places: Places_reduce8, thread: u32) {
  for (var group = 0u; group * 32u < rows_product0; group++) {
    let lane = 0u;
    let at = group * 32u + thread;
    var sum = 0.0;
    if (at < rows_product0) {
      for (var r = lane; r < rows_product0; r += 1u) {
        let p49 = r * rows_product0 + at;
        let x50 = values[places.in0 + p49];
        sum += x50;
      }
    }
    if (lane == 0u && at < rows_product0) { finish_reduce8(places, at, sum); }
  }
}
fn finish_reduce8(places: Places_reduce8, at: u32, value: f32) {
  let v51 = value * 0.05;
  let x52 = states[places.in1 + at];
  let v53 = x52 + v51;
  states[places.in1 + at] = v53;
}
// link h->y, weight h->y.w
struct Places_product9 { left: u32, right: u32, in0: u32 }
fn step_product9(places: Places_product9, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    let row = at / columns_product9;
    let column = at % columns_product9;
    var sum = 0.0;
    for (var k = 0u; k < depth_product9; k++) {
      sum += values[places.left + k * rows_product9 + row] * values[places.right + k * columns_product9 + column];
    }
    finish_product9(places, at, sum);
  }
}
fn finish_product9(places: Places_product9, at: u32, value: f32) {
  let v54 = value * 0.05;
  let x55 = states[places.in0 + at];
  let v56 = x55 + v54;
  states[places.in0 + at] = v56;
}
// link x->h
struct Places_map10 { in0: u32, in1: u32, out0: u32 }
fn step_map10(places: Places_map10, thread: u32) {
  for (var at = thread; at < size0; at += 32u) {
    finish_map10(places, at);
  }
}
fn finish_map10(places: Places_map10, at: u32) {
  let x57 = values[places.in0 + at];
  let x58 = values[places.in1 + at];
  let v59 = x57 * x58;
  values[places.out0 + at] = v59;
}
// link x->h, weight x->h.c
struct Places_reduce11 { in0: u32, in1: u32 }
fn step_reduce11(places: Places_reduce11, thread: u32) {
  for (var group = 0u; group * 32u < columns_product0; group++) {
    let lane = 0u;
    let at = group * 32u + thread;
    var sum = 0.0;
    if (at < columns_product0) {
      for (var r = lane; r < rows_product0; r += 1u) {
        let p60 = r * columns_product0 + at;
        let x61 = values[places.in0 + p60];
        sum += x61;
      }
    }
    if (lane == 0u && at < columns_product0) { finish_reduce11(places, at, sum); }
  }
}
fn finish_reduce11(places: Places_reduce11, at: u32, value: f32) {
  let v62 = value * 0.05;
  let x63 = states[places.in1 + at];
  let v64 = x63 + v62;
  states[places.in1 + at] = v64;
}
// link x->h, weight x->h.w
struct Places_product12 { left: u32, right: u32, in0: u32 }
fn step_product12(places: Places_product12, thread: u32) {
  for (var at = thread; at < size1; at += 32u) {
    let row = at / columns_product12;
    let column = at % columns_product12;
    var sum = 0.0;
    for (var k = 0u; k < depth_product12; k++) {
      sum += values[places.left + k * rows_product12 + row] * inputs[places.right + k * columns_product12 + column];
    }
    finish_product12(places, at, sum);
  }
}
fn finish_product12(places: Places_product12, at: u32, value: f32) {
  let v65 = value * 0.05;
  let x66 = states[places.in0 + at];
  let v67 = x66 + v65;
  states[places.in0 + at] = v67;
}
// where the tensors of each step begin
struct Step { @align(16) place0: u32, place1: u32, place2: u32, place3: u32, place4: u32, place5: u32, place6: u32, place7: u32 }
@group(1) @binding(0) var<uniform> steps: array<Step, 17>;
@compute @workgroup_size(32)
fn main(@builtin(local_invocation_index) thread: u32) {
  step_product0(Places_product0(steps[0].place0, steps[0].place1, steps[0].place2, steps[0].place3, steps[0].place4), thread);
  storageBarrier();
  step_product1(Places_product1(steps[1].place0, steps[1].place1, steps[1].place2, steps[1].place3, steps[1].place4), thread);
  storageBarrier();
  step_product2(Places_product2(steps[2].place0, steps[2].place1, steps[2].place2, steps[2].place3, steps[2].place4, steps[2].place5), thread);
  storageBarrier();
  step_product1(Places_product1(steps[3].place0, steps[3].place1, steps[3].place2, steps[3].place3, steps[3].place4), thread);
  storageBarrier();
  step_product3(Places_product3(steps[4].place0, steps[4].place1, steps[4].place2, steps[4].place3, steps[4].place4, steps[4].place5, steps[4].place6), thread);
  storageBarrier();
  step_product1(Places_product1(steps[5].place0, steps[5].place1, steps[5].place2, steps[5].place3, steps[5].place4), thread);
  storageBarrier();
  step_product4(Places_product4(steps[6].place0, steps[6].place1, steps[6].place2, steps[6].place3, steps[6].place4, steps[6].place5, steps[6].place6), thread);
  storageBarrier();
  step_product1(Places_product1(steps[7].place0, steps[7].place1, steps[7].place2, steps[7].place3, steps[7].place4), thread);
  storageBarrier();
  step_product5(Places_product5(steps[8].place0, steps[8].place1, steps[8].place2, steps[8].place3, steps[8].place4, steps[8].place5, steps[8].place6), thread);
  storageBarrier();
  step_product1(Places_product1(steps[9].place0, steps[9].place1, steps[9].place2, steps[9].place3, steps[9].place4), thread);
  step_reduce6(Places_reduce6(steps[10].place0, steps[10].place1), thread);
  storageBarrier();
  step_reduce7(Places_reduce7(steps[11].place0, steps[11].place1), thread);
  step_reduce8(Places_reduce8(steps[12].place0, steps[12].place1), thread);
  step_product9(Places_product9(steps[13].place0, steps[13].place1, steps[13].place2), thread);
  storageBarrier();
  step_map10(Places_map10(steps[14].place0, steps[14].place1, steps[14].place2), thread);
  storageBarrier();
  step_reduce11(Places_reduce11(steps[15].place0, steps[15].place1), thread);
  step_product12(Places_product12(steps[16].place0, steps[16].place1, steps[16].place2), thread);
}
