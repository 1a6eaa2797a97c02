"""The peers' formulations of every benchmark row, each a function of NumPy arrays that returns a callable.

A row lists all formulations that were tried; the best of them is what tensc is compared with. Outputs are compared with tensc's before anything is timed.
"""

import numpy as np


def jax_modules():
    import jax
    import jax.numpy as jnp
    from jax import lax

    return jax, jnp, lax


def torch_module():
    import torch

    torch.set_num_threads(2)
    return torch


def affine(left, right):
    """Composition of affine maps h -> a h + b, first `left`."""
    return left[0] * right[0], right[0] * left[1] + right[1]


# --- complex diagonal recurrence -------------------------------------------------------------


def oscillators(weights, prefix=""):
    rho = 0.99 / (1 + np.exp(-weights[prefix + "alpha"].astype(np.float64)))
    return (rho * np.exp(1j * weights[prefix + "omega"].astype(np.float64))).astype(np.complex64)


def scan_jax_scan(inputs, weights):
    jax, jnp, lax = jax_modules()
    lam = jnp.asarray(oscillators(weights))
    x = jnp.asarray(inputs["x"])

    @jax.jit
    def run(x):
        def step(c, b):
            c = lam * c + b
            return c, c.real

        start = jnp.zeros((x.shape[0], x.shape[2]), jnp.complex64)
        return lax.scan(step, start, x.swapaxes(0, 1))[1].swapaxes(0, 1)

    return lambda: run(x).block_until_ready()


def scan_jax_two_reals(inputs, weights):
    jax, jnp, lax = jax_modules()
    lam = oscillators(weights)
    lr, li = jnp.asarray(lam.real), jnp.asarray(lam.imag)
    x = jnp.asarray(inputs["x"])

    @jax.jit
    def run(x):
        def step(c, b):
            r, i = c
            r, i = lr * r - li * i + b, lr * i + li * r
            return (r, i), r

        start = jnp.zeros((x.shape[0], x.shape[2]), jnp.float32)
        return lax.scan(step, (start, start), x.swapaxes(0, 1))[1].swapaxes(0, 1)

    return lambda: run(x).block_until_ready()


def scan_jax_associative(inputs, weights):
    jax, jnp, lax = jax_modules()
    lam = jnp.asarray(oscillators(weights))
    x = jnp.asarray(inputs["x"])

    @jax.jit
    def run(x):
        a = jnp.broadcast_to(lam, x.shape)
        return lax.associative_scan(affine, (a, x.astype(jnp.complex64)), axis=1)[1].real

    return lambda: run(x).block_until_ready()


def scan_torch_loop(inputs, weights):
    torch = torch_module()
    lam = oscillators(weights)
    lr, li = torch.from_numpy(lam.real.copy()), torch.from_numpy(lam.imag.copy())
    x = torch.from_numpy(inputs["x"])

    @torch.jit.script
    def run(x: torch.Tensor, lr: torch.Tensor, li: torch.Tensor) -> torch.Tensor:
        r = torch.zeros_like(x[:, 0])
        i = torch.zeros_like(r)
        out = torch.empty_like(x)
        for t in range(x.shape[1]):
            r, i = lr * r - li * i + x[:, t], lr * i + li * r
            out[:, t] = r
        return out

    return lambda: run(x, lr, li)


# --- one Flow cell ---------------------------------------------------------------------------


def resonance(weights, prefix):
    m = weights[prefix + "m"].astype(np.float64)
    return (np.eye(len(m)) + 0.01 * m / (np.sqrt((m * m).sum()) + 1e-8)).astype(np.float32)


def flow_jax(scan):
    def build(inputs, weights, prefix="cell0."):
        jax, jnp, lax = jax_modules()
        lam = jnp.asarray(oscillators(weights, prefix))
        w_in, w_out = jnp.asarray(weights[prefix + "w_in"]), jnp.asarray(weights[prefix + "w_out"])
        w_out = jnp.asarray(resonance(weights, prefix)) @ w_out
        x = jnp.asarray(inputs["x"])

        @jax.jit
        def run(x):
            return flow_body(jnp, lax, scan, x @ w_in, lam) @ w_out

        return lambda: run(x).block_until_ready()

    return build


def flow_body(jnp, lax, scan, beta, lam):
    if scan == "associative":
        a = jnp.broadcast_to(lam, beta.shape)
        return lax.associative_scan(affine, (a, beta.astype(jnp.complex64)), axis=1)[1].real
    lr, li = lam.real, lam.imag

    def step(c, b):
        r, i = c
        r, i = lr * r - li * i + b, lr * i + li * r
        return (r, i), r

    start = jnp.zeros((beta.shape[0], beta.shape[2]), jnp.float32)
    return lax.scan(step, (start, start), beta.swapaxes(0, 1))[1].swapaxes(0, 1)


# --- Mamba's selective recurrence ------------------------------------------------------------


