"""Inputs and results of the kernels in kernels.cu, computed by NumPy in double precision."""

import numpy as np

random = np.random.default_rng(7)


def save(name, array):
    np.save(f"golden/{name}.npy", np.ascontiguousarray(array))


def bf16(array):
    """Rounds to bf16, ties to even, and returns the bits."""
    bits = np.asarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def widen(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


values = random.standard_normal(10007).astype(np.float32)
save("reduce_in", values)
save("reduce_out", np.array([values.astype(np.float64).sum()]))

values = random.integers(-100, 100, 1000, dtype=np.int32)
save("scan_in", values)
save("scan_out", np.cumsum(values, dtype=np.int32))

values = random.standard_normal((70, 45)).astype(np.float32)
save("transpose_in", values)
save("transpose_out", values.T)

a = random.standard_normal((50, 61)).astype(np.float32)
b = random.standard_normal((61, 37)).astype(np.float32)
save("matmul_a", a)
save("matmul_b", b)
save("matmul_out", a.astype(np.float64) @ b.astype(np.float64))

values = (4 * random.standard_normal((9, 300))).astype(np.float32)
powers = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
save("softmax_in", values)
save("softmax_out", powers / powers.sum(axis=1, keepdims=True))

a = bf16(random.standard_normal((48, 64)))
b = bf16(random.standard_normal((64, 40)))
save("matmul_bf16_a", a)
save("matmul_bf16_b", b)
save("matmul_bf16_out", widen(a) @ widen(b))

symbols = random.integers(0, 3, 50, dtype=np.int32)
table = np.array([(i * i + 3) % 7 for i in range(7)])
states = np.arange(96) % 7
for step in range(50):
    states = table[(states * 3 + symbols[(np.arange(96) + step) % 50]) % 7]
save("automaton_in", symbols)
save("automaton_out", states.astype(np.int32))

values = random.integers(0, 256, 5000, dtype=np.uint32)
save("histogram_in", values)
save("histogram_out", np.bincount(values, minlength=256).astype(np.uint32))
