"""What the steps by hand share: the reference network 784-512-512-10, and how a batch of it is timed."""
import json
import os
import time

import numpy as np

WIDTHS, BATCH, TICKS = [784, 512, 512, 10], 256, 20
GAMMA, ALPHA = 0.1, 1e-3
WARM, RUNS, AHEAD = 20, 21, 10

random = np.random.default_rng(0)
x = random.normal(size=(BATCH, WIDTHS[0])).astype("f4")
y = random.normal(size=(BATCH, WIDTHS[-1])).astype("f4")
weights = [(random.normal(size=(n, m)) / np.sqrt(m)).astype("f4") for m, n in zip(WIDTHS, WIDTHS[1:])]


def report(who, precision, device, step, wait, state):
    """Milliseconds a batch, as a training runs it: several in a row, then one wait. With CHECK: the sum of the weights."""
    if os.environ.get("CHECK"):
        step()
        wait()
        print(json.dumps({"name": who, "weights": float(sum(np.abs(np.asarray(w)).sum(dtype="f8") for w in state()))}))
        return
    for _ in range(WARM):
        step()
    wait()
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        for _ in range(AHEAD):
            step()
        wait()
        times.append((time.perf_counter() - begin) * 1e3 / AHEAD)
    times.sort()
    name = f"batch, il, {'-'.join(map(str, WIDTHS))}, B={BATCH}, T={TICKS}"
    print(json.dumps({"who": who, "precision": precision, "device": device, "name": name,
                      "value": round(times[RUNS // 2], 4), "unit": "ms"}))
