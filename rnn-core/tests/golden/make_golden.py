"""Makes pytorch.txt: what torch.nn.RNN, GRU and LSTM, in double precision, give for fixed weights and
sequences.

    python make_golden.py > pytorch.txt

Each line is a name and its numbers in the shortest decimal form that reads back to the same bits.
Matrices are written column by column, as rnn-core stores them. PyTorch has two biases where
rnn-core has one, b = b_ih + b_hh; the gradient of either is the gradient of b. (The n gate of a GRU
has two in rnn-core as well.)
"""

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
INPUTS, HIDDEN, OUTPUTS, LONGEST = 2, 3, 2, 50


def line(name, *tensors):
    numbers = [float(v) for t in tensors for v in t.detach().flatten()]
    print(name, *(repr(v) for v in numbers))


def columns(matrix):
    return matrix.t()


WEIGHTS = {
    "w_xh": torch.empty(HIDDEN, INPUTS).uniform_(-0.7, 0.7),
    "w_hh": torch.empty(HIDDEN, HIDDEN).uniform_(-0.7, 0.7),
    "b_ih": torch.empty(HIDDEN).uniform_(-0.3, 0.3),
    "b_hh": torch.empty(HIDDEN).uniform_(-0.3, 0.3),
    "w_hy": torch.empty(OUTPUTS, HIDDEN).uniform_(-0.7, 0.7),
    "b_y": torch.empty(OUTPUTS).uniform_(-0.3, 0.3),
}
X = torch.empty(LONGEST, INPUTS).uniform_(-1, 1)
TARGETS = torch.empty(LONGEST, OUTPUTS).uniform_(-1, 4)
CLASSES = torch.randint(0, OUTPUTS, (LONGEST,))
H_0 = torch.empty(HIDDEN).uniform_(-0.8, 0.8)


def network(nonlinearity, bias):
    cell = torch.nn.RNN(INPUTS, HIDDEN, nonlinearity=nonlinearity, bias=bias)
    readout = torch.nn.Linear(HIDDEN, OUTPUTS)
    with torch.no_grad():
        cell.weight_ih_l0.copy_(WEIGHTS["w_xh"])
        cell.weight_hh_l0.copy_(WEIGHTS["w_hh"])
        if bias:
            cell.bias_ih_l0.copy_(WEIGHTS["b_ih"])
            cell.bias_hh_l0.copy_(WEIGHTS["b_hh"])
        readout.weight.copy_(WEIGHTS["w_hy"])
        readout.bias.copy_(WEIGHTS["b_y"])
    return cell, readout


def loss_of(cell, readout, steps, kind, start=None):
    if start is None:
        start = H_0[None, None, :]
    states, _ = cell(X[:steps, None, :], start)
    states = states[:, 0, :] if kind.endswith("every") else states[-1:, 0, :]
    outputs = readout(states)
    first = steps - len(outputs)
    if kind.startswith("mse"):
        return outputs, torch.nn.functional.mse_loss(outputs, TARGETS[first:steps])
    loss = torch.nn.functional.cross_entropy(outputs, CLASSES[first:steps])
    return torch.softmax(outputs, dim=1), loss


def parameters(cell, readout):
    """The parameters as rnn-core lists them; a cell without bias has none to list."""
    biases = [cell.bias_ih_l0] if cell.bias else []
    return [cell.weight_ih_l0, cell.weight_hh_l0, *biases, readout.weight, readout.bias]


def flat(tensors):
    return [columns(t) if t.dim() == 2 else t for t in tensors]


def gradients():
    for nonlinearity in ("tanh", "relu"):
        for bias in (True, False):
            for kind in ("mse_last", "mse_every", "cross_entropy_every"):
                for steps in (1, 2, LONGEST):
                    cell, readout = network(nonlinearity, bias)
                    y, loss = loss_of(cell, readout, steps, kind)
                    loss.backward()
                    if bias:
                        torch.testing.assert_close(
                            cell.bias_ih_l0.grad, cell.bias_hh_l0.grad, rtol=1e-14, atol=0
                        )
                    name = f"{nonlinearity}.{'bias' if bias else 'no_bias'}.{kind}.{steps}"
                    line(f"{name}.y", y)
                    line(f"{name}.loss", loss)
                    grads = [p.grad for p in parameters(cell, readout)]
                    line(f"{name}.gradient", *flat(grads))


