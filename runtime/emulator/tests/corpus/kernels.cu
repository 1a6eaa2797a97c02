// Well-known kernels, as PTX from clang's CUDA front end. No CUDA installation is needed: `make.sh` has the command.

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))

#define TID_X __nvvm_read_ptx_sreg_tid_x()
#define TID_Y __nvvm_read_ptx_sreg_tid_y()
#define BLOCK_X __nvvm_read_ptx_sreg_ctaid_x()
#define BLOCK_Y __nvvm_read_ptx_sreg_ctaid_y()
#define SIZE_X __nvvm_read_ptx_sreg_ntid_x()
#define GRID_X __nvvm_read_ptx_sreg_nctaid_x()
#define BARRIER __syncthreads()

typedef unsigned int u32;
typedef unsigned short u16;

__device__ float exchange(float value, int lanes) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, value, lanes, 31); }

__device__ float warp_sum(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += exchange(value, lanes);
  return value;
}

__device__ float warp_max(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value = __nvvm_fmax_f(value, exchange(value, lanes));
  return value;
}

// Sum of n floats: partial sums of blocks, added by the block that arrives last.
extern "C" __global__ void reduce(const float *in, float *partial, u32 *arrived, float *out, int n) {
  __shared__ float warps[8];
  __shared__ bool last;
  float sum = 0;
  for (int i = BLOCK_X * SIZE_X + TID_X; i < n; i += GRID_X * SIZE_X) sum += in[i];
  sum = warp_sum(sum);
  if (TID_X % 32 == 0) warps[TID_X / 32] = sum;
  BARRIER;
  if (TID_X == 0) {
    float total = 0;
    for (int i = 0; i < 8; i++) total += warps[i];
    partial[BLOCK_X] = total;
    __nvvm_membar_gl();
    last = __nvvm_atom_inc_gen_ui(arrived, GRID_X - 1) == GRID_X - 1;
  }
  BARRIER;
  if (last && TID_X == 0) {
    float total = 0;
    for (int i = 0; i < GRID_X; i++) total += ((volatile float *)partial)[i];
    *out = total;
  }
}

// Inclusive prefix sums of up to 1024 integers by one block (Hillis and Steele).
extern "C" __global__ void scan(const int *in, int *out, int n) {
  __shared__ int buffer[2][1024];
  int i = TID_X, side = 0;
  buffer[0][i] = i < n ? in[i] : 0;
  BARRIER;
  for (int distance = 1; distance < 1024; distance *= 2) {
    int value = buffer[side][i];
    if (i >= distance) value += buffer[side][i - distance];
    side ^= 1;
    buffer[side][i] = value;
    BARRIER;
  }
  if (i < n) out[i] = buffer[side][i];
}

// out = in^T in tiles of 32 x 32 by 32 x 8 threads; the padding keeps columns out of one bank.
extern "C" __global__ void transpose(const float *in, float *out, int rows, int columns) {
  __shared__ float tile[32][33];
  int x = BLOCK_X * 32 + TID_X;
  for (int k = 0; k < 32; k += 8) {
    int y = BLOCK_Y * 32 + TID_Y + k;
    if (x < columns && y < rows) tile[TID_Y + k][TID_X] = in[y * columns + x];
  }
  BARRIER;
  x = BLOCK_Y * 32 + TID_X;
  for (int k = 0; k < 32; k += 8) {
    int y = BLOCK_X * 32 + TID_Y + k;
    if (x < rows && y < columns) out[y * rows + x] = tile[TID_X][TID_Y + k];
  }
}

