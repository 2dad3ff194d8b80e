"""A workload as `cargo xtask bench` writes it, and the conversation with it.

The xtask starts a peer as `python torch_peer.py FOLDER`, FOLDER holding workload.json and x, y, p: raw
little-endian numbers. The peer says what it is in one JSON line once it has done everything that isn't
to be timed (imports, compilation). For each line that it then reads it trains from the initial weights
and answers with the milliseconds of each epoch and, after the last one, the mean loss over all windows.
"""

import functools
import json
import pathlib
import sys
import time

import numpy as np


class Workload:
    """x is N x T x F float32, or N x T symbols; y is N float32, or N x T symbols."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        for name, value in json.loads((folder / "workload.json").read_text()).items():
            setattr(self, name, value)
        n, steps, features = self.windows, self.steps, self.features
        if self.text:
            self.x = np.fromfile(folder / "x", "<i4").reshape(n, steps)
            self.y = np.fromfile(folder / "y", "<i4").reshape(n, steps)
        else:
            self.x = np.fromfile(folder / "x", "<f4").reshape(n, steps, features)
            self.y = np.fromfile(folder / "y", "<f4").reshape(n)
        flat = np.fromfile(folder / "p", "<f4")
        rows = {"elman": 1, "gru": 3}[self.cell] * self.hidden
        shapes = {
            "w_ih": (rows, features),
            "w_hh": (rows, self.hidden),
            "b_ih": (rows,),
            "b_hh": (rows,),
            "w_out": (self.outputs, self.hidden),
            "b_out": (self.outputs,),
        }
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        self.weights = {
            name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts)
        }


def converse(peer, version, trainer):
    """`trainer()` starts from the initial weights and returns two functions: one trains an epoch, the
    other gives the mean loss over all windows."""
    epoch, loss = trainer()
    epoch(), loss()
    print(json.dumps({"peer": peer, "version": version}), flush=True)
    for _ in sys.stdin:
        epoch, loss = trainer()
        milliseconds = []
        for _ in range(workload().epochs):
            start = time.perf_counter()
            epoch()
            milliseconds.append(1e3 * (time.perf_counter() - start))
        print(json.dumps({"milliseconds": milliseconds, "final_loss": loss()}), flush=True)


@functools.cache
def workload():
    """The one in the folder that the command line names."""
    return Workload(sys.argv[1])
