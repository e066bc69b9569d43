#!/usr/bin/env python3
"""Writes crates/automl-neural/src/network/reference.json: what PyTorch's layers give for networks of given weights.

Every network is put together here from torch.nn as its documentation says it, computed in float64. Weights and inputs are
functions of their names and places, so that nothing but names, shapes and outputs is kept. Run from the repository root with
torch and numpy installed: python scripts/network_reference.py
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
ROWS = 3


def numbers(name, shape):
    """Numbers from -0.5 to 0.5, each a function of a name and a place; exact in float32."""
    state = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            state = np.uint32(state ^ np.uint32(byte)) * np.uint32(16777619)
        x = state + np.arange(math.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
        x ^= x >> np.uint32(16)
    values = (x >> np.uint32(16)).astype(np.float64) / 65536 - 0.5
    if name.rsplit(".", 1)[-1] == "scale":
        values = 1 + values / 2
    return torch.from_numpy(values.reshape(shape))


class Weights:
    """Parameters by the names that they have in this project, and layers that hold them."""

    def __init__(self):
        self.shapes = {}

    def __call__(self, name, *shape):
        self.shapes[name] = list(shape)
        return numbers(name, shape)

    def fill(self, layer, **tensors):
        with torch.no_grad():
            for name, tensor in tensors.items():
                getattr(layer, name).copy_(tensor)
        return layer

    def linear(self, name, n_inputs, n_outputs):
        weight = self(f"{name}.weight", n_inputs, n_outputs)
        bias = self(f"{name}.bias", n_outputs)
        return self.fill(nn.Linear(n_inputs, n_outputs), weight=weight.T, bias=bias)

    def norm(self, name, n):
        return self.fill(nn.LayerNorm(n), weight=self(f"{name}.scale", n), bias=self(f"{name}.shift", n))

    def group_norm(self, name, n):
        most = min(max(n // 2, 1), 32)
        n_groups = max(g for g in range(1, most + 1) if n % g == 0)
        layer = nn.GroupNorm(n_groups, n)
        return self.fill(layer, weight=self(f"{name}.scale", n), bias=self(f"{name}.shift", n))

    def convolution(self, name, n_inputs, n_outputs, side, stride):
        weight = self(f"{name}.weight", n_outputs, n_inputs, side, side)
        layer = nn.Conv2d(n_inputs, n_outputs, side, stride, padding=side // 2, bias=False)
        return self.fill(layer, weight=weight)

    def attention(self, name, size, n_heads):
        layer = nn.MultiheadAttention(size, n_heads, batch_first=True)
        parts = [self.linear(f"{name}.{part}", size, size) for part in ["query", "key", "value"]]
        output = self.linear(f"{name}.output", size, size)
        self.fill(layer, in_proj_weight=torch.cat([p.weight for p in parts]), in_proj_bias=torch.cat([p.bias for p in parts]))
        self.fill(layer.out_proj, weight=output.weight, bias=output.bias)
        return layer

    def encoder_layer(self, name, size, inner, n_heads):
        """A block of a transformer encoder with norms first, whole from PyTorch."""
        layer = nn.TransformerEncoderLayer(
            size, n_heads, inner, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        layer.norm1 = self.norm(f"{name}.attention_norm", size)
        layer.self_attn = self.attention(name, size, n_heads)
        layer.norm2 = self.norm(f"{name}.feed_norm", size)
        layer.linear1 = self.linear(f"{name}.first", size, inner)
        layer.linear2 = self.linear(f"{name}.second", inner, size)
        return layer


class Table:
    """Three numbers, two flags and a category of three levels and one for what is unknown."""

    N_NUMBERS, N_FLAGS, N_LEVELS, CODES = 3, 2, 4, [2, 0, 3]

    def __init__(self, embedding="none", n_pieces=0, size=4, n_waves=0):
        self.shape = {
            "n_numbers": self.N_NUMBERS,
            "n_flags": self.N_FLAGS,
            "n_levels": [self.N_LEVELS],
            "n_pieces": n_pieces,
            "number_embedding": embedding,
            "embedding_size": size,
            "n_waves": n_waves,
            "codes": self.CODES,
        }
        self.embedding, self.n_pieces, self.size, self.n_waves = embedding, n_pieces, size, n_waves
        self.numbers = 4 * numbers("input.numbers", (ROWS, self.N_NUMBERS))
        self.flags = numbers("input.flags", (ROWS, self.N_FLAGS)).ge(0).double()
        self.pieces = numbers("input.pieces", (self.N_NUMBERS, ROWS, n_pieces)) if n_pieces else None

    def number_vectors(self, weights, name):
        """rows × numbers × size."""
        slope = weights(f"{name}.slope", self.N_NUMBERS, self.size)
        bias = weights(f"{name}.bias", self.N_NUMBERS, self.size)
        vectors = self.numbers[:, :, None] * slope + bias
        if self.pieces is not None:
            pieces = weights(f"{name}.pieces", self.N_NUMBERS, self.n_pieces, self.size)
            vectors = vectors + torch.einsum("crp,cps->rcs", self.pieces, pieces)
        return vectors

    def wave_vectors(self, weights, name):
        """rows × numbers × size: the number, and a map of cosines of it."""
        parts = []
        frequency = weights(f"{name}.frequency", self.N_NUMBERS, self.n_waves)
        phase = weights(f"{name}.phase", self.N_NUMBERS, self.n_waves)
        weight = weights(f"{name}.weight", self.N_NUMBERS, self.n_waves, self.size - 1)
        bias = weights(f"{name}.bias", self.N_NUMBERS, self.size - 1)
        for column in range(self.N_NUMBERS):
            x = self.numbers[:, column : column + 1]
            cosines = torch.cos(2 * math.pi * frequency[column] * x + phase[column])
            parts.append(torch.cat([x, F.linear(cosines, weight[column].T, bias[column])], dim=1))
        return torch.stack(parts, dim=1)

    def level_vectors(self, weights, name, size):
        vectors = weights(f"{name}.categories.0.vectors", self.N_LEVELS, size)
        return F.embedding(torch.tensor(self.CODES), vectors)

    def flat(self, weights, name, size=round(1.6 * N_LEVELS**0.56)):
        if self.embedding == "none":
            parts = [self.numbers]
        elif self.embedding == "periodic":
            parts = [self.wave_vectors(weights, f"{name}.waves").flatten(1)]
        else:
            parts = [self.number_vectors(weights, f"{name}.numbers").flatten(1)]
        return torch.cat([*parts, self.flags, self.level_vectors(weights, name, size)], dim=1)

    def tokens(self, weights, name):
        if self.embedding == "periodic":
            parts = [self.wave_vectors(weights, f"{name}.waves")]
        else:
            parts = [self.number_vectors(weights, f"{name}.numbers")]
        parts.append(self.level_vectors(weights, name, self.size)[:, None])
        flags = weights.linear(f"{name}.flags", self.N_FLAGS, self.size)
        parts.append(flags(self.flags)[:, None])
        summary = weights(f"{name}.summary", 1, self.size).expand(ROWS, 1, self.size)
        return torch.cat([summary, *parts], dim=1)


ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}


def linear(weights, table, n_outputs):
    x = table.flat(weights, "Linear.input")
    return weights.linear("Linear.head", x.shape[1], n_outputs)(x)[:, None]


def mlp(weights, table, n_outputs, layers, width, activation, norm):
    x = table.flat(weights, "Mlp.input")
    for index in range(layers):
        x = weights.linear(f"Mlp.layers.{index}", x.shape[1], width)(x)
        if norm:
            x = weights.norm(f"Mlp.norms.{index}", width)(x)
        x = ACTIVATIONS[activation](x)
    return weights.linear("Mlp.head", width, n_outputs)(x)[:, None]


def resnet(weights, table, n_outputs, blocks, width, expansion):
    x = table.flat(weights, "Resnet.input")
    inner = int(width * expansion)
    x = weights.linear("Resnet.first", x.shape[1], width)(x)
    for index in range(blocks):
        name = f"Resnet.blocks.{index}"
        normed = weights.norm(f"{name}.norm", width)(x)
        hidden = F.relu(weights.linear(f"{name}.first", width, inner)(normed))
        x = x + weights.linear(f"{name}.second", inner, width)(hidden)
    x = F.relu(weights.norm("Resnet.norm", width)(x))
    return weights.linear("Resnet.head", width, n_outputs)(x)[:, None]


def tabm(weights, table, n_outputs, members, layers, width, ensembling):
    x = table.flat(weights, "Tabm.input")
    x = x[:, None].expand(ROWS, members, x.shape[1])
    for index in range(layers):
        name = f"Tabm.layers.{index}"
        is_full = ensembling == "full"
        weight = weights(f"{name}.weight", x.shape[2], width)
        if is_full or index == 0:
            x = x * weights(f"{name}.input_scale", members, x.shape[2])
        x = x @ weight
        if is_full:
            x = x * weights(f"{name}.output_scale", members, width)
        x = F.relu(x + weights(f"{name}.bias", members if is_full else 1, width))
    head = weights("Tabm.head", members, width, n_outputs)
    return torch.einsum("rmw,mwo->rmo", x, head) + weights("Tabm.head_bias", 1, members, n_outputs)


def ft_transformer(weights, table, n_outputs, blocks, heads, head_size, expansion):
    size = heads * head_size
    inner = int(size * expansion)
    x = table.tokens(weights, "FtTransformer.input")
    for index in range(blocks):
        name = f"FtTransformer.blocks.{index}"
        normed = weights.norm(f"{name}.attention_norm", size)(x)
        x = x + weights.attention(name, size, heads)(normed, normed, normed, need_weights=False)[0]
        normed = weights.norm(f"{name}.feed_norm", size)(x)
        gate, value = weights.linear(f"{name}.first", size, 2 * inner)(normed).chunk(2, dim=-1)
        x = x + weights.linear(f"{name}.second", inner, size)(F.relu(gate) * value)
    summary = F.relu(weights.norm("FtTransformer.norm", size)(x[:, :1]))
    return weights.linear("FtTransformer.head", size, n_outputs)(summary)


def realmlp(weights, table, n_outputs, layers, width, activation):
    x = table.flat(weights, "Realmlp.input", size=8)
    x = x * weights("Realmlp.scale", x.shape[1])
    sigma = {"selu": F.selu, "mish": F.mish}[activation]
    for index in range(layers):
        name = f"Realmlp.layers.{index}"
        z = x @ weights(f"{name}.weight", x.shape[1], width) / math.sqrt(x.shape[1]) + weights(f"{name}.bias", width)
        alpha = weights(f"{name}.mix", width)
        x = (1 - alpha) * z + alpha * sigma(z)
    head = weights("Realmlp.head.weight", width, n_outputs) / math.sqrt(width)
    return (x @ head + weights("Realmlp.head.bias", n_outputs))[:, None]


def cnn(weights, x, n_outputs, channels, stages):
    n_inputs = x.shape[1]
    for stage in range(stages):
        name, width = f"Cnn.stages.{stage}", channels << stage
        if stage > 0:
            x = F.max_pool2d(x, 2)
        x = weights.convolution(f"{name}.first", n_inputs, width, 3, 1)(x)
        x = F.relu(weights.group_norm(f"{name}.first_norm", width)(x))
        x = weights.convolution(f"{name}.second", width, width, 3, 1)(x)
        x = F.relu(weights.group_norm(f"{name}.second_norm", width)(x))
        n_inputs = width
    return weights.linear("Cnn.head", n_inputs, n_outputs)(x.mean(dim=(2, 3)))


def resnet18(weights, x, n_outputs, channels):
    is_small = max(x.shape[2:]) <= 64
    stem = weights.convolution("Resnet18.stem", x.shape[1], channels, 3 if is_small else 7, 1 if is_small else 2)
    x = F.relu(weights.group_norm("Resnet18.stem_norm", channels)(stem(x)))
    if not is_small:
        x = F.max_pool2d(x, 3, 2, padding=1)
    n_inputs = channels
    for block in range(8):
        name, width = f"Resnet18.blocks.{block}", channels << block // 2
        stride = 2 if block % 2 == 0 and block > 0 else 1
        inner = weights.convolution(f"{name}.first", n_inputs, width, 3, stride)(x)
        inner = F.relu(weights.group_norm(f"{name}.first_norm", width)(inner))
        inner = weights.convolution(f"{name}.second", width, width, 3, 1)(inner)
        inner = weights.group_norm(f"{name}.second_norm", width)(inner)
        if n_inputs != width or stride != 1:
            x = weights.convolution(f"{name}.shortcut.convolution", n_inputs, width, 1, stride)(x)
            x = weights.group_norm(f"{name}.shortcut.norm", width)(x)
        x = F.relu(x + inner)
        n_inputs = width
    return weights.linear("Resnet18.head", n_inputs, n_outputs)(x.mean(dim=(2, 3)))


TOKENS = [[3, 1, 4, 1, 5], [2, 6, 5, 0, 0], [7, 0, 0, 0, 0]]
TOKEN_COUNTS = [5, 3, 1]


def text_transformer(weights, n_outputs, n_tokens, length, blocks, heads, head_size, expansion):
    size = heads * head_size
    vectors, places = weights("vectors", n_tokens, size), weights("places", length, size)
    tokens = torch.tensor(TOKENS)
    is_filler = torch.arange(tokens.shape[1])[None] >= torch.tensor(TOKEN_COUNTS)[:, None]
    x = F.embedding(tokens, vectors) + places[: tokens.shape[1]]
    for index in range(blocks):
        layer = weights.encoder_layer(f"blocks.{index}", size, int(size * expansion), heads)
        x = layer(x, src_key_padding_mask=is_filler)
    x = weights.norm("norm", size)(x).masked_fill(is_filler[:, :, None], 0.0)
    mean = x.sum(dim=1) / torch.tensor(TOKEN_COUNTS)[:, None]
    return weights.linear("head", size, n_outputs)(mean)


def dlinear(weights, x, horizon, kernel):
    lookback = x.shape[1]
    padded = F.pad(x[:, None], (kernel // 2, kernel // 2), mode="replicate")
    trend = F.avg_pool1d(padded, kernel, 1)[:, 0]
    seasonal = weights.linear("network.DLinear.seasonal", lookback, horizon)
    return seasonal(x - trend) + weights.linear("network.DLinear.trend", lookback, horizon)(trend)


def wave_terms(length):
    t = np.arange(length) / length
    rows = [np.ones(length)]
    for wave in range(1, length // 2 + 1):
        rows += [np.cos(2 * np.pi * wave * t), np.sin(2 * np.pi * wave * t)]
    return torch.from_numpy(np.stack(rows))


def powers(degree, length):
    t = np.arange(length) / length
    return torch.from_numpy(np.stack([t**power for power in range(degree + 1)]))


def nbeats(weights, x, horizon, stacks, blocks, width, degree):
    lookback = x.shape[1]
    if stacks == "generic":
        kinds = [(torch.eye(lookback), torch.eye(horizon), 1)] * blocks
    else:
        kinds = [(powers(degree, lookback), powers(degree, horizon), blocks), (wave_terms(lookback), wave_terms(horizon), blocks)]
    forecast = torch.zeros(x.shape[0], horizon)
    for index, (past, future, n_times) in enumerate(kinds):
        name = f"network.NBeats.blocks.{index}"
        sizes = [lookback] + [width] * 4
        layers = [weights.linear(f"{name}.layers.{i}", a, b) for i, (a, b) in enumerate(zip(sizes, sizes[1:]))]
        coefficients = weights.linear(f"{name}.coefficients", width, len(past) + len(future))
        for _ in range(n_times):
            hidden = x
            for layer in layers:
                hidden = F.relu(layer(hidden))
            of_past, of_future = coefficients(hidden).split([len(past), len(future)], dim=1)
            x = x - of_past @ past
            forecast = forecast + of_future @ future
    return forecast


def patchtst(weights, x, horizon, patch, stride, blocks, heads, head_size, expansion):
    size = heads * head_size
    patches = F.pad(x[:, None], (0, stride), mode="replicate")[:, 0].unfold(1, patch, stride)
    n_patches = patches.shape[1]
    name = "network.PatchTst"
    x = weights.linear(f"{name}.embed", patch, size)(patches) + weights(f"{name}.places", n_patches, size)
    for index in range(blocks):
        x = weights.encoder_layer(f"{name}.blocks.{index}", size, int(size * expansion), heads)(x)
    flat = weights.norm(f"{name}.norm", size)(x).flatten(1)
    return weights.linear(f"{name}.head", n_patches * size, horizon)(flat)


def with_instance_norm(x, of):
    centre, variance = x.mean(dim=1, keepdim=True), x.var(dim=1, unbiased=False, keepdim=True)
    spread = (variance + 1e-5).sqrt()
    return of((x - centre) / spread) * spread + centre


def case(kind, params, about, compute):
    weights = Weights()
    with torch.no_grad():
        outputs = compute(weights)
    return {
        "kind": kind,
        "params": params,
        **about,
        "parameters": weights.shapes,
        "shape": list(outputs.shape),
        "outputs": outputs.flatten().tolist(),
    }


def table_case(name, build, params, table, n_outputs=2):
    about = {"input": table.shape, "n_outputs": n_outputs}
    compute = lambda weights: build(weights, table, n_outputs, **params)
    return case("table", {"type": name, **params}, about, compute)


def image_case(name, build, params, shape, n_outputs=3):
    x = 2 * numbers("input.images", (ROWS, *shape))
    about = {"input": shape, "n_outputs": n_outputs}
    return case("image", {"type": name, **params}, about, lambda weights: build(weights, x, n_outputs, **params))


def series_case(name, build, params, instance_norm, lookback=12, horizon=5):
    x = 3 * numbers("input.series", (ROWS, lookback))
    of = lambda weights: lambda x: build(weights, x, horizon, **params)
    plain = lambda weights: of(weights)(x)
    normed = lambda weights: with_instance_norm(x, of(weights))
    params_all = {"type": name, **params, "instance_norm": instance_norm}
    about = {"input": [lookback, horizon]}
    return case("series", params_all, about, normed if instance_norm else plain)


def text_case(params, n_tokens=9, length=6, n_outputs=3):
    about = {"input": [n_tokens, length], "tokens": TOKENS, "counts": TOKEN_COUNTS, "n_outputs": n_outputs}
    compute = lambda weights: text_transformer(weights, n_outputs, n_tokens, length, **params)
    return case("text", params, about, compute)


def cases():
    cut = dict(embedding="piecewise_linear", n_pieces=5)
    yield table_case("linear", linear, {}, Table())
    wide = {"layers": 2, "width": 7, "activation": "relu", "norm": False}
    yield table_case("mlp", mlp, wide, Table())
    yield table_case("mlp", mlp, wide | {"activation": "gelu", "norm": True}, Table("linear"))
    yield table_case("mlp", mlp, wide | {"activation": "silu", "layers": 1}, Table(**cut))
    yield table_case("resnet", resnet, {"blocks": 2, "width": 6, "expansion": 1.5}, Table())
    members = {"members": 3, "layers": 2, "width": 6}
    yield table_case("tabm", tabm, members | {"ensembling": "full"}, Table(**cut))
    yield table_case("tabm", tabm, members | {"ensembling": "mini"}, Table())
    tokens = {"blocks": 2, "heads": 2, "head_size": 3, "expansion": 1.33}
    yield table_case("ft_transformer", ft_transformer, tokens, Table("linear", size=6))
    yield table_case("ft_transformer", ft_transformer, tokens, Table(**cut, size=6))
    waves = dict(embedding="periodic", n_waves=6)
    real = {"layers": 2, "width": 7}
    yield table_case("realmlp", realmlp, real | {"activation": "selu"}, Table(**waves))
    yield table_case("realmlp", realmlp, real | {"activation": "mish"}, Table())
    yield table_case("ft_transformer", ft_transformer, tokens, Table(**waves, size=6))
    yield image_case("cnn", cnn, {"channels": 4, "stages": 3}, [3, 9, 8])
    yield image_case("resnet18", resnet18, {"channels": 4}, [3, 9, 8])
    yield image_case("resnet18", resnet18, {"channels": 2}, [1, 66, 70])
    yield text_case({"blocks": 2, "heads": 2, "head_size": 3, "expansion": 2.0})
    yield series_case("dlinear", dlinear, {"kernel": 5}, False)
    yield series_case("dlinear", dlinear, {"kernel": 3}, True)
    beats = {"blocks": 2, "width": 6, "degree": 2}
    yield series_case("nbeats", nbeats, {"stacks": "generic", **beats}, True)
    yield series_case("nbeats", nbeats, {"stacks": "interpretable", **beats}, False)
    patches = {"patch": 4, "stride": 3, "blocks": 2, "heads": 2, "head_size": 3, "expansion": 2.0}
    yield series_case("patchtst", patchtst, patches, True)


def main():
    found = {"made_with": f"torch {torch.__version__}", "rows": ROWS, "cases": list(cases())}
    path = Path("crates/automl-neural/src/network/reference.json")
    lines = [json.dumps(case) for case in found.pop("cases")]
    head = json.dumps(found)[:-1]
    path.write_text(head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")


main()
