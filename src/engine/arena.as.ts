// SIMD kernels over one linear memory, compiled to WebAssembly by AssemblyScript (`npm run build`); called by arena.ts.
// Pointers are byte offsets; every array is 16-byte aligned and padded to a multiple of 4 floats.

/**
 * One AdamW step (Loshchilov and Hutter 2019, as torch.optim.AdamW) over `count` floats:
 * p *= decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= stepSize m / (sqrt(v) / correction + eps), g scaled by `clip`.
 * Divisions bound its time, so both sides of the last one are taken times `correction`: one division instead of two halves the step.
 */
export function adamw(
  p: usize, g: usize, m: usize, v: usize, count: i32,
  clip: f32, decay: f32, beta1: f32, beta2: f32, stepSize: f32, correction: f32, eps: f32,
): void {
  const clip4 = f32x4.splat(clip);
  const decay4 = f32x4.splat(decay);
  const beta1x4 = f32x4.splat(beta1);
  const beta2x4 = f32x4.splat(beta2);
  const rest1 = f32x4.splat(<f32>1 - beta1);
  const rest2 = f32x4.splat(<f32>1 - beta2);
  const step4 = f32x4.splat(stepSize * correction);
  const eps4 = f32x4.splat(eps * correction);
  const bytes = <usize>((count + 3) & ~3) << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    const gradient = f32x4.mul(v128.load(g + i), clip4);
    const m1 = f32x4.add(f32x4.mul(v128.load(m + i), beta1x4), f32x4.mul(gradient, rest1));
    const v1 = f32x4.add(f32x4.mul(v128.load(v + i), beta2x4), f32x4.mul(f32x4.mul(gradient, gradient), rest2));
    v128.store(m + i, m1);
    v128.store(v + i, v1);
    const update = f32x4.div(f32x4.mul(step4, m1), f32x4.add(f32x4.sqrt(v1), eps4));
    v128.store(p + i, f32x4.sub(f32x4.mul(v128.load(p + i), decay4), update));
  }
}

/**
 * Inverted dropout over `outer` x `inner` runs of `count` floats each, `outerStride` and `innerStride` floats apart: each float becomes 0
 * with probability threshold / 65536, else `scale`. Four xorshift128 generators (Marsaglia 2003) side by side, seeded from `key`; each
 * draw of 128 bits decides eight elements, and every run begins with a new draw. Nothing outside of the runs is written.
 */
export function fillMask(
  out: usize, outer: i32, outerStride: i32, inner: i32, innerStride: i32, count: i32,
  key: u32, threshold: i32, scale: f32,
): void {
  let x = seed(key, 1);
  let y = seed(key, 2);
  let z = seed(key, 3);
  let w = seed(key, 4);
  const limit = i32x4.splat(threshold);
  const scale4 = f32x4.splat(scale);
  const low = i32x4.splat(0xffff);
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const run = out + ((<usize>i * <usize>outerStride + <usize>j * <usize>innerStride) << 2);
      for (let at = 0; at < count; at += 8) {
        const t = v128.xor(x, i32x4.shl(x, 11));
        x = y;
        y = z;
        z = w;
        w = v128.xor(v128.xor(w, i32x4.shr_u(w, 19)), v128.xor(t, i32x4.shr_u(t, 8)));
        const first = v128.and(i32x4.ge_s(v128.and(w, low), limit), scale4);
        const second = v128.and(i32x4.ge_s(i32x4.shr_u(w, 16), limit), scale4);
        const to = run + (<usize>at << 2);
        if (count - at >= 8) {
          v128.store(to, first);
          v128.store(to + 16, second);
        } else {
          storeSome(to, first, count - at);
          storeSome(to + 16, second, count - at - 4);
        }
      }
    }
  }
}

/** One bit for each float, whether it is above 0: eight to a byte, the first in the lowest bit; `count` rounded up to eight. */
export function packBits(from: usize, to: usize, count: i32): void {
  const zero = f32x4.splat(0);
  const bytes = <usize>((count + 7) >> 3);
  for (let i: usize = 0; i < bytes; i++) {
    const low = i32x4.bitmask(f32x4.gt(v128.load(from + (i << 5)), zero));
    const high = i32x4.bitmask(f32x4.gt(v128.load(from + (i << 5) + 16), zero));
    store<u8>(to + i, <u8>(low | (high << 4)));
  }
}

/** The first `count` lanes. */
function storeSome(to: usize, lanes: v128, count: i32): void {
  if (count > 0) store<f32>(to, f32x4.extract_lane(lanes, 0));
  if (count > 1) store<f32>(to + 4, f32x4.extract_lane(lanes, 1));
  if (count > 2) store<f32>(to + 8, f32x4.extract_lane(lanes, 2));
  if (count > 3) store<f32>(to + 12, f32x4.extract_lane(lanes, 3));
}

function seed(key: u32, part: u32): v128 {
  return i32x4(lane(key, part * 4), lane(key, part * 4 + 1), lane(key, part * 4 + 2), lane(key, part * 4 + 3));
}

/** murmur3's finaliser; never 0, which xorshift could not leave. */
function lane(key: u32, index: u32): i32 {
  let h = key ^ (index * 0x9e3779b1);
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return <i32>((h ^ (h >> 16)) | 1);
}
