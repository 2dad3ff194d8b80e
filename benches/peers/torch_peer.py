"""PyTorch, eager, one thread: nn.RNN or nn.GRU with nn.Linear, Adam."""

import torch
from torch import nn

from workload import converse, workload

torch.set_num_threads(1)
WORK = workload()


def network():
    module = {"elman": nn.RNN, "gru": nn.GRU}[WORK.cell]
    cell = module(WORK.features, WORK.hidden, batch_first=True)
    readout = nn.Linear(WORK.hidden, WORK.outputs)
    with torch.no_grad():
        for parameter, name in [
            (cell.weight_ih_l0, "w_ih"),
            (cell.weight_hh_l0, "w_hh"),
            (cell.bias_ih_l0, "b_ih"),
            (cell.bias_hh_l0, "b_hh"),
            (readout.weight, "w_out"),
            (readout.bias, "b_out"),
        ]:
            parameter.copy_(torch.from_numpy(WORK.weights[name]))
    return cell, readout


def batches():
    """x as numbers, one-hot where it is text, and y."""
    x, y = torch.from_numpy(WORK.x), torch.from_numpy(WORK.y)
    if WORK.text:
        x = nn.functional.one_hot(x.long(), WORK.features).float()
        y = y.long()
    return list(zip(x.split(WORK.batch), y.split(WORK.batch)))


BATCHES = batches()


def trainer():
    cell, readout = network()
    parameters = [*cell.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(parameters, lr=1e-3)

    def loss_of(x, y):
        states, _ = cell(x)
        if WORK.text:
            outputs = readout(states).flatten(0, 1)
            return nn.functional.cross_entropy(outputs, y.flatten())
        return nn.functional.mse_loss(readout(states[:, -1])[:, 0], y)

    def epoch():
        for x, y in BATCHES:
            adam.zero_grad()
            loss_of(x, y).backward()
            adam.step()

    @torch.no_grad()
    def loss():
        return sum(len(x) * loss_of(x, y).item() for x, y in BATCHES) / WORK.windows

    return epoch, loss


converse("torch", torch.__version__, trainer)