def mamba_jax_scan(inputs, weights):
    jax, jnp, lax = jax_modules()
    a = -jnp.exp(jnp.asarray(weights["a_log"]))
    arrays = [jnp.asarray(inputs[name]) for name in ("x", "delta", "b", "c")]

    @jax.jit
    def run(x, delta, b, c):
        def step(h, entry):
            x, delta, b, c = entry
            h = jnp.exp(delta[..., None] * a) * h + (delta * x)[..., None] * b[:, None, :]
            return h, jnp.einsum("bdn,bn->bd", h, c)

        start = jnp.zeros((x.shape[0], *a.shape), jnp.float32)
        entries = tuple(v.swapaxes(0, 1) for v in (x, delta, b, c))
        return lax.scan(step, start, entries)[1].swapaxes(0, 1)

    return lambda: run(*arrays).block_until_ready()


def mamba_torch_loop(inputs, weights):
    torch = torch_module()
    a = -torch.exp(torch.from_numpy(weights["a_log"]))
    x, delta, b, c = (torch.from_numpy(inputs[name]) for name in ("x", "delta", "b", "c"))

    @torch.jit.script
    def run(x: torch.Tensor, delta: torch.Tensor, b: torch.Tensor, c: torch.Tensor, a: torch.Tensor):
        h = torch.zeros([x.shape[0], a.shape[0], a.shape[1]])
        out = torch.empty_like(x)
        for t in range(x.shape[1]):
            h = torch.exp(delta[:, t].unsqueeze(-1) * a) * h + (delta[:, t] * x[:, t]).unsqueeze(-1) * b[:, t].unsqueeze(1)
            out[:, t] = (h * c[:, t].unsqueeze(1)).sum(-1)
        return out

    return lambda: run(x, delta, b, c, a)


# --- matrix states ---------------------------------------------------------------------------


def heads_first(jnp, inputs, *names):
    """`[B, T, H, ..]` as `[T, B, H, ..]`."""
    return [jnp.asarray(inputs[name]).swapaxes(0, 1) for name in names]


def matrix_jax_scan(step, names):
    def build(inputs, _):
        jax, jnp, lax = jax_modules()
        arrays = heads_first(jnp, inputs, *names)
        _, batch, heads, d = arrays[0].shape

        @jax.jit
        def run(*arrays):
            start = jnp.zeros((batch, heads, d, d), jnp.float32)
            return lax.scan(lambda s, entry: step(jnp, s, *entry), start, tuple(arrays))[1].swapaxes(0, 1)

        return lambda: run(*arrays).block_until_ready()

    return build


def retention_decays(heads):
    return (1 - 2.0 ** (-5 - np.arange(heads, dtype=np.float32))).astype(np.float32)


def retention_step(jnp, s, q, k, v):
    s = retention_decays(q.shape[1])[:, None, None] * s + k[..., :, None] * v[..., None, :]
    return s, jnp.einsum("bhd,bhde->bhe", q, s)


def gla_step(jnp, s, q, k, v, a):
    s = a[..., None] * s + k[..., :, None] * v[..., None, :]
    return s, jnp.einsum("bhd,bhde->bhe", q, s)


def delta_step(jnp, s, q, k, v, beta):
    error = beta[..., None] * (v - jnp.einsum("bhd,bhde->bhe", k, s))
    s = s + k[..., :, None] * error[..., None, :]
    return s, jnp.einsum("bhd,bhde->bhe", q, s)


retention_jax_scan = matrix_jax_scan(retention_step, ("q", "k", "v"))
gla_jax_scan = matrix_jax_scan(gla_step, ("q", "k", "v", "decay"))
delta_jax_scan = matrix_jax_scan(delta_step, ("q", "unit_k", "v", "beta"))


