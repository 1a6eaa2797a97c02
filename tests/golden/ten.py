"""TEN in NumPy, each variant step by step from its published formula, in f64.

Nothing here knows how the compiler runs a recurrence: real and imaginary parts are two real vectors, as in the
published sources, and every matrix product is written out. Parameter names and layouts are those of examples/*.seq
(row vectors: `x @ w_in`, `w_in` is `[D, K]`).
"""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf)(x)


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def layer_norm(x, scale, shift, eps=1e-5):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * scale + shift


def resonance(m, eps=0.01):
    return np.eye(len(m)) + eps * m / (math.sqrt((m**2).sum()) + 1e-8)


def flow(variant, x, w_in, w_out, rho, omega, r, chunk=64):
    """One bank of oscillators. Returns the outputs and the carry that a next chunk starts from, `(real, imaginary)`."""
    real, imag = np.zeros(len(rho)), np.zeros(len(rho))
    ys = []
    for t in range(len(x)):
        a = rho * (np.cos(omega) * real - np.sin(omega) * imag) + x[t] @ w_in
        b = rho * (np.sin(omega) * real + np.cos(omega) * imag)
        if variant == "plain":  # no resonance at all
            real, imag = a, b
            ys.append(a @ w_out)
        elif variant == "v1":  # resonance inside the recurrence
            real, imag = a @ r, b @ r
            ys.append(real @ w_out)
        elif variant == "v2":  # inside, and once more on the way out
            real, imag = a @ r, b @ r
            ys.append(real @ r @ w_out)
        elif variant == "output":  # on the output only
            real, imag = a, b
            ys.append(a @ r @ w_out)
        elif variant == "v3":  # on the output, and on the carry at the end of each chunk
            real, imag = a, b
            ys.append(a @ r @ w_out)
            if (t + 1) % chunk == 0 or t + 1 == len(x):
                real, imag = a @ r, b @ r
        else:
            raise ValueError(variant)
    return np.array(ys).reshape(len(x), w_out.shape[1]), (real, imag)


def flow_of(variant, p, path, x, chunk=64, floor=0.0):
    """The cell at `path` among the parameters `p`."""
    rho = floor + (0.99 - floor) * sigmoid(p[f"{path}.alpha"])
    return flow(
        variant, x, p[f"{path}.w_in"], p[f"{path}.w_out"], rho, p[f"{path}.omega"], resonance(p[f"{path}.m"]), chunk
    )[0]


def post_norm_model(variant, activation, p, tokens, layers, cells, chunk=64):
    """ten.seq, ten_v1.seq, ten_v2.seq, ten_v3.seq: resonance blocks with the norm behind each residual; logits."""
    x = p["embed"][tokens] + p["pos"][: len(tokens)]
    for layer in range(layers):
        at = f"blocks.{layer}"
        mixed = sum(flow_of(variant, p, f"{at}.flows.{i}", x, chunk) for i in range(cells)) / cells
        h = layer_norm(x + mixed, p[f"{at}.norm1.scale"], p[f"{at}.norm1.shift"])
        up = activation(h @ p[f"{at}.mlp.w1"] + p[f"{at}.mlp.b1"])
        down = up @ p[f"{at}.mlp.w2"] + p[f"{at}.mlp.b2"]
        x = layer_norm(h + down, p[f"{at}.norm2.scale"], p[f"{at}.norm2.shift"])
    return layer_norm(x, p["norm.scale"], p["norm.shift"]) @ p["embed"].T


def gated_model(p, tokens, layers, selective=False):
    """ten_2026.seq and ten_2026_selective.seq: pre-norm, complex drive, resonance per head, gated; logits."""
    x = p["embed"][tokens] + p["pos"][: len(tokens)]
    for layer in range(layers):
        at = f"blocks.{layer}"
        xn = layer_norm(x, p[f"{at}.norm1.scale"], p[f"{at}.norm1.shift"])
        x = x + gated_flow(p, f"{at}.flow", xn, selective)
        h = layer_norm(x, p[f"{at}.norm2.scale"], p[f"{at}.norm2.shift"]) @ p[f"{at}.w1"]
        x = x + (h * sigmoid(h)) @ p[f"{at}.w2"]
    return layer_norm(x, p["norm.scale"], p["norm.shift"]) @ p["embed"].T


def gated_flow(p, at, xn, selective):
    alpha, omega, r = p[f"{at}.alpha"], p[f"{at}.omega"], p[f"{at}.r"]
    modes = len(alpha)
    heads, width, _ = r.shape
    drive = xn @ p[f"{at}.w_in"]
    real, imag = np.zeros(modes), np.zeros(modes)
    out = np.zeros_like(xn)
    for t in range(len(xn)):
        rho, angle = sigmoid(alpha), omega
        if selective:
            move = xn[t] @ p[f"{at}.w_sel"]
            rho = sigmoid(alpha + 0.1 * np.tanh(move[:modes]))
            angle = omega + 0.05 * np.tanh(move[modes:])
        real, imag = (
            rho * (np.cos(angle) * real - np.sin(angle) * imag) + drive[t, :modes],
            rho * (np.sin(angle) * real + np.cos(angle) * imag) + drive[t, modes:],
        )
        # Columns: a head's modes are a column vector, so R stands on the left.
        mixed_real = np.concatenate([r[h] @ real[h * width : (h + 1) * width] for h in range(heads)])
        mixed_imag = np.concatenate([r[h] @ imag[h * width : (h + 1) * width] for h in range(heads)])
        gate = sigmoid(xn[t] @ p[f"{at}.w_gate"] + p[f"{at}.b_gate"])
        out[t] = gate * (np.concatenate([mixed_real, mixed_imag]) @ p[f"{at}.w_out"])
    return out


# The worked example: two modes, two channels, three entries. Weights are given row-wise here.
EXAMPLE = dict(
    x=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]),
    w_in=np.array([[1.0, 0.5], [-0.25, 1.0]]).T,
    w_out=np.array([[1.0, 2.0], [0.5, -1.0]]).T,
    rho=np.array([0.5, 0.8]),
    omega=np.array([0.3, 1.1]),
    r=np.array([[1.0, 0.1], [-0.2, 1.0]]),
)

PUBLISHED = {  # variant, chunk: outputs, real carry, imaginary carry; six digits
    ("v1", 64): ([[0.750000, 0.675000], [2.903885, -0.639505], [-0.415231, 1.230675]], [1.023060, -0.719145], [0.061895, 0.732825]),
    ("v2", 64): ([[0.990000, 0.585000], [2.857228, -0.825321], [-0.066790, 1.200284]], [1.023060, -0.719145], [0.061895, 0.732825]),
    ("v3", 2): ([[0.750000, 0.675000], [2.809907, -0.609142], [-0.358796, 1.186036]], [1.006638, -0.682717], [0.073463, 0.679193]),
    ("v3", 3): ([[0.750000, 0.675000], [2.809907, -0.609142], [-0.293132, 1.250326]], [1.103761, -0.698446], [0.098319, 0.605111]),
}


def check():
    """The published numbers of the worked example come out."""
    for (variant, chunk), (outputs, real, imag) in PUBLISHED.items():
        ys, carry = flow(variant, **EXAMPLE, chunk=chunk)
        np.testing.assert_allclose(ys, outputs, atol=6e-7)
        np.testing.assert_allclose(carry, (real, imag), atol=6e-7)


if __name__ == "__main__":
    check()
    print("the worked example agrees with the published numbers")
    ys, carry = flow("plain", **EXAMPLE)
    print("plain", ys, carry)
    ys, carry = flow("output", **EXAMPLE)
    print("output", ys, carry)
