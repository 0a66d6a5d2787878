"""Inference learning by hand in JAX, a whole batch in one jit. Argument: `highest` (true float32) or `default`."""
import sys

import jax
import jax.numpy as jnp
from reference_network import ALPHA, GAMMA, TICKS, report, weights, x, y

precision = sys.argv[1] if len(sys.argv) > 1 else "highest"
jax.config.update("jax_default_matmul_precision", precision)
LAST = len(weights)


def errors(w, z, first):
    f = [z[0]] + [jnp.tanh(v) for v in z[1:LAST]]
    return [z[1] - first] + [z[i + 1] - f[i] @ w[i].T for i in range(1, LAST)], f


def batch(w, x, y):
    first = x @ w[0].T
    z, h = [x, first], jnp.tanh(first)
    for layer in w[1:]:
        z.append(h @ layer.T)
        h = jnp.tanh(z[-1])
    z[LAST] = y
    for _ in range(TICKS):
        e, f = errors(w, z, first)
        inner = [z[i] + GAMMA * ((e[i] @ w[i]) * (1 - f[i] ** 2) - e[i - 1]) for i in range(1, LAST)]
        z = [x, *inner, y]
    e, f = errors(w, z, first)
    return [w[i] + ALPHA * e[i].T @ f[i] for i in range(LAST)]


compiled = jax.jit(batch, donate_argnums=0)
state, xs, ys = [jnp.asarray(w) for w in weights], jnp.asarray(x), jnp.asarray(y)


def step():
    global state
    state = compiled(state, xs, ys)


device = jax.devices()[0]
report("JAX", precision, f"{device.platform} {device.device_kind}", step, lambda: jax.block_until_ready(state),
       lambda: state)
