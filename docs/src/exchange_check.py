"""Loads `rnn export --to safetensors` into PyTorch and compares the predictions.

    python exchange_check.py MODEL.safetensors DATA.csv PREDICTIONS.csv

DATA.csv has the model's columns; PREDICTIONS.csv is what the model predicts after its last row, as
`rnn forecast MODEL.rnn DATA.csv --steps 1` prints it. Prints the largest difference, in standard
deviations of a channel's level.
"""

import csv
import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

path, data, predictions = sys.argv[1:]
state = load_file(path)
with safe_open(path, "pt") as file:
    description = json.loads(file.metadata()["rnn"])
recurrent, linear = description["recurrent"], description["linear"]
layers = sum(name.startswith(f"{recurrent}.weight_ih") for name in state)
rows, hidden = state[f"{recurrent}.weight_hh_l0"].shape
inputs = state[f"{recurrent}.weight_ih_l0"].shape[1]
kind = {1: nn.RNN, 3: nn.GRU, 4: nn.LSTM}[rows // hidden]
options = {"nonlinearity": description["nonlinearity"]} if kind is nn.RNN else {}
net = nn.ModuleDict(
    {
        recurrent: kind(inputs, hidden, layers, batch_first=True, **options),
        linear: nn.Linear(hidden, inputs),
    }
)
net.load_state_dict(state)

names, scales = description["names"], description["scales"]
scale = {key: torch.tensor([scale[key] for scale in scales]) for key in scales[0]}


def columns(name):
    with open(name) as file:
        return torch.tensor([[float(row[name]) for name in names] for row in csv.DictReader(file)])


x = columns(data)
differences = torch.diff(x, dim=0, prepend=x[:1])
residual = description["mode"] != "raw"
if description["mode"] == "difference":
    read = (differences - scale["difference_mean"]) / scale["difference_std"]
else:
    read = (x - scale["mean"]) / scale["std"]
with torch.no_grad():
    states, _ = net[recurrent](read[None])
    output = net[linear](states)[0, -1]
if residual:
    predicted = x[-1] + scale["difference_mean"] + scale["difference_std"] * output
else:
    predicted = scale["mean"] + scale["std"] * output
largest = ((predicted - columns(predictions)[0]).abs() / scale["std"]).max()
print(f"largest difference: {float(largest):.2e} standard deviations")
