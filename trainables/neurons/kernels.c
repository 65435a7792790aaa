// Multi-step IF, LIF and parametric LIF neurons, forward and backward, one pass over memory each.
//
// One text for C and CUDA. It is compiled once for every kind of neuron in use; these macros say which:
//   LEAKY, DECAY_INPUT, LEARNED  IF 0 0 0; LIF 1 1 0; LIF with input kept 1 0 0; parametric LIF 1 1 1 and 1 0 1
//   MULTIPLY                     tau holds 1/tau: it is learned, or a power of two, where both have the same bits
//   HARD, DETACH                 hard or soft reset; whether the reset carries gradient (0) or not (1)
//   SLOPE                        ds/dh, an expression in u = h - threshold and the constants p, q, r
//   BF16                         currents, spikes, saved potentials and their gradients are bfloat16
// Arithmetic is float32 in SpikingJelly's order of operations, so that float32 results agree to the last bit
// (compile without contraction: a fused multiply-add rounds once where torch rounds twice).
// Arrays hold T slabs of n elements; elements never interact, so any dense memory layout will do. Where a
// pointer may be null it says so.

#ifdef __CUDACC__
#define FN static __device__ __forceinline__
#else
#include <math.h>
#define FN static inline __attribute__((always_inline))
#endif
typedef long long count;
typedef union { float f; unsigned u; } word;

#if BF16 // the upper half of a float32, rounded to nearest even
typedef unsigned short real;
#define ONE 0x3f80
FN float widen(real r) { word w; w.u = (unsigned)r << 16; return w.f; }
FN word rounded(float f) { // as a float32; a NaN that a processor makes stays one
  word w; w.f = f;
  w.u = (w.u + 0x7fff + ((w.u >> 16) & 1)) & 0xffff0000u;
  return w;
}
FN real narrow(float f) { return (real)(rounded(f).u >> 16); }
// Where rounding would carry h across the threshold, its neighbour on the right side: backward sees the same spikes.
FN real narrow_potential(float h, float threshold, int fires) {
  word w = rounded(h);
  unsigned away = (int)(w.u >> 31) == fires ? -0x10000u : 0x10000u;
  return (real)((w.u + ((w.f >= threshold) == fires ? 0u : away)) >> 16);
}
#else
typedef float real;
#define ONE 1.0f
FN float widen(real r) { return r; }
FN real narrow(float f) { return f; }
FN real narrow_potential(float h, float threshold, int fires) { return h; }
#endif

// Within 2 ulp of exp (coefficients: S. Moshier's Cephes, expf). Unlike the libraries' it vectorises.
FN float exponential(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  float k = x * 1.44269504f + 12582912.0f - 12582912.0f; // nearest integer, by the rounding of large floats
  float r = x - k * 0.693359375f + k * 2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  word scale;
  scale.u = (unsigned)((int)k + 127) << 23;
  return (y * r * r + r + 1.0f) * scale.f;
}
FN float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
FN float cosines(float angle, float terms) { // sum of cos((2 i - 1) angle), i = 1 .. terms - 1
  float sum = 0.0f;
  for (int i = 1; i < (int)terms; i++) sum += cosf((2 * i - 1) * angle);
  return sum;
}

FN float leak(float a, float tau) { return MULTIPLY ? a * tau : a / tau; }
FN float charge(float v, float x, float tau, float rest) {
  if (!LEAKY) return v + x;
  return DECAY_INPUT ? v + leak(x - (v - rest), tau) : v - leak(v - rest, tau) + x;
}
FN int fire(float h, float threshold) { return h - threshold >= 0.0f; }
FN float reset(float h, int fires, float threshold, float rest) {
  return fires ? (HARD ? rest : h - threshold) : h;
}
// dL/dh of one step; gv comes in as dL/dv[t] and goes out as dL/dv[t-1], gx is dL/dx[t].
FN float uncharge(float g, float h, float *gv, float *gx, float tau, float threshold, float rest, float p,
                  float q, float r) {
  float u = h - threshold, slope = SLOPE;
  float keep = HARD && u >= 0.0f ? 0.0f : 1.0f; // dv/dh with the spike held fixed
  if (!DETACH) keep += (HARD ? rest - h : -threshold) * slope;
  float gh = g * slope + *gv * keep, lost = LEAKY ? leak(gh, tau) : 0.0f;
  *gx = DECAY_INPUT ? lost : gh;
  *gv = gh - lost;
  return gh;
}
// What dh/dw of one step is proportional to (see multi_step.py): the charge, or the leak.
FN float pull(float h, float before, float rest) { return DECAY_INPUT ? h - before : rest - before; }

// x: T slabs x_stride apart (0: one slab, T times). v0: null for v_start everywhere. charged: null where no
// gradient will be asked for. inverse_tau: of a learned leak, else null.
#define FORWARD                                                                                          \
  const real *x, count x_stride, const float *v0, float v_start, real *spikes, real *charged,            \
      float *v_last, count T, count n, float tau, const float *inverse_tau, float threshold, float rest
// grad_v, grad_v0, grad_w: may be null. grad_x: T slabs, or with reduce one slab, summed over T.
#define BACKWARD                                                                                         \
  const real *grad_spikes, const float *grad_v, const real *charged, const float *v0, float v_start,     \
      real *grad_x, int reduce, float *grad_v0, float *grad_w, count T, count n, float tau,              \
      const float *inverse_tau, float threshold, float rest, float p, float q, float r

