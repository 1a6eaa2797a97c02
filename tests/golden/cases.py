"""One case for every built-in, operator, index form and shape of recurrence: its source, and what NumPy says.

A case is a function of a .seq file and a function of NumPy arrays. They are written apart: the NumPy side is a loop or
NumPy's own routine and never a transcription of how the compiler lowers an op.
"""

import inspect
import math
import types

import numpy as np

CASES = []
rng = np.random.default_rng(20)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def positive(*shape):
    return (np.abs(rng.standard_normal(shape)) + 0.1).astype(np.float32)


def unit(*shape):
    return rng.uniform(0, 1, shape).astype(np.float32)


def cnormal(*shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def ints(low, high, *shape):
    return rng.integers(low, high, shape).astype(np.int32)


def bools(*shape):
    return rng.integers(0, 2, shape).astype(bool)


def case(name, signature, body, truth, **inputs):
    """`signature` is `x: f32[T, D] -> f32[T]`; `body` an expression or lines; `truth` takes the inputs, widened."""
    takes, gives = signature.split(" -> ")
    wide = {k: v.astype({"f": np.float64, "c": np.complex128}.get(v.dtype.kind, v.dtype)) for k, v in inputs.items()}
    named = isinstance(truth, types.FunctionType) and truth.__code__.co_flags & inspect.CO_VARKEYWORDS  # for `lambda`
    result = np.asarray(truth(**wide) if named else truth(*wide.values()))
    kind = gives.split("[")[0]
    dtype = {"f32": np.float32, "c64": np.complex64, "i32": np.int32, "bool": bool}[kind]
    assert name not in [c["name"] for c in CASES], name
    lines = body.strip().split("\n")
    if len(lines) == 1:
        text = f"fn {name}({takes}) -> {gives} {{ {lines[0]} }}"
    else:
        text = f"fn {name}({takes}) -> {gives} {{\n" + "".join(f"    {line}\n" for line in lines) + "}"
    CASES.append(dict(name=name, text=text, inputs=inputs, result=result.astype(dtype)))


def erf(x):
    return np.vectorize(math.erf)(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


# Elementwise, on both signs and over a wide range where the function has one.
wide = np.concatenate([normal(40), 30 * normal(20), [0.0, -0.0, 1.0, -1.0, 80.0, -80.0]]).astype(np.float32)
tame = np.concatenate([normal(40), 5 * normal(20), [0.0, 1.0, -1.0]]).astype(np.float32)
for name, truth, x in [
    ("exp", np.exp, tame),
    ("log", np.log, positive(40)),
    ("sqrt", np.sqrt, positive(40)),
    ("rsqrt", lambda x: 1 / np.sqrt(x), positive(40)),
    ("tanh", np.tanh, wide),
    ("sigmoid", sigmoid, tame),
    ("silu", lambda x: x * sigmoid(x), tame),
    ("relu", lambda x: np.maximum(x, 0), wide),
    ("softplus", lambda x: np.logaddexp(0, x), wide),
    ("sin", np.sin, np.concatenate([wide, 1e4 * normal(10)]).astype(np.float32)),
    ("cos", np.cos, np.concatenate([wide, 1e4 * normal(10)]).astype(np.float32)),
    ("abs", np.abs, wide),
    ("floor", np.floor, wide),
    ("ceil", np.ceil, wide),
    ("round", np.round, np.concatenate([wide, [0.5, 1.5, 2.5, -0.5, -1.5]]).astype(np.float32)),
    ("gelu", lambda x: x / 2 * (1 + erf(x / math.sqrt(2))), tame),
    ("gelu_tanh", lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), tame),
]:
    case(f"elementwise_{name}", "x: f32[N] -> f32[N]", f"{name}(x)", truth, x=x)

case("elementwise_max", "a: f32[N], b: f32[N] -> f32[N]", "max(a, b)", np.maximum, a=normal(9), b=normal(9))
case("elementwise_min", "a: f32[N], b: f32[N] -> f32[N]", "min(a, b)", np.minimum, a=normal(9), b=normal(9))
case("elementwise_where", "c: bool[N], a: f32[N], b: f32[N] -> f32[N]", "where(c, a, b)", lambda c, a, b: np.where(c, a, b), c=bools(9), a=normal(9), b=normal(9))
case("where_broadcasts", "c: bool[N, 1], a: f32[M], b: f32[M] -> f32[N, M]", "where(c, a, b)", lambda c, a, b: np.where(c, a, b), c=bools(3, 1), a=normal(4), b=normal(4))
case("constants", "x: f32[N] -> f32[N]", "where(x < inf, x * pi, x)", lambda x: np.where(x < np.inf, x * np.pi, x), x=np.array([1.0, -2.0, np.inf], np.float32))

# Operators.
for name, op, truth in [("add", "+", np.add), ("sub", "-", np.subtract), ("mul", "*", np.multiply), ("div", "/", np.divide), ("rem", "%", np.mod)]:
    case(f"operator_{name}", "a: f32[T, D], b: f32[D] -> f32[T, D]", f"a {op} b", truth, a=normal(3, 5), b=positive(5))
    if name != "rem":
        case(f"operator_{name}_complex", "a: c64[T, D], b: c64[D] -> c64[T, D]", f"a {op} b", truth, a=cnormal(3, 5), b=cnormal(5))
case("operator_rem_ints", "a: i32[N], b: i32[N] -> i32[N]", "a % b", np.mod, a=np.array([7, -7, 7, -7, 6], np.int32), b=np.array([3, 3, -3, -3, 3], np.int32))
case("operator_rem_signs", "a: f32[N], b: f32[N] -> f32[N]", "a % b", np.mod, a=np.array([7.5, -7.5, 7.5, -7.5], np.float32), b=np.array([2, 2, -2, -2], np.float32))
case("operator_div_ints", "a: i32[N], b: i32[N] -> f32[N]", "a / b", np.true_divide, a=np.array([7, -7, 1], np.int32), b=np.array([2, 2, 3], np.int32))
case("operator_pow", "a: f32[N], b: f32[N] -> f32[N]", "a ^ b", np.power, a=positive(9), b=normal(9))
case("operator_pow_int", "a: f32[N] -> f32[N]", "a ^ 3 + 2 ^ -1", lambda a: a**3 + 0.5, a=normal(9))
case("operator_pow_binds_tighter", "a: f32[N] -> f32[N]", "-a ^ 2", lambda a: -(a**2), a=normal(9))
case("operator_neg", "a: f32[N] -> f32[N]", "-a", np.negative, a=normal(9))
case("operator_not", "a: bool[N] -> bool[N]", "!a", np.logical_not, a=bools(9))
case("operator_and", "a: bool[N], b: bool[N] -> bool[N]", "a and b", np.logical_and, a=bools(9), b=bools(9))
case("operator_or", "a: bool[N], b: bool[N] -> bool[N]", "a or b", np.logical_or, a=bools(9), b=bools(9))
few = ints(0, 3, 20)
for name, op, truth in [("eq", "==", np.equal), ("ne", "!=", np.not_equal), ("lt", "<", np.less), ("le", "<=", np.less_equal), ("gt", ">", np.greater), ("ge", ">=", np.greater_equal)]:
    case(f"operator_{name}", "a: i32[N], b: i32[N] -> bool[N]", f"a {op} b", truth, a=few, b=ints(0, 3, 20))
    case(f"operator_{name}_float", "a: f32[N], b: f32[N] -> bool[N]", f"a {op} b", truth, a=np.array([1, 2, 3, -0.0], np.float32), b=np.array([2, 2, 2, 0.0], np.float32))
case("pipe", "x: f32[N] -> f32", "x |> exp |> sum", lambda x: np.exp(x).sum(), x=normal(5))
case("pipe_with_arguments", "x: f32[T, N] -> f32[N]", "x |> sum(axis = 0) |> max(0.5)", lambda x: np.maximum(x.sum(0), 0.5), x=normal(3, 5))
case("convert_float", "x: i32[N] -> f32[N]", "f32(x) / 2", lambda x: x / 2, x=ints(-5, 5, 7))
case("convert_int", "x: f32[N] -> i32[N]", "i32(x)", np.trunc, x=np.array([1.9, -1.9, 0.2, -0.2], np.float32))
case("convert_bool", "x: bool[N] -> f32[N]", "f32(x)", lambda x: x, x=bools(7))
case("widen_int", "x: f32[N], n: i32[N] -> f32[N]", "x + n", np.add, x=normal(4), n=ints(0, 9, 4))
case("widen_complex", "x: f32[N], z: c64[N] -> c64[N]", "x * z + 1", lambda x, z: x * z + 1, x=normal(4), z=cnormal(4))

# Complex numbers.
case("complex_make", "a: f32[N], b: f32[N] -> c64[N]", "complex(a, b)", lambda a, b: a + 1j * b, a=normal(5), b=normal(5))
case("complex_polar", "r: f32[N], angle: f32[N] -> c64[N]", "polar(r, angle)", lambda r, angle: r * np.exp(1j * angle), r=positive(5), angle=normal(5))
case("complex_cis", "angle: f32[N] -> c64[N]", "cis(angle)", lambda angle: np.exp(1j * angle), angle=normal(5))
case("complex_re", "z: c64[N] -> f32[N]", "re(z)", np.real, z=cnormal(5))
case("complex_im", "z: c64[N] -> f32[N]", "im(z)", np.imag, z=cnormal(5))
case("complex_conj", "z: c64[N] -> c64[N]", "conj(z)", np.conj, z=cnormal(5))
case("complex_abs", "z: c64[N] -> f32[N]", "abs(z)", np.abs, z=cnormal(5))
case("complex_arg", "z: c64[N] -> f32[N]", "arg(z)", np.angle, z=cnormal(9))
case("complex_exp", "z: c64[N] -> c64[N]", "exp(z)", np.exp, z=cnormal(5))
case("complex_sqrt", "z: c64[N] -> c64[N]", "sqrt(z)", np.sqrt, z=cnormal(9))
case("complex_sum", "z: c64[T, N] -> c64[T]", "sum(z)", lambda z: z.sum(-1), z=cnormal(3, 5))
case("complex_mean", "z: c64[T, N] -> c64[N]", "mean(z, axis = 0)", lambda z: z.mean(0), z=cnormal(3, 5))
case("complex_cumsum", "z: c64[T, N] -> c64[T, N]", "cumsum(z, axis = 0)", lambda z: z.cumsum(0), z=cnormal(4, 3))
case("complex_matmul", "a: c64[T, N], b: c64[N, M] -> c64[T, M]", "a @ b", np.matmul, a=cnormal(3, 4), b=cnormal(4, 5))
case("complex_matmul_real", "a: c64[T, N], b: f32[N, M] -> c64[T, M]", "a @ b", np.matmul, a=cnormal(3, 4), b=normal(4, 5))
case("complex_outer", "a: c64[N], b: c64[M] -> c64[N, M]", "outer(a, b)", np.outer, a=cnormal(3), b=cnormal(4))
case("complex_einsum", "a: c64[H, N], b: f32[H, N, M] -> c64[H, M]", 'einsum("hn,hnm->hm", a, b)', lambda a, b: np.einsum("hn,hnm->hm", a, b), a=cnormal(2, 3), b=normal(2, 3, 4))
case("complex_index", "z: c64[T, N] -> c64[N]", "z[1] + z[-1]", lambda z: z[1] + z[-1], z=cnormal(3, 4))

# Reductions.
for name, truth in [("sum", np.sum), ("mean", np.mean), ("var", np.var), ("max", np.max), ("min", np.min), ("norm", lambda x, axis: np.sqrt((x**2).sum(axis)))]:
    case(f"reduce_{name}", "x: f32[T, D] -> f32[T]", f"{name}(x)", lambda x: truth(x, axis=-1), x=normal(3, 7))
    case(f"reduce_{name}_leading", "x: f32[T, D] -> f32[D]", f"{name}(x, axis = 0)", lambda x: truth(x, axis=0), x=normal(3, 7))
    case(f"reduce_{name}_all", "x: f32[T, D] -> f32", f"{name}(x, axis = all)", lambda x: truth(x, axis=(0, 1)), x=normal(3, 7))
    case(f"reduce_{name}_axes", "x: f32[A, B, C] -> f32[B]", f"{name}(x, axis = [0, 2])", lambda x: truth(x, axis=(0, 2)), x=normal(2, 3, 4))
    case(f"reduce_{name}_keep", "x: f32[T, D] -> f32[T, D]", f"x - {name}(x, keep = true)", lambda x: x - truth(x, axis=-1)[:, None], x=normal(3, 7))
case("reduce_argmax", "x: f32[T, D] -> i32[T]", "argmax(x)", lambda x: x.argmax(-1), x=normal(5, 7))
case("reduce_argmax_first", "x: i32[T, D] -> i32[T]", "argmax(x)", lambda x: x.argmax(-1), x=np.array([[1, 3, 3], [2, 2, 2]], np.int32))
case("reduce_argmax_leading", "x: f32[T, D] -> i32[D]", "argmax(x, axis = 0)", lambda x: x.argmax(0), x=normal(5, 7))
case("reduce_softmax", "x: f32[T, D] -> f32[T, D]", "softmax(x)", softmax, x=10 * normal(3, 7))
case("reduce_softmax_leading", "x: f32[T, D] -> f32[T, D]", "softmax(x, axis = 0)", lambda x: softmax(x, 0), x=normal(3, 7))
case("reduce_softmax_huge", "x: f32[D] -> f32[D]", "softmax(x)", softmax, x=np.array([1000, 1001, -1000, -np.inf], np.float32))
case("reduce_log_softmax", "x: f32[T, D] -> f32[T, D]", "log_softmax(x)", lambda x: np.log(softmax(x)), x=3 * normal(3, 7))
case("reduce_logsumexp", "x: f32[T, D] -> f32[T]", "logsumexp(x)", lambda x: np.log(np.exp(x).sum(-1)), x=3 * normal(3, 7))
case("reduce_logsumexp_huge", "x: f32[D] -> f32", "logsumexp(x)", lambda x: 1000 + math.log(2 + math.exp(-1)), x=np.array([1000, 1000, 999], np.float32))
case("reduce_cumsum", "x: f32[T, D] -> f32[T, D]", "cumsum(x)", lambda x: x.cumsum(-1), x=normal(3, 7))
case("reduce_cumsum_leading", "x: f32[T, D] -> f32[T, D]", "cumsum(x, axis = 0)", lambda x: x.cumsum(0), x=normal(3, 7))
case("reduce_ints", "x: i32[T, D] -> i32[T]", "sum(x) + max(x) - min(x)", lambda x: x.sum(-1) + x.max(-1) - x.min(-1), x=ints(-9, 9, 3, 5))
case("reduce_comprehension", "x: f32[D] -> f32[D]", "sum(x * i for i in 0..4) + max(x * i for i in [1, -1])", lambda x: 6 * x + np.abs(x), x=normal(5))

# Shapes.
case("shape_reshape", "x: f32[T, D] -> f32[D, T]", "reshape(x, [D, T])", lambda x: x.reshape(x.shape[::-1]), x=normal(3, 4))
case("shape_transpose", "x: f32[A, B, C] -> f32[A, C, B]", "transpose(x)", lambda x: x.swapaxes(-1, -2), x=normal(2, 3, 4))
case("shape_permute", "x: f32[A, B, C] -> f32[C, A, B]", "permute(x, [2, 0, 1])", lambda x: x.transpose(2, 0, 1), x=normal(2, 3, 4))
case("shape_concat", "a: f32[N, D], b: f32[M, D] -> f32[N + M, D]", "concat([a, b])", lambda a, b: np.concatenate([a, b]), a=normal(2, 3), b=normal(4, 3))
case("shape_concat_axis", "a: f32[T, N], b: f32[T, M] -> f32[T, N + M]", "concat([a, b], axis = 1)", lambda a, b: np.concatenate([a, b], 1), a=normal(2, 3), b=normal(2, 4))
case("shape_stack", "a: f32[N], b: f32[N] -> f32[2, N]", "stack([a, b])", lambda a, b: np.stack([a, b]), a=normal(3), b=normal(3))
case("shape_stack_axis", "a: f32[N], b: f32[N] -> f32[N, 2]", "stack([a, b], axis = 1)", lambda a, b: np.stack([a, b], 1), a=normal(3), b=normal(3))
case("shape_split", "x: f32[6, D] -> f32[3, D]", "let parts = split(x, 2)\nparts[0] - parts[1]", lambda x: x[:3] - x[3:], x=normal(6, 2))
case("shape_split_sizes", "x: f32[T, 5] -> f32[T, 2]", "let parts = split(x, [2, 1, 2], axis = 1)\nparts[0] * parts[1] + parts[2]", lambda x: x[:, :2] * x[:, 2:3] + x[:, 3:], x=normal(3, 5))
case("shape_pad", "x: f32[T, D] -> f32[T + 3, D]", "pad(x, 1, 2)", lambda x: np.pad(x, ((1, 2), (0, 0))), x=normal(3, 2))
case("shape_pad_axis", "x: f32[T, D] -> f32[T, D + 3]", "pad(x, 0, 3, axis = 1)", lambda x: np.pad(x, ((0, 0), (0, 3))), x=normal(3, 2))
case("shape_repeat", "x: f32[T, D] -> f32[3 * T, D]", "repeat(x, 3)", lambda x: np.repeat(x, 3, 0), x=normal(2, 3))
case("shape_repeat_axis", "x: f32[T, D] -> f32[T, 2 * D]", "repeat(x, 2, axis = 1)", lambda x: np.repeat(x, 2, 1), x=normal(2, 3))
case("shape_flip", "x: f32[T, D] -> f32[T, D]", "flip(x)", lambda x: x[::-1], x=normal(4, 2))
case("shape_flip_axis", "x: f32[T, D] -> f32[T, D]", "flip(x, axis = 1)", lambda x: x[:, ::-1], x=normal(4, 3))
case("shape_shift", "x: f32[T, D] -> f32[T, D]", "shift(x, 2)", lambda x: np.concatenate([np.zeros((2, 3)), x[:-2]]), x=normal(5, 3))
case("shape_shift_later", "x: f32[T, D] -> f32[T, D]", "shift(x, -1)", lambda x: np.concatenate([x[1:], np.zeros((1, 3))]), x=normal(5, 3))
case("shape_shift_beyond", "x: f32[T, D] -> f32[T, D]", "shift(x, 9)", lambda x: 0 * x, x=normal(5, 3))
case("shape_of_nothing", "x: f32[T, D] -> f32[D]", "sum(x, axis = 0)", lambda x: x.sum(0), x=normal(0, 3))

case("shape_len", "x: f32[T, D] -> f32[T, D]", "x * len([x, x, x]) + len(x)", lambda x: 3 * x + len(x), x=normal(5, 2))

# Indices.
case("index_entry", "x: f32[T, D] -> f32[D]", "x[2]", lambda x: x[2], x=normal(5, 3))
case("index_from_the_end", "x: f32[T, D] -> f32[D]", "x[-2]", lambda x: x[-2], x=normal(5, 3))
case("index_range", "x: f32[T, D] -> f32[2, D]", "x[1..3]", lambda x: x[1:3], x=normal(5, 3))
case("index_open_range", "x: f32[5, D] -> f32[3, D]", "x[2..]", lambda x: x[2:], x=normal(5, 3))
case("index_to_the_end", "x: f32[5, D] -> f32[4, D]", "x[..-1]", lambda x: x[:-1], x=normal(5, 3))
case("index_column", "x: f32[T, D] -> f32[T]", "x[.., 1]", lambda x: x[:, 1], x=normal(5, 3))
case("index_new_axis", "x: f32[T] -> f32[T, 4]", "x[.., none] + zeros([4])", lambda x: np.repeat(x[:, None], 4, 1), x=normal(5))
case("index_both", "x: f32[T, D] -> f32[2]", "x[3, 1..3]", lambda x: x[3, 1:3], x=normal(5, 3))
case("index_gather", "table: f32[V, D], at: i32[T] -> f32[T, D]", "table[at]", lambda table, at: table[at], table=normal(6, 3), at=ints(0, 6, 8))
case("index_gather_matrix", "table: f32[V, D], at: i32[A, B] -> f32[A, B, D]", "table[at]", lambda table, at: table[at], table=normal(6, 3), at=ints(0, 6, 2, 4))
case("index_prefix", "x: f32[T], table: f32[9] -> f32[T]", "x + table[0..T]", lambda x, table: x + table[: len(x)], x=normal(5), table=normal(9))

# Contractions.
case("contract_matmul", "a: f32[T, N], b: f32[N, M] -> f32[T, M]", "a @ b", np.matmul, a=normal(5, 7), b=normal(7, 3))
case("contract_vector_matrix", "a: f32[N], b: f32[N, M] -> f32[M]", "a @ b", np.matmul, a=normal(7), b=normal(7, 3))
case("contract_matrix_vector", "a: f32[T, N], b: f32[N] -> f32[T]", "a @ b", np.matmul, a=normal(5, 7), b=normal(7))
case("contract_dot", "a: f32[N], b: f32[N] -> f32", "a @ b", np.dot, a=normal(7), b=normal(7))
case("contract_batched", "a: f32[H, T, N], b: f32[H, N, M] -> f32[H, T, M]", "a @ b", np.matmul, a=normal(2, 5, 7), b=normal(2, 7, 3))
case("contract_left_to_right", "a: f32[N, N], b: f32[N, N] -> f32[N, N]", "a @ b * a", lambda a, b: (a @ b) * a, a=normal(3, 3), b=normal(3, 3))
case("contract_outer", "a: f32[N], b: f32[M] -> f32[N, M]", "outer(a, b)", np.outer, a=normal(3), b=normal(4))
case("contract_einsum", "a: f32[H, D], b: f32[H, D, E] -> f32[H, E]", 'einsum("hd,hde->he", a, b)', lambda a, b: np.einsum("hd,hde->he", a, b), a=normal(2, 3), b=normal(2, 3, 4))
case("contract_einsum_trace", "a: f32[N, M], b: f32[M, N] -> f32", 'einsum("ij,ji->", a, b)', lambda a, b: np.einsum("ij,ji->", a, b), a=normal(3, 4), b=normal(4, 3))
case("contract_einsum_sum", "a: f32[N, M] -> f32[M]", 'einsum("ij->j", a)', lambda a: a.sum(0), a=normal(3, 4))
case("contract_einsum_three", "a: f32[I, J], b: f32[J, K], c: f32[K, L] -> f32[I, L]", 'einsum("ij,jk,kl->il", a, b, c)', lambda a, b, c: a @ b @ c, a=normal(2, 3), b=normal(3, 4), c=normal(4, 5))

# Frequencies.
case("frequency_fft", "z: c64[T, D] -> c64[T, D]", "fft(z)", lambda z: np.fft.fft(z, axis=0), z=cnormal(6, 2))
case("frequency_fft_axis", "z: c64[T, D] -> c64[T, D]", "fft(z, axis = 1)", lambda z: np.fft.fft(z, axis=1), z=cnormal(2, 7))
case("frequency_fft_n", "z: c64[T] -> c64[9]", "fft(z, n = 9)", lambda z: np.fft.fft(z, 9), z=cnormal(5))
case("frequency_fft_cut", "z: c64[T] -> c64[3]", "fft(z, n = 3)", lambda z: np.fft.fft(z, 3), z=cnormal(5))
case("frequency_ifft", "z: c64[T, D] -> c64[T, D]", "ifft(z)", lambda z: np.fft.ifft(z, axis=0), z=cnormal(5, 2))
case("frequency_rfft", "x: f32[8] -> c64[5]", "rfft(x)", np.fft.rfft, x=normal(8))
case("frequency_rfft_odd", "x: f32[7] -> c64[4]", "rfft(x)", np.fft.rfft, x=normal(7))
case("frequency_rfft_n", "x: f32[7] -> c64[7]", "rfft(x, n = 12)", lambda x: np.fft.rfft(x, 12), x=normal(7))
case("frequency_irfft", "z: c64[5] -> f32[8]", "irfft(z)", np.fft.irfft, z=cnormal(5))
case("frequency_irfft_odd", "z: c64[4] -> f32[7]", "irfft(z, n = 7)", lambda z: np.fft.irfft(z, 7), z=cnormal(4))
case("frequency_filter", "x: f32[8, D], g: c64[5] -> f32[8, D]", "irfft(rfft(x, n = 8) * g[.., none], n = 8)", lambda x, g: np.fft.irfft(np.fft.rfft(x, axis=0) * g[:, None], axis=0), x=normal(8, 2), g=cnormal(5))
# Byte-spectral mixing, worked out by hand elsewhere: one channel, three filters.
case(
    "frequency_spectral_mixing",
    "x: f32[8], w: c64[3] -> f32[8]",
    "re(ifft(pad(fft(complex(x, zeros([8])))[0..3] * w, 0, 5)))",
    lambda x, w: np.array([0.827665, 0.260723, 0.157170, 0.224112, 0.422335, 0.989277, 1.592830, 1.525888]),
    x=np.array([1, 2, 3, 4, 0, -1, 2, 1], np.float32),
    w=np.array([0.5 + 2j, -1 + 0.5j, 0.25], np.complex64),
)

# Making.
case("make_zeros", "x: f32[D] -> f32[2, D]", "zeros([2, D]) + x", lambda x: np.stack([x, x]), x=normal(3))
case("make_ones", "x: f32[D] -> f32[2, D]", "ones([2, D]) * x", lambda x: np.stack([x, x]), x=normal(3))
case("make_eye", "x: f32[3, 3] -> f32[3, 3]", "eye(3) * x", lambda x: np.eye(3) * x, x=normal(3, 3))
case("make_iota", "x: f32[T] -> i32[T]", "iota(T)", lambda x: np.arange(len(x)), x=normal(5))
case("make_linspace", "x: f32[D] -> f32[5]", "linspace(-1, 2, 5) * x[0]", lambda x: np.linspace(-1, 2, 5) * x[0], x=normal(2))
case("make_tril", "x: f32[N, M] -> f32[N, M]", "tril(x)", np.tril, x=normal(4, 5))
case("make_tril_off", "x: f32[N, M] -> f32[N, M]", "tril(x, -1) + triu(x, 2)", lambda x: np.tril(x, -1) + np.triu(x, 2), x=normal(4, 5))
case("make_triu", "x: f32[N, M] -> f32[N, M]", "triu(x)", np.triu, x=normal(4, 5))
case("make_one_hot", "x: i32[T] -> f32[T, 4]", "f32(one_hot(x, 4))", lambda x: np.eye(4)[x], x=ints(0, 4, 6))

# Sequences.
def conv_truth(x, w):
    y = np.zeros_like(x)
    for t in range(len(x)):
        for j in range(len(w)):
            if t >= j:
                y[t] += w[j] * x[t - j]
    return y


case("sequence_conv", "x: f32[T, D], w: f32[J, D] -> f32[T, D]", "conv(x, w)", conv_truth, x=normal(6, 2), w=normal(3, 2))
case("sequence_conv_long", "x: f32[T, D], w: f32[J, D] -> f32[T, D]", "conv(x, w)", conv_truth, x=normal(3, 2), w=normal(7, 2))
case("sequence_last", "x: f32[T, D] -> f32[D]", "last(x)", lambda x: x[-1], x=normal(4, 3))
case("sequence_last_of_nothing", "x: f32[T, D] -> f32[D]", "last(x)", lambda x: np.zeros(3), x=normal(0, 3))
case("sequence_detach", "x: f32[T] -> f32[T]", "detach(x) * x", lambda x: x * x, x=normal(4))
case("sequence_dropout", "x: f32[T] -> f32[T]", "dropout(x, 0.5)", lambda x: x, x=normal(4))


# Losses.
def cross_entropy_truth(logits, targets):
    rows = [-np.log(softmax(l))[t] for l, t in zip(logits, targets) if t != -100]
    return np.mean(rows) if rows else 0.0


case("loss_cross_entropy", "logits: f32[T, V], targets: i32[T] -> f32", "cross_entropy(logits, targets)", cross_entropy_truth, logits=3 * normal(6, 5), targets=ints(0, 5, 6))
case("loss_cross_entropy_ignored", "logits: f32[T, V], targets: i32[T] -> f32", "cross_entropy(logits, targets)", cross_entropy_truth, logits=normal(3, 5), targets=np.array([1, -100, 4], np.int32))
case("loss_cross_entropy_none", "logits: f32[T, V], targets: i32[T] -> f32", "cross_entropy(logits, targets)", cross_entropy_truth, logits=normal(2, 5), targets=np.array([-100, -100], np.int32))
case("loss_mse", "a: f32[T, D], b: f32[T, D] -> f32", "mse(a, b)", lambda a, b: ((a - b) ** 2).mean(), a=normal(3, 4), b=normal(3, 4))

# Control.
case("if_scalar", "x: f32[N], n: i32 -> f32[N]", "if n > 2 { x * n } else { -x }", lambda x, n: x * n if n > 2 else -x, x=normal(4), n=np.array(3, np.int32))
case("if_elementwise", "x: f32[N] -> f32[N]", "if x > 0 { x } else { 0.1 * x }", lambda x: np.where(x > 0, x, 0.1 * x), x=normal(9))
case("if_else_if", "x: f32[N] -> f32[N]", "if x > 0.5 { 1 } else if x < -0.5 { -1 } else { x }", lambda x: np.where(x > 0.5, 1, np.where(x < -0.5, -1, x)), x=normal(9))
case("if_side_not_taken", "table: f32[3], at: i32[N] -> f32[N]", "if at < 3 { table[at] } else { -1 }", lambda table, at: np.array([1.0, 3.0, -1.0, -1.0]), table=np.array([1, 2, 3], np.float32), at=np.array([0, 2, 3, 77], np.int32))
case("block_shadows", "x: f32[N] -> f32[N]", "let y = { let x = x + 1; x * x }\ny - x", lambda x: (x + 1) ** 2 - x, x=normal(4))
case("list_stacks", "x: f32[N] -> f32[2, N]", "[x, 2 * x] + 1", lambda x: np.stack([x, 2 * x]) + 1, x=normal(4))


# Recurrences: every line that the language page shows, as a loop.
def gru(x, h, u, w):
    z = sigmoid(x + h @ u)
    return (1 - z) * np.tanh(x + (z * h) @ w) + z * h


def scan(step, start, n):
    out, state = [], start
    for t in range(n):
        state = step(t, state)
        out.append(state)
    return np.array(out)


T, K = 7, 5
case("rec_diagonal_constant", "lambda: c64[K], beta: c64[T, K], c0: c64[K] -> c64[T, K]", "rec c[t] = lambda * c[t-1] + beta[t] from c0\nc",
     lambda **v: scan(lambda t, c: v["lambda"] * c + v["beta"][t], v["c0"], T), **{"lambda": 0.7 * cnormal(K)}, beta=cnormal(T, K), c0=cnormal(K))
case("rec_diagonal_varying", "a: f32[T, K], b: f32[T, K] -> f32[T, K]", "rec h[t] = a[t] * h[t-1] + b[t]\nh",
     lambda a, b: scan(lambda t, h: a[t] * h + b[t], np.zeros(K), T), a=unit(T, K), b=normal(T, K))
case("rec_dense", "lambda: c64[K], beta: c64[T, K], r: f32[K, K] -> c64[T, K]", "rec c[t] = (lambda * c[t-1] + beta[t]) @ r\nc",
     lambda **v: scan(lambda t, c: (v["lambda"] * c + v["beta"][t]) @ v["r"], np.zeros(K), T), **{"lambda": 0.4 * cnormal(K)}, beta=cnormal(T, K), r=0.5 * normal(K, K))
case("rec_matrix_state", "decay: f32[T], k: f32[T, D], v: f32[T, E], q: f32[T, D] -> f32[T, E]",
     "rec s[t] = decay[t] * s[t-1] + outer(k[t], v[t])\neinsum(\"td,tde->te\", q, s)",
     lambda decay, k, v, q: np.einsum("td,tde->te", q, scan(lambda t, s: decay[t] * s + np.outer(k[t], v[t]), np.zeros((3, 4)), T)), decay=unit(T), k=normal(T, 3), v=normal(T, 4), q=normal(T, 3))
case("rec_delta_rule", "k: f32[T, D], v: f32[T, E], beta: f32[T] -> f32[T, D, E]",
     "rec s[t] = s[t-1] + outer(k[t], beta[t] * (v[t] - k[t] @ s[t-1]))\ns",
     lambda k, v, beta: scan(lambda t, s: s + np.outer(k[t], beta[t] * (v[t] - k[t] @ s)), np.zeros((3, 4)), T), k=0.5 * normal(T, 3), v=normal(T, 4), beta=unit(T))
case("rec_nonlinear", "x: f32[T, K], u: f32[K, K] -> f32[T, K]", "rec h[t] = tanh(h[t-1] @ u + x[t])\nh",
     lambda x, u: scan(lambda t, h: np.tanh(h @ u + x[t]), np.zeros(K), T), x=normal(T, K), u=normal(K, K))


def coupled_truth(a, b, g, x):
    f, s, out = np.zeros(K), np.zeros(K), []
    for t in range(T):
        f = a * f + x[t]
        s = b * s + g[t] * f
        out.append(s)
    return np.array(out)


case("rec_coupled", "a: f32[K], b: f32[K], g: f32[T, K], x: f32[T, K] -> f32[T, K]", "rec { f[t] = a * f[t-1] + x[t]\n      s[t] = b * s[t-1] + g[t] * f[t] }\ns",
     coupled_truth, a=unit(K), b=unit(K), g=normal(T, K), x=normal(T, K))


def both_ways(x):
    a = b = 0.0
    out = []
    for value in x:
        a, b = 0.5 * b + value, 0.25 * a - (0.5 * b + value)
        out.append(a + b)
    return np.array(out)


case("rec_lines_read_each_other", "x: f32[T] -> f32[T]", "rec { a[t] = 0.5 * b[t-1] + x[t]\n      b[t] = 0.25 * a[t-1] - a[t] }\na + b", both_ways, x=normal(T))
case("rec_backward", "a: f32[K], x: f32[T, K] -> f32[T, K]", "rec b[t] = a * b[t+1] + x[t]\nb",
     lambda a, x: scan(lambda t, b: a * b + x[T - 1 - t], np.zeros(K), T)[::-1], a=unit(K), x=normal(T, K))
case("rec_backward_from", "x: f32[T], b0: f32 -> f32[T]", "rec b[t] = 0.5 * b[t+1] + x[t] from b0\nb",
     lambda x, b0: scan(lambda t, b: 0.5 * b + x[T - 1 - t], b0, T)[::-1], x=normal(T), b0=np.array(3.0, np.float32))
case("rec_truncated", "lambda: f32[K], beta: f32[T, K] -> f32[T, K]", "rec c[t] = lambda * (if t % 4 == 0 { detach(c[t-1]) } else { c[t-1] }) + beta[t]\nc",
     lambda **v: scan(lambda t, c: v["lambda"] * c + v["beta"][t], np.zeros(K), T), **{"lambda": unit(K)}, beta=normal(T, K))
case("rec_resets", "start: bool[T], x: f32[T] -> f32[T]", "rec c[t] = (if start[t] { 0 } else { c[t-1] }) + x[t]\nc",
     lambda start, x: scan(lambda t, c: (0 if start[t] else c) + x[t], 0.0, T), start=np.array([1, 0, 0, 1, 0, 1, 0], bool), x=normal(T))
case("rec_periodic", "r: f32[K, K], x: f32[T, K] -> f32[T, K]", "rec c[t] = 0.5 * (if t % 3 == 0 { c[t-1] @ r } else { c[t-1] }) + x[t]\nc",
     lambda r, x: scan(lambda t, c: 0.5 * (c @ r if t % 3 == 0 else c) + x[t], np.zeros(K), T), r=0.5 * normal(K, K), x=normal(T, K))


def second_order_truth(x):
    y = np.zeros(T + 2)
    for t in range(T):
        y[t + 2] = 0.5 * y[t + 1] - 0.25 * y[t] + x[t]
    return y[2:]


case("rec_second_order", "x: f32[T] -> f32[T]", "rec y[t] = 0.5 * y[t-1] - 0.25 * y[t-2] + x[t]\ny", second_order_truth, x=normal(T))
case("rec_neighbours_of_inputs", "x: f32[T] -> f32[T]", "rec y[t] = 0.5 * y[t-1] + x[t-2] + x[t+1]\ny",
     lambda x: scan(lambda t, y: 0.5 * y + (x[t - 2] if t >= 2 else 0) + (x[t + 1] if t + 1 < T else 0), 0.0, T), x=normal(T))
case("rec_position", "x: f32[T] -> f32[T]", "rec y[t] = y[t-1] * (t % 2) + t + x[t]\ny", lambda x: scan(lambda t, y: y * (t % 2) + t + x[t], 0.0, T), x=normal(T))
case("rec_table_by_position", "x: f32[T], w: f32[4] -> f32[T]", "rec y[t] = w[t % 4] * y[t-1] + x[t]\ny", lambda x, w: scan(lambda t, y: w[t % 4] * y + x[t], 0.0, T), x=normal(T), w=unit(4))
case("rec_embedding", "tokens: i32[T], embed: f32[V, K] -> f32[T, K]", "rec y[t] = 0.5 * y[t-1] + embed[tokens[t]]\ny",
     lambda tokens, embed: scan(lambda t, y: 0.5 * y + embed[tokens[t]], np.zeros(K), T), tokens=ints(0, 4, T), embed=normal(4, K))
case("rec_steps_of_a_step", "x: f32[T, K], u: f32[K, K] -> f32[T, K]",
     "rec {\n    let g = sigmoid(x[t] @ u)\n    h[t] = g * h[t-1] + (1 - g) * x[t]\n    y[t] = h[t] @ u\n}\ny",
     lambda x, u: scan(lambda t, h: sigmoid(x[t] @ u) * h + (1 - sigmoid(x[t] @ u)) * x[t], np.zeros(K), T) @ u, x=normal(T, K), u=0.5 * normal(K, K))
case("rec_not_a_state", "s: f32[T, D, E], q: f32[T, D] -> f32[T, E]", "rec y[t] = q[t] @ s[t]\ny", lambda s, q: np.einsum("td,tde->te", q, s), s=normal(T, 2, 3), q=normal(T, 2))
case("rec_of_nothing", "x: f32[T, K] -> f32[T, K]", "rec y[t] = 0.5 * y[t-1] + x[t]\ny", lambda x: x, x=normal(0, K))
case("rec_last_of_nothing", "x: f32[T, K], y0: f32[K] -> f32[K]", "rec y[t] = 0.5 * y[t-1] + x[t] from y0\nlast(y)", lambda x, y0: y0, x=normal(0, K), y0=normal(K))
case("rec_ints", "x: i32[T] -> i32[T]", "rec n[t] = n[t-1] + (if x[t] > 0 { 1 } else { 0 })\nn", lambda x: (x > 0).cumsum(), x=ints(-3, 4, T))
case("rec_gru", "x: f32[T, K], u: f32[K, K], w: f32[K, K] -> f32[T, K]",
     "rec {\n    let z = sigmoid(x[t] + h[t-1] @ u)\n    let n = tanh(x[t] + (z * h[t-1]) @ w)\n    h[t] = (1 - z) * n + z * h[t-1]\n}\nh",
     lambda x, u, w: scan(lambda t, h: gru(x[t], h, u, w), np.zeros(K), T), x=normal(T, K), u=normal(K, K), w=normal(K, K))
