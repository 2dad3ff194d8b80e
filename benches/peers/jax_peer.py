"""JAX, one thread: a whole epoch in one jit, a scan over the batches, Adam written out."""

import os

os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", "")
)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from jax import lax, nn

from workload import converse, workload

WORK = workload()
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def elman(p, drive, h):
    h = jnp.tanh(drive + h @ p["w_hh"].T)
    return h, h


def gru(p, drive, h):
    """Gates r, z, n, reset after."""
    size = WORK.hidden
    state = h @ p["w_hh"].T + p["b_hh"]
    gates = nn.sigmoid(drive[:, : 2 * size] + state[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = jnp.tanh(drive[:, 2 * size :] + r * state[:, 2 * size :])
    h = n + z * (h - n)
    return h, h


def loss_of(p, x, y):
    # The inputs' products of all steps at once, the steps in front.
    x = jnp.swapaxes(x, 0, 1)
    drive = (p["w_ih"].T[x] if WORK.text else x @ p["w_ih"].T) + p["b_ih"]
    if WORK.cell == "elman":
        drive = drive + p["b_hh"]
    step = {"elman": elman, "gru": gru}[WORK.cell]
    h_0 = jnp.zeros((x.shape[1], WORK.hidden), jnp.float32)
    last, states = lax.scan(lambda h, drive: step(p, drive, h), h_0, drive)
    if WORK.text:
        logits = states @ p["w_out"].T + p["b_out"]
        losses = nn.log_softmax(logits)
        picked = jnp.take_along_axis(losses, jnp.swapaxes(y, 0, 1)[..., None], -1)
        return -picked.mean()
    outputs = (last @ p["w_out"].T + p["b_out"])[:, 0]
    return jnp.mean((outputs - y) ** 2)


def update(carry, batch):
    p, m, v, t = carry
    gradient = jax.grad(loss_of)(p, *batch)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, gradient)
    rate = RATE / (1 - BETA_1**t)
    root = jnp.sqrt(1 - BETA_2**t)
    p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + EPSILON), p, m, v)
    return (p, m, v, t), None


FULL = WORK.windows // WORK.batch
WHOLE = FULL * WORK.batch


@jax.jit
def run_epoch(carry, x, y):
    def stacked(values):
        return values[:WHOLE].reshape(FULL, WORK.batch, *values.shape[1:])

    carry, _ = lax.scan(update, carry, (stacked(x), stacked(y)))
    if WHOLE < WORK.windows:
        carry, _ = update(carry, (x[WHOLE:], y[WHOLE:]))
    return carry


X, Y = jnp.asarray(WORK.x), jnp.asarray(WORK.y)


def trainer():
    p = {name: jnp.asarray(weight) for name, weight in WORK.weights.items()}
    zeros = jax.tree.map(jnp.zeros_like, p)
    carry = p, zeros, zeros, jnp.float32(0)

    def epoch():
        nonlocal carry
        carry = jax.block_until_ready(run_epoch(carry, X, Y))

    def loss():
        return float(jax.jit(loss_of)(carry[0], X, Y))

    return epoch, loss


converse("jax", jax.__version__, trainer)