#ifdef __CUDACC__ // one thread per neuron

#define EACH_NEURON                                                                                      \
  count i = blockIdx.x * (count)blockDim.x + threadIdx.x;                                                \
  if (i >= n) return;                                                                                    \
  if (LEARNED) tau = *inverse_tau;

extern "C" __global__ void spinetune_forward(FORWARD) {
  EACH_NEURON
  float v = v0 ? v0[i] : v_start;
  for (count t = 0; t < T; t++) {
    float h = charge(v, widen(x[t * x_stride + i]), tau, rest);
    int fires = fire(h, threshold);
    if (charged) charged[t * n + i] = narrow_potential(h, threshold, fires);
    spikes[t * n + i] = fires ? ONE : 0;
    v = reset(h, fires, threshold, rest);
  }
  v_last[i] = v;
}

extern "C" __global__ void spinetune_backward(BACKWARD) { // grad_w: one value per neuron
  EACH_NEURON
  float gv = grad_v ? grad_v[i] : 0.0f, gx, sum = 0.0f, gw = 0.0f;
  for (count t = T - 1; t >= 0; t--) {
    float h = widen(charged[t * n + i]);
    float gh = uncharge(widen(grad_spikes[t * n + i]), h, &gv, &gx, tau, threshold, rest, p, q, r);
    if (reduce) sum += gx;
    else grad_x[t * n + i] = narrow(gx);
    if (LEARNED) {
      float last = t ? widen(charged[(t - 1) * n + i]) : 0.0f;
      gw += gh * pull(h, t ? reset(last, fire(last, threshold), threshold, rest) : v0 ? v0[i] : v_start, rest);
    }
  }
  if (reduce) grad_x[i] = narrow(sum);
  if (grad_v0) grad_v0[i] = gv;
  if (LEARNED && grad_w) grad_w[i] = gw;
}

#else // a block of neurons at a time; the inner loops run over neurons, hold no branch and vectorise

#define BLOCK 1024 // the potentials of one block stay in the L1 cache for all T steps
#define EACH for (count i = 0; i < m; i++)
#define BLOCKS(call)                                                                                     \
  _Pragma("omp parallel for num_threads(threads) if (threads > 1 && T * n > 32768)")                     \
  for (count from = 0; from < n; from += BLOCK) {                                                        \
    count m = n - from < BLOCK ? n - from : BLOCK;                                                       \
    call;                                                                                                \
  }

FN void forward_block(FORWARD, count from, count m, int save) {
  float v[BLOCK];
  EACH v[i] = v0 ? v0[from + i] : v_start;
  for (count t = 0; t < T; t++) {
    const real *restrict xt = x + t * x_stride + from;
    real *restrict st = spikes + t * n + from, *restrict ht = charged + t * n + from;
    EACH {
      float h = charge(v[i], widen(xt[i]), tau, rest);
      int fires = fire(h, threshold);
      if (save) ht[i] = narrow_potential(h, threshold, fires);
      st[i] = fires ? ONE : 0;
      v[i] = reset(h, fires, threshold, rest);
    }
  }
  EACH v_last[from + i] = v[i];
}

FN void backward_block(BACKWARD, count from, count m, int sum) {
  float gv[BLOCK], gw[BLOCK], gx[BLOCK], before[BLOCK];
  EACH gv[i] = grad_v ? grad_v[from + i] : 0.0f;
  EACH gw[i] = gx[i] = 0.0f;
  for (count t = T - 1; t >= 0; t--) {
    const real *restrict gt = grad_spikes + t * n + from, *restrict ht = charged + t * n + from;
    real *restrict ot = grad_x + t * n + from;
    if (LEARNED && t) EACH {
      float last = widen(ht[i - n]);
      before[i] = reset(last, fire(last, threshold), threshold, rest);
    }
    if (LEARNED && !t) EACH before[i] = v0 ? v0[from + i] : v_start;
    EACH {
      float g, h = widen(ht[i]);
      float gh = uncharge(widen(gt[i]), h, &gv[i], &g, tau, threshold, rest, p, q, r);
      if (sum) gx[i] += g;
      else ot[i] = narrow(g);
      if (LEARNED) gw[i] += gh * pull(h, before[i], rest);
    }
  }
  if (sum) EACH grad_x[from + i] = narrow(gx[i]);
  if (grad_v0) EACH grad_v0[from + i] = gv[i];
  if (LEARNED && grad_w) { // one value per block: the sum over them does not depend on the threads
    double total = 0.0;
    EACH total += gw[i];
    grad_w[from / BLOCK] = (float)total;
  }
}

void spinetune_forward(FORWARD, int threads) {
#define PASS x, x_stride, v0, v_start, spikes, charged, v_last, T, n, tau, inverse_tau, threshold, rest
  if (LEARNED) tau = *inverse_tau;
  if (charged) BLOCKS(forward_block(PASS, from, m, 1)) else BLOCKS(forward_block(PASS, from, m, 0))
#undef PASS
}

void spinetune_backward(BACKWARD, int threads) {
#define PASS                                                                                             \
  grad_spikes, grad_v, charged, v0, v_start, grad_x, reduce, grad_v0, grad_w, T, n, tau, inverse_tau,    \
      threshold, rest, p, q, r
  if (LEARNED) tau = *inverse_tau;
  if (reduce) BLOCKS(backward_block(PASS, from, m, 1)) else BLOCKS(backward_block(PASS, from, m, 0))
}
#endif
