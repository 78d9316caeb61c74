"""Hugging Face checkpoint directory: packed ternary weights, and their float32 reference forward."""

import json
import re

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from . import model
from .tokens import BOS, EOS, save_tokenizer


def pack_ternary(t):
    """[out, in] of {-1, 0, 1} to U8 [out/4, in].

    Byte [r, c] holds rows r, R+r, 2R+r, 3R+r (R = out/4) of column c, lowest bits first, code t+1.
    """
    codes = (t + 1).to(torch.uint8).view(4, t.shape[0] // 4, t.shape[1])
    return codes[0] | codes[1] << 2 | codes[2] << 4 | codes[3] << 6


def unpack_ternary(packed):
    codes = torch.cat([packed >> shift & 3 for shift in (0, 2, 4, 6)])
    assert int(codes.max()) <= 2, "illegal ternary code 3"
    return codes.float() - 1


def save(trainee, tokenizer, directory):
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, value in trainee.tensors().items():
        if name.endswith("_proj.weight"):
            t, scale = trainee.quantiser(value.detach())
            tensors[name] = pack_ternary(t)
            tensors[name + "_scale"] = scale.bfloat16().view(1)
        else:
            tensors[name] = value.detach().bfloat16()
    save_file({k: v.contiguous() for k, v in tensors.items()}, directory / "model.safetensors",
              metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    write_json(directory / "config.json", model.CONFIG)
    write_json(directory / "generation_config.json",
               {"_from_model_config": True, "bos_token_id": BOS, "eos_token_id": EOS})
    save_tokenizer(tokenizer, directory, model.CONFIG["max_position_embeddings"])


def write_json(path, value):
    """Indented, with every list of numbers on one line."""
    text = json.dumps(value, indent=2)
    flat = re.sub(r"\[[-+\d.,e\s]*\]", lambda m: " ".join(m.group().split()), text)
    path.write_text(flat + "\n")


class Reference:
    """float32 forward of a saved checkpoint: BitNetForCausalLM with AutoBitLinear, eager.

    y = (q8 / s) . t * weight_scale. `min_tie` keeps the smallest distance, in LSB, of any
    activation from a rounding tie: below about 1e-5 two correct float32 implementations may differ.
    """

    def __init__(self, directory):
        stored = load_file(directory / "model.safetensors")
        self.min_tie = 0.5
        self.weights = {}
        self.tensors = {}
        for name, value in stored.items():
            if value.dtype == torch.uint8:
                self.weights[name] = unpack_ternary(value), stored[name + "_scale"].float()
            elif not name.endswith("_scale"):
                self.tensors[name] = value.float()

    def linear(self, names, x):
        scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
        scaled = x * scale
        self.min_tie = min(self.min_tie, float((scaled - scaled.floor() - 0.5).abs().min()))
        x = torch.round(scaled).clamp(-128, 127) / scale
        outputs = []
        for name in names:
            t, weight_scale = self.weights[name + ".weight"]
            outputs.append(F.linear(x, t) * weight_scale)
        return outputs

    @torch.no_grad()
    def logits(self, tokens):
        return model.forward(tokens, self.tensors, self.linear)


@torch.no_grad()
def line_losses(logits, lines, positions):
    """Per line: (sum of NLL in nats over its predicted tokens, their number).

    A line is `<bos>` text `<eos>` cut to `positions` tokens; token i is predicted from those before.
    """
    sums, counts = [], []
    for start in range(0, len(lines), 32):
        batch = [line[:positions] for line in lines[start : start + 32]]
        width = max(len(ids) for ids in batch)
        # Causal attention: what stands behind a line's end cannot change its logits.
        tokens = torch.tensor([ids + [EOS] * (width - len(ids)) for ids in batch])
        nll = F.cross_entropy(logits(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none")
        for row, ids in zip(nll, batch):
            sums.append(float(row[: len(ids) - 1].double().sum()))
            counts.append(len(ids) - 1)
    return sums, counts


def perplexity(sums, counts):
    return float(np.exp(sum(sums) / sum(counts)))


@torch.no_grad()
def continuation(reference, tokenizer, ids, count):
    """Greedy continuation of `ids` by `count` tokens, one float32 forward a token."""
    reference.min_tie = 0.5
    sequence, first, margin = list(ids), None, float("inf")
    for _ in range(count):
        last = reference.logits(torch.tensor([sequence]))[0, -1]
        first = last if first is None else first
        top = last.topk(2).values
        margin = min(margin, float(top[0] - top[1]))
        sequence.append(int(last.argmax()))
    final = reference.logits(torch.tensor([sequence]))[0, -1]
    return {
        "prompt": tokenizer.decode(ids),
        "prompt_ids": list(ids),
        "greedy_ids": sequence[len(ids):],
        "text": tokenizer.decode(sequence),
        "min_tie_distance_lsb": reference.min_tie,
        "min_top2_margin": margin,
        "prompt_logits": [float(v) for v in first.numpy()],
        "final_logits": [float(v) for v in final.numpy()],
    }


def prompts(texts, words=12):
    """Beginnings of `texts`, 4 to `words` words long."""
    return [" ".join(text.split()[: 4 + i % (words - 3)]) for i, text in enumerate(texts)]


def clean_cases(reference, tokenizer, texts, count, tokens):
    """`count` greedy runs from beginnings of held-out stories, farthest from rounding ties.

    Only far from ties may another float32 implementation be asked for the same logits, and only
    without a near draw for the same tokens. No two runs begin with the same 12 tokens.
    """
    cases = [continuation(reference, tokenizer, tokenizer.encode(prompt).ids, tokens)
             for prompt in dict.fromkeys(prompts(texts[: 40 * count]))]
    cases = [case for case in cases if case["min_top2_margin"] > 1e-3]
    cases.sort(key=lambda case: -case["min_tie_distance_lsb"])
    chosen = {}
    for case in cases:
        chosen.setdefault(tuple((case["prompt_ids"] + case["greedy_ids"])[:12]), case)
    return list(chosen.values())[:count]


@torch.no_grad()
def complete(logits, tokenizer, texts, top_k, seed, positions):
    """Each of `texts` continued to its `<eos>`; `top_k` 1 is greedy."""
    generator = torch.Generator().manual_seed(seed)
    rows = [tokenizer.encode(text).ids for text in texts]
    open_rows = list(range(len(rows)))
    while open_rows:
        width = max(len(rows[i]) for i in open_rows)
        # Causal attention: what stands behind a row's end cannot change its logits.
        batch = torch.tensor([rows[i] + [EOS] * (width - len(rows[i])) for i in open_rows])
        last = logits(batch)[torch.arange(len(batch)), [len(rows[i]) - 1 for i in open_rows]]
        values, ids = last.topk(top_k)
        drawn = torch.multinomial(F.softmax(values, -1), 1, generator=generator)
        for i, token in zip(open_rows, ids.gather(1, drawn)[:, 0].tolist()):
            rows[i].append(token)
        open_rows = [i for i in open_rows if rows[i][-1] != EOS and len(rows[i]) < positions]
    return [tokenizer.decode(ids) for ids in rows]