def chunked(jnp, x, length):
    """`[B, T, H, ..]` as chunks `[N, B, H, C, ..]`."""
    batch, time, heads, *rest = x.shape
    x = x.reshape(batch, time // length, length, heads, *rest)
    return jnp.moveaxis(jnp.swapaxes(x, 2, 3), 1, 0)


def matrix_jax_chunks(step, names, length):
    def build(inputs, _):
        jax, jnp, lax = jax_modules()
        arrays = [jnp.asarray(inputs[name]) for name in names]
        batch, time, heads, d = arrays[0].shape

        @jax.jit
        def run(*arrays):
            start = jnp.zeros((batch, heads, d, d), jnp.float32)
            chunks = tuple(chunked(jnp, x, length) for x in arrays)
            out = lax.scan(lambda s, chunk: step(jax, jnp, s, *chunk), start, chunks)[1]
            return jnp.moveaxis(out, 0, 1).swapaxes(2, 3).reshape(batch, time, heads, d)

        return lambda: run(*arrays).block_until_ready()

    return build


def retention_chunk(jax, jnp, s, q, k, v):
    length = q.shape[2]
    gamma = retention_decays(q.shape[1])[:, None]
    at = np.arange(length)
    between = np.tril(gamma[..., None] ** np.maximum(at[:, None] - at, 0)).astype(np.float32)
    out = ((q @ k.swapaxes(-1, -2)) * between) @ v + (gamma ** (at + 1))[..., None] * (q @ s)
    onwards = (gamma ** (length - 1 - at))[..., None]
    return gamma[..., None] ** length * s + (k * onwards).swapaxes(-1, -2) @ v, out


def gla_chunk(jax, jnp, s, q, k, v, a):
    logs = jnp.cumsum(jnp.log(a), axis=2)
    upto, whole = jnp.exp(logs), jnp.exp(logs[:, :, -1])
    # Decays are near one here, so that dividing by them is safe.
    scores = jnp.tril((q * upto) @ (k / upto).swapaxes(-1, -2))
    out = scores @ v + (q * upto) @ s
    onwards = jnp.exp(logs[:, :, -1:] - logs)
    return whole[..., None] * s + (k * onwards).swapaxes(-1, -2) @ v, out


def delta_chunk(jax, jnp, s, q, k, v, beta):
    length = q.shape[2]
    keys = k.swapaxes(-1, -2)
    system = jnp.eye(length) + jnp.tril(beta[..., None] * (k @ keys), -1)
    right = beta[..., None] * (v - k @ s)
    written = jax.scipy.linalg.solve_triangular(system, right, lower=True, unit_diagonal=True)
    return s + keys @ written, jnp.tril(q @ keys) @ written + q @ s


retention_jax_chunks = matrix_jax_chunks(retention_chunk, ("q", "k", "v"), 64)
gla_jax_chunks = matrix_jax_chunks(gla_chunk, ("q", "k", "v", "decay"), 16)
delta_jax_chunks = matrix_jax_chunks(delta_chunk, ("q", "unit_k", "v", "beta"), 32)


# --- TEN -------------------------------------------------------------------------------------


def layer_norm_jax(jnp, x, weights, name):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + 1e-5) * weights[name + ".scale"] + weights[name + ".shift"]


def ten_jax(scan):
    def build(inputs, weights, prefix=""):
        jax, jnp, lax = jax_modules()
        w = {name: jnp.asarray(array) for name, array in weights.items()}
        layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
        cells = 1 + max(int(name.split(".")[3]) for name in weights if ".flows." in name)
        for layer in range(layers):
            for cell in range(cells):
                path = f"blocks.{layer}.flows.{cell}."
                w[path + "lambda"] = jnp.asarray(oscillators(weights, path))
                w[path + "out"] = jnp.asarray(resonance(weights, path)) @ w[path + "w_out"]
        tokens = jnp.asarray(inputs["tokens"])

        @jax.jit
        def run(tokens, w):
            x = w["embed"][tokens] + w["pos"][: tokens.shape[1]]
            for layer in range(layers):
                path = f"blocks.{layer}."
                flows = [path + f"flows.{cell}." for cell in range(cells)]
                mixed = sum(flow_body(jnp, lax, scan, x @ w[f + "w_in"], w[f + "lambda"]) @ w[f + "out"] for f in flows)
                h = layer_norm_jax(jnp, x + mixed / cells, w, path + "norm1")
                m = jax.nn.gelu(h @ w[path + "mlp.w1"] + w[path + "mlp.b1"], approximate=False)
                x = layer_norm_jax(jnp, h + m @ w[path + "mlp.w2"] + w[path + "mlp.b2"], w, path + "norm2")
            return layer_norm_jax(jnp, x, w, "norm") @ w["embed"].T

        return lambda: run(tokens, w).block_until_ready()

    return build


def ten_torch_seed_loop(inputs, weights):
    """The formulation of the public 2025 code: a Python loop over entries in each cell."""
    torch = torch_module()
    f = torch.nn.functional
    w = {name: torch.from_numpy(array) for name, array in weights.items()}
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    cells = 1 + max(int(name.split(".")[3]) for name in weights if ".flows." in name)
    tokens = torch.from_numpy(inputs["tokens"]).long()

    def flow(x, path):
        lam = oscillators(weights, path)
        lr, li = torch.from_numpy(lam.real.copy()), torch.from_numpy(lam.imag.copy())
        beta = x @ w[path + "w_in"]
        r = torch.zeros_like(beta[:, 0])
        i = torch.zeros_like(r)
        out = []
        for t in range(beta.shape[1]):
            r, i = lr * r - li * i + beta[:, t], lr * i + li * r
            out.append(r)
        return torch.stack(out, 1) @ torch.from_numpy(resonance(weights, path)) @ w[path + "w_out"]

    def norm(x, path):
        return f.layer_norm(x, x.shape[-1:], w[path + ".scale"], w[path + ".shift"], 1e-5)

    def run():
        with torch.no_grad():
            x = w["embed"][tokens] + w["pos"][: tokens.shape[1]]
            for layer in range(layers):
                path = f"blocks.{layer}."
                mixed = sum(flow(x, path + f"flows.{cell}.") for cell in range(cells)) / cells
                h = norm(x + mixed, path + "norm1")
                m = f.gelu(h @ w[path + "mlp.w1"] + w[path + "mlp.b1"])
                x = norm(h + m @ w[path + "mlp.w2"] + w[path + "mlp.b2"], path + "norm2")
            return norm(x, "norm") @ w["embed"].T

    return run
