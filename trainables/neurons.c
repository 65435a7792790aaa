// Multi-step IF and LIF neurons, forward and backward, one pass over memory each.
//
// The same arithmetic as lif_forward and lif_backward in neurons.py, in the same order of operations, so
// that float32 results agree to the last bit (compile with -ffp-contract=off: a fused multiply-add rounds
// once where torch rounds twice). All arrays hold T slabs of n elements; elements never interact, so any
// dense memory layout will do. The input may repeat one slab (x_stride 0: a constant current).

#include <stdint.h>

#define BLOCK 1024 // membrane potentials of one block stay in the L1 cache for all T steps
#define PI 3.14159265358979323846f

enum { INTEGRATE = 0, LEAKY = 1, LEAKY_INPUT_KEPT = 2 };

#define INLINE static inline __attribute__((always_inline))

INLINE float charge(float v, float x, float tau, float rest, int mode) {
  if (mode == INTEGRATE) return v + x;
  if (mode == LEAKY) return v + (x - (v - rest)) / tau;
  return v - (v - rest) / tau + x;
}

INLINE void forward_block(const float *x, int64_t x_stride, const float *v0, float *spikes, float *charged,
                          float *v_last, int64_t T, int64_t n, int64_t from, int64_t m, float tau,
                          float threshold, float rest, int mode, int hard) {
  float v[BLOCK];
  for (int64_t i = 0; i < m; i++) v[i] = v0[from + i];
  for (int64_t t = 0; t < T; t++) {
    const float *restrict xt = x + t * x_stride + from;
    float *restrict st = spikes + t * n + from;
    float *restrict ht = charged + t * n + from;
    for (int64_t i = 0; i < m; i++) {
      float h = charge(v[i], xt[i], tau, rest, mode);
      int fires = h - threshold >= 0.0f;
      ht[i] = h;
      st[i] = fires ? 1.0f : 0.0f;
      v[i] = fires ? (hard ? rest : h - threshold) : h;
    }
  }
  for (int64_t i = 0; i < m; i++) v_last[from + i] = v[i];
}

INLINE void backward_block(const float *grad_spikes, const float *grad_v, const float *charged,
                           float *grad_x, float *grad_v0, int64_t T, int64_t n, int64_t from, int64_t m,
                           float tau, float threshold, float rest, float alpha, int mode, int hard,
                           int detach) {
  float gv[BLOCK];
  const float half = alpha / 2.0f, slope = PI * half;
  for (int64_t i = 0; i < m; i++) gv[i] = grad_v[from + i];
  for (int64_t t = T - 1; t >= 0; t--) {
    const float *restrict gt = grad_spikes + t * n + from;
    const float *restrict ht = charged + t * n + from;
    float *restrict ot = grad_x + t * n + from;
    for (int64_t i = 0; i < m; i++) {
      float h = ht[i], u = h - threshold, z = slope * u;
      float surrogate = half / (1.0f + z * z);
      float keep = hard ? (u >= 0.0f ? 0.0f : 1.0f) : 1.0f; // dv/dh with the spike held fixed
      if (!detach) keep += (hard ? rest - h : -threshold) * surrogate;
      float gh = gt[i] * surrogate + gv[i] * keep;
      float leak = mode == INTEGRATE ? 0.0f : gh / tau;
      ot[i] = mode == LEAKY ? leak : gh;
      gv[i] = gh - leak;
    }
  }
  for (int64_t i = 0; i < m; i++) grad_v0[from + i] = gv[i];
}

// mode, hard and detach are constants inside each case, so that the inner loops hold no branch and vectorise.
#define BLOCKS(call)                                                                                     \
  _Pragma("omp parallel for num_threads(threads) if (threads > 1)")                                      \
  for (int64_t from = 0; from < n; from += BLOCK) {                                                      \
    int64_t m = n - from < BLOCK ? n - from : BLOCK;                                                     \
    call;                                                                                                \
  }

#define MODES(CASE)                                                                                      \
  switch (mode) {                                                                                        \
    case INTEGRATE: CASE(INTEGRATE); break;                                                              \
    case LEAKY: CASE(LEAKY); break;                                                                      \
    default: CASE(LEAKY_INPUT_KEPT);                                                                     \
  }

void spinetune_lif_forward(const float *x, int64_t x_stride, const float *v0, float *spikes,
                           float *charged, float *v_last, int64_t T, int64_t n, float tau,
                           float threshold, float rest, int mode, int hard, int threads) {
#define RUN(M, H) BLOCKS(forward_block(x, x_stride, v0, spikes, charged, v_last, T, n, from, m, tau, threshold, rest, M, H))
#define CASE(M) if (hard) RUN(M, 1) else RUN(M, 0)
  MODES(CASE)
#undef CASE
#undef RUN
}

void spinetune_lif_backward(const float *grad_spikes, const float *grad_v, const float *charged,
                            float *grad_x, float *grad_v0, int64_t T, int64_t n, float tau,
                            float threshold, float rest, float alpha, int mode, int hard, int detach,
                            int threads) {
#define RUN(M, H, D) BLOCKS(backward_block(grad_spikes, grad_v, charged, grad_x, grad_v0, T, n, from, m, tau, threshold, rest, alpha, M, H, D))
#define CASE(M)                                                                                          \
  if (hard && detach) RUN(M, 1, 1) else if (hard) RUN(M, 1, 0) else if (detach) RUN(M, 0, 1) else RUN(M, 0, 0)
  MODES(CASE)
#undef CASE
#undef RUN
}