def stacked(cell, readout, grad):
    """The parameters of a cell of any kind and number of layers (or their gradients), as rnn-core
    lists them."""
    tensors = []
    for layer in range(cell.num_layers):
        w_x, w_h, b_ih, b_hh = [
            getattr(cell, f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        if grad:
            w_x, w_h, b_ih, b_hh = [t.grad for t in (w_x, w_h, b_ih, b_hh)]
        b = b_ih if grad else b_ih + b_hh
        if cell.mode == "GRU":
            g = 2 * HIDDEN  # Rows r, z, then n.
            tensors += [w_x[:g], w_x[g:], w_h[:g], w_h[g:], b[:g], b_ih[g:], b_hh[g:]]
        else:
            tensors += [w_x, w_h, b]
    tensors += [t.grad if grad else t for t in (readout.weight, readout.bias)]
    return flat(tensors)


def cells():
    """GRU and LSTM, and stacks of two layers, from a state that is not 0 in any layer."""
    generator = torch.Generator().manual_seed(21)

    def uniform(tensor, limit):
        return tensor.uniform_(-limit, limit, generator=generator)

    for name, make, layers in (
        ("gru", torch.nn.GRU, 1),
        ("lstm", torch.nn.LSTM, 1),
        ("rnn_2", torch.nn.RNN, 2),
        ("gru_2", torch.nn.GRU, 2),
        ("lstm_2", torch.nn.LSTM, 2),
    ):
        cell = make(INPUTS, HIDDEN, layers)
        readout = torch.nn.Linear(HIDDEN, OUTPUTS)
        with torch.no_grad():
            for parameter in (*cell.parameters(), *readout.parameters()):
                uniform(parameter, 0.7)
        states = 2 if name.startswith("lstm") else 1
        start = [uniform(torch.empty(layers, 1, HIDDEN), 0.8) for _ in range(states)]
        line(f"{name}.parameters", *stacked(cell, readout, grad=False))
        # Layer after layer: h, and c of an LSTM.
        line(f"{name}.start", *[s[layer] for layer in range(layers) for s in start])
        for kind, steps in (("mse_last", 3), ("mse_every", 20), ("cross_entropy_every", 20)):
            cell.zero_grad()
            readout.zero_grad()
            y, loss = loss_of(cell, readout, steps, kind, start[0] if states == 1 else tuple(start))
            loss.backward()
            line(f"{name}.{kind}.{steps}.y", y)
            line(f"{name}.{kind}.{steps}.loss", loss)
            line(f"{name}.{kind}.{steps}.gradient", *stacked(cell, readout, grad=True))


def trace(name, make_optimizer, clip):
    """20 updates on the whole sequence; each update's loss is the one before it."""
    # One bias only, as in rnn-core: b_hh stays 0 and b_ih holds the sum.
    cell, readout = network("tanh", True)
    with torch.no_grad():
        cell.bias_ih_l0.add_(cell.bias_hh_l0)
        cell.bias_hh_l0.zero_()
    cell.bias_hh_l0.requires_grad_(False)
    trained = parameters(cell, readout)
    optimizer = make_optimizer(trained)
    losses, norms = [], []
    for _ in range(20):
        optimizer.zero_grad()
        _, loss = loss_of(cell, readout, LONGEST, "mse_every")
        loss.backward()
        if clip:
            norms.append(torch.nn.utils.clip_grad_norm_(trained, clip))
        optimizer.step()
        losses.append(loss.detach())
    if clip:
        clipped = sum(bool(n > clip) for n in norms)
        assert 0 < clipped < 20, f"{clipped} of 20 updates clipped: choose another sequence"
    line(f"{name}.losses", *losses)
    line(f"{name}.parameters", *flat(trained))


print(f"# Made by make_golden.py with PyTorch {torch.__version__.split('+')[0]}, float64.")
for name in ("w_xh", "w_hh", "w_hy"):
    line(name, columns(WEIGHTS[name]))
line("b", WEIGHTS["b_ih"] + WEIGHTS["b_hh"])
line("b_y", WEIGHTS["b_y"])
line("x", X)
line("targets", TARGETS)
line("classes", CLASSES)
line("h_0", H_0)
gradients()
cells()
trace("adam", lambda p: torch.optim.Adam(p, lr=0.01), clip=None)
trace("momentum", lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.9), clip=1.0)
