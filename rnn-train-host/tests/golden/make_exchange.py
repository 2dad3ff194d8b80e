"""Makes exchange/: PyTorch networks as safetensors files, and what they give.

    python make_exchange.py        (needs torch, safetensors)

NAME.safetensors is the state of a network with its random initial weights, written as any PyTorch user
would write it. outputs.safetensors holds the 1,000 samples `x` that all of them read, from rest, and
for each network its outputs under its name; all in float32, computed by PyTorch on the CPU.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "exchange"
CHANNELS, STEPS = 2, 1000


class Net(nn.Module):
    """A recurrent module with a linear one on top, under names of the caller's choice."""

    def __init__(self, recurrent, linear, module):
        super().__init__()
        self.names = recurrent, linear
        self.add_module(recurrent, module)
        bias = module.bias
        self.add_module(linear, nn.Linear(module.hidden_size, CHANNELS, bias=bias))

    def forward(self, x):
        recurrent, linear = (self.get_submodule(name) for name in self.names)
        states, _ = recurrent(x)
        return linear(states)


def networks():
    sizes = {"input_size": CHANNELS, "batch_first": True}
    yield "rnn", Net("rnn", "fc", nn.RNN(hidden_size=16, **sizes))
    yield "rnn_relu", Net(
        "encoder", "decoder", nn.RNN(hidden_size=8, num_layers=2, nonlinearity="relu", **sizes)
    )
    yield "gru", Net("rnn", "fc", nn.GRU(hidden_size=12, **sizes))
    yield "gru_two", Net("gru", "head", nn.GRU(hidden_size=8, num_layers=2, **sizes))
    yield "lstm", Net("lstm", "linear", nn.LSTM(hidden_size=10, bias=False, **sizes))
    yield "lstm_two", Net("rnn", "fc", nn.LSTM(hidden_size=8, num_layers=2, **sizes))


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    t = torch.arange(STEPS, dtype=torch.float32)
    noise = 0.3 * torch.randn(STEPS, CHANNELS)
    x = noise + torch.stack([2 * torch.sin(t / 7), torch.cos(t / 31) + 0.5], dim=1)
    outputs = {"x": x}
    for name, network in networks():
        save_file(network.state_dict(), FOLDER / f"{name}.safetensors")
        with torch.no_grad():
            outputs[name] = network(x[None])[0].contiguous()
    save_file(outputs, FOLDER / "outputs.safetensors")


if __name__ == "__main__":
    main()