// c [m, n] = a [m, k] b [k, n] in tiles of 16.
extern "C" __global__ void matmul(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float left[16][16], right[16][16];
  int row = BLOCK_Y * 16 + TID_Y, column = BLOCK_X * 16 + TID_X;
  float sum = 0;
  for (int start = 0; start < k; start += 16) {
    int i = start + TID_X, j = start + TID_Y;
    left[TID_Y][TID_X] = row < m && i < k ? a[row * k + i] : 0;
    right[TID_Y][TID_X] = column < n && j < k ? b[j * n + column] : 0;
    BARRIER;
    for (int inner = 0; inner < 16; inner++) sum += left[TID_Y][inner] * right[inner][TID_X];
    BARRIER;
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

// A row a block: exp(x - max) / sum, with 2^x.
extern "C" __global__ void softmax(const float *in, float *out, int columns) {
  __shared__ float warps[4];
  const float *row = in + (long)BLOCK_X * columns;
  float most = -__builtin_inff();
  for (int i = TID_X; i < columns; i += 128) most = __nvvm_fmax_f(most, row[i]);
  most = warp_max(most);
  if (TID_X % 32 == 0) warps[TID_X / 32] = most;
  BARRIER;
  for (int i = 0; i < 4; i++) most = __nvvm_fmax_f(most, warps[i]);
  BARRIER;
  float sum = 0;
  for (int i = TID_X; i < columns; i += 128) sum += __nvvm_ex2_approx_f((row[i] - most) * 1.44269504f);
  sum = warp_sum(sum);
  if (TID_X % 32 == 0) warps[TID_X / 32] = sum;
  BARRIER;
  sum = 0;
  for (int i = 0; i < 4; i++) sum += warps[i];
  for (int i = TID_X; i < columns; i += 128)
    out[(long)BLOCK_X * columns + i] = __nvvm_ex2_approx_f((row[i] - most) * 1.44269504f) / sum;
}

__device__ u32 shared_address(const void *pointer) {
  return (u32)(unsigned long)(__attribute__((address_space(3))) const void *)pointer;
}

// c [m, n] = a [m, k] b [k, n], bf16 to f32 on tensor cores: a warp a tile of 16 x 8, operands through cp.async in two
// stages and ldmatrix. m, n, k are multiples of 16, 8, 16.
extern "C" __global__ void matmul_bf16(const u16 *a, const u16 *b, float *c, int n, int k) {
  __shared__ __attribute__((aligned(16))) u16 left[2][16][16], right[2][16][8];
  int row = BLOCK_Y * 16, column = BLOCK_X * 8, lane = TID_X;
  float sum[4] = {0, 0, 0, 0};
  auto load = [&](int stage, int start) {
    u32 to = shared_address(&left[stage][lane / 2][lane % 2 * 8]);
    const u16 *from = a + (row + lane / 2) * k + start + lane % 2 * 8;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
    if (lane < 16) {
      to = shared_address(&right[stage][lane][0]);
      from = b + (start + lane) * n + column;
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  load(0, 0);
  for (int step = 0; step * 16 < k; step++) {
    int stage = step % 2;
    if ((step + 1) * 16 < k) load(1 - stage, (step + 1) * 16);
    else asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __nvvm_bar_warp_sync(0xffffffffu);
    u32 x[4], y[2];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(shared_address(&left[stage][lane % 16][lane / 16 * 8])));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(y[0]), "=r"(y[1])
                 : "r"(shared_address(&right[stage][lane % 16][0])));
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
    __nvvm_bar_warp_sync(0xffffffffu);
  }
  for (int i = 0; i < 4; i++)
    c[(row + lane / 4 + i / 2 * 8) * n + column + lane % 4 * 2 + i % 2] = sum[i];
}

// Spilled registers and calls: an array indexed at run time and a function that is not inlined.
__attribute__((noinline)) __device__ int step(const int *table, int state, int symbol) {
  return table[(state * 3 + symbol) % 7];
}

extern "C" __global__ void automaton(const int *symbols, int *out, int n) {
  int table[7];
  for (int i = 0; i < 7; i++) table[i] = (i * i + 3) % 7;
  int thread = BLOCK_X * SIZE_X + TID_X, state = thread % 7;
  for (int i = 0; i < n; i++) state = step(table, state, symbols[(thread + i) % n]);
  out[thread] = state;
}

// Counts of values below 256, with one table a block.
extern "C" __global__ void histogram(const u32 *in, u32 *counts, int n) {
  __shared__ u32 own[256];
  own[TID_X] = 0;
  BARRIER;
  for (int i = BLOCK_X * 256 + TID_X; i < n; i += GRID_X * 256) __nvvm_atom_add_gen_i((int *)&own[in[i]], 1);
  BARRIER;
  if (own[TID_X]) __nvvm_atom_add_gen_i((int *)&counts[TID_X], own[TID_X]);
}
