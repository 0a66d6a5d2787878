"""Inference learning by hand in PyTorch, without autograd. Argument: `highest` (true float32, its default) or `high` (TF32)."""
import sys

import torch
from reference_network import ALPHA, GAMMA, TICKS, report, weights, x, y

precision = sys.argv[1] if len(sys.argv) > 1 else "highest"
torch.set_float32_matmul_precision(precision)
torch.set_grad_enabled(False)
gpu = torch.cuda.is_available()
place = torch.device("cuda" if gpu else "cpu")
LAST = len(weights)
w = [torch.from_numpy(v).to(place) for v in weights]
xs, ys = torch.from_numpy(x).to(place), torch.from_numpy(y).to(place)


def errors(z, first):
    f = [xs] + [v.tanh() for v in z[1:LAST]]
    return [z[1] - first] + [torch.addmm(z[i + 1], f[i], w[i].T, alpha=-1) for i in range(1, LAST)], f


def batch():
    first = xs @ w[0].T
    z, h = [xs, first], first.tanh()
    for layer in w[1:]:
        z.append(h @ layer.T)
        h = z[-1].tanh()
    z[LAST] = ys
    for _ in range(TICKS):
        e, f = errors(z, first)
        z = [xs] + [z[i] + GAMMA * torch.addcmul(-e[i - 1], e[i] @ w[i], 1 - f[i] * f[i]) for i in range(1, LAST)] + [ys]
    e, f = errors(z, first)
    for i in range(LAST):
        w[i].addmm_(e[i].T, f[i], alpha=ALPHA)


step = batch
if gpu:  # a recorded graph: what a batch costs without Python between its kernels
    for _ in range(3):
        batch()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        batch()
    step = graph.replay
report("PyTorch", precision, torch.cuda.get_device_name() if gpu else "cpu", step,
       torch.cuda.synchronize if gpu else (lambda: None), lambda: [v.cpu().numpy() for v in w])
