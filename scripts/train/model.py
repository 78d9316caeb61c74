"""BitNet b1.58 decoder for quantisation-aware training, and its float twin.

Weights are ternarised per tensor (absmean), or with Sherry's 3:4 constraint (arXiv 2601.07892:
of every four consecutive input weights the smallest is zero, the others are +-1); activations are
int8 per token (absmax). Gradients pass both quantisers unchanged (straight-through).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {
    "architectures": ["BitNetForCausalLM"],
    "bos_token_id": 0,
    "eos_token_id": 1,
    "hidden_act": "relu2",
    "hidden_size": 192,
    "initializer_range": 0.02,
    "intermediate_size": 480,
    "max_position_embeddings": 256,
    "model_type": "bitnet",
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "quantization_config": {
        "linear_class": "autobitlinear",
        "quant_method": "bitnet",
        "quantization_mode": "offline",
    },
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 512,
}
HIDDEN = CONFIG["hidden_size"]
HEADS = CONFIG["num_attention_heads"]
KV_HEADS = CONFIG["num_key_value_heads"]
HEAD_DIM = HIDDEN // HEADS
FFN = CONFIG["intermediate_size"]
EPS = CONFIG["rms_norm_eps"]

# Shape [out, in] of every ternary matrix of a layer, by its name in the checkpoint.
LINEARS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
    "self_attn.v_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (FFN, HIDDEN),
    "mlp.up_proj": (FFN, HIDDEN),
    "mlp.down_proj": (HIDDEN, FFN),
}
NORMS = {
    "input_layernorm": HIDDEN,
    "self_attn.attn_sub_norm": HIDDEN,
    "post_attention_layernorm": HIDDEN,
    "mlp.ffn_sub_norm": FFN,
}


def ternarise(weight):
    """Returns (t in {-1, 0, 1}, scale): t = clamp(rne(w / absmean)), scale rounded to bf16."""
    absmean = weight.abs().mean().clamp(min=1e-5)
    return torch.round(weight * (1.0 / absmean)).clamp(-1, 1), absmean.bfloat16().float()


def ternarise_3_4(weight):
    """Sherry: the smallest |w| of each four inputs becomes 0; scale = mean |w| of the kept ones."""
    blocks = weight.view(weight.shape[0], -1, 4)
    magnitude = blocks.abs()
    keep = torch.ones_like(blocks).scatter_(-1, magnitude.argmin(-1, keepdim=True), 0.0)
    sign = torch.where(blocks < 0, -1.0, 1.0)
    scale = (magnitude * keep).sum() / (0.75 * weight.numel())
    return (sign * keep).view_as(weight), scale.clamp(min=1e-5).bfloat16().float()


QUANTISERS = {"ternary": ternarise, "sherry": ternarise_3_4, "float": None}


def act_quant(x):
    """Per-token absmax int8, returned dequantised: rne(x * s) / s with s = 127 / max(absmax, 1e-5)."""
    scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return torch.round(x * scale).clamp(-128, 127) / scale


class StraightThrough(torch.autograd.Function):
    """Forward: the quantiser; backward: the identity."""

    @staticmethod
    def forward(_ctx, x, quantiser):
        return quantiser(x)

    @staticmethod
    def backward(_ctx, grad):
        return grad, None


def rms_norm(x, weight):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS))


def rope_tables(length):
    """cos and sin [length, head_dim], half-split layout, float32."""
    exponent = torch.arange(0, HEAD_DIM, 2, dtype=torch.float32) / HEAD_DIM
    inv_freq = 1.0 / (CONFIG["rope_theta"] ** exponent)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * inv_freq
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def forward(tokens, tensors, linear):
    """Logits [batch, time, vocab] of BitNetForCausalLM in float32.

    `tensors` maps checkpoint names to embedding and norms; `linear(names, x)` applies the
    projections of `names` to the same input and returns one output each.
    """
    batch, time = tokens.shape
    cos, sin = rope_tables(time)
    x = F.embedding(tokens, tensors["model.embed_tokens.weight"])
    for layer in range(CONFIG["num_hidden_layers"]):
        p = f"model.layers.{layer}."

        def norm(value, name):
            return rms_norm(value, tensors[p + name + ".weight"])

        h = norm(x, "input_layernorm")
        q, k, v = linear([p + f"self_attn.{n}_proj" for n in "qkv"], h)
        q = rope(q.view(batch, time, HEADS, HEAD_DIM).transpose(1, 2), cos, sin)
        k = rope(k.view(batch, time, KV_HEADS, HEAD_DIM).transpose(1, 2), cos, sin)
        v = v.view(batch, time, KV_HEADS, HEAD_DIM).transpose(1, 2)
        k, v = (u.repeat_interleave(HEADS // KV_HEADS, 1) for u in (k, v))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        a = norm(a.transpose(1, 2).reshape(batch, time, HIDDEN), "self_attn.attn_sub_norm")
        x = x + linear([p + "self_attn.o_proj"], a)[0]
        h = norm(x, "post_attention_layernorm")
        gate, up = linear([p + "mlp.gate_proj", p + "mlp.up_proj"], h)
        f = norm(F.relu(gate).square() * up, "mlp.ffn_sub_norm")
        x = x + linear([p + "mlp.down_proj"], f)[0]
    return F.linear(rms_norm(x, tensors["model.norm.weight"]), tensors["model.embed_tokens.weight"])


class Trainee(nn.Module):
    """Float master weights by checkpoint name; `kind` names the quantiser of the forward pass."""

    def __init__(self, kind, seed):
        super().__init__()
        self.quantiser = QUANTISERS[kind]
        gen = torch.Generator().manual_seed(seed)
        tensors = {"model.embed_tokens.weight": torch.randn(CONFIG["vocab_size"], HIDDEN, generator=gen) * 0.06,
                   "model.norm.weight": torch.ones(HIDDEN)}
        for layer in range(CONFIG["num_hidden_layers"]):
            for name, (rows, cols) in LINEARS.items():
                weight = torch.randn(rows, cols, generator=gen) / math.sqrt(cols)
                tensors[f"model.layers.{layer}.{name}.weight"] = weight
            for name, size in NORMS.items():
                tensors[f"model.layers.{layer}.{name}.weight"] = torch.ones(size)
        self.names = list(tensors)
        self.values = nn.ParameterList(nn.Parameter(tensors[n]) for n in self.names)

    def tensors(self):
        return dict(zip(self.names, self.values))

    def forward(self, tokens):
        tensors = self.tensors()
        quantiser = self.quantiser

        def scaled(weight):
            t, scale = quantiser(weight)
            return t * scale

        def linear(names, x):
            weights = [tensors[n + ".weight"] for n in names]
            if quantiser is not None:
                x = StraightThrough.apply(x, act_quant)
                weights = [StraightThrough.apply(w, scaled) for w in weights]
            y = F.linear(x, torch.cat(weights) if len(weights) > 1 else weights[0])
            return y.split([w.shape[0] for w in weights], -1)

        return forward(tokens, tensors, linear)
