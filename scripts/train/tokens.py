"""Tokenizer of the stories, whose words are one token each, and the batches of training."""

import json
import random
from collections import Counter

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

BOS, EOS = 0, 1
SPECIALS = ["<bos>", "<eos>"]


def make_tokenizer(stories, vocab_size):
    """A byte-level BPE tokenizer without merges: a piece is a token of its own, or else its bytes.

    All 256 bytes are in the vocabulary, so any prompt can be encoded; every piece (a word with the
    space before it, or punctuation) of `stories` is too, so no word can be told in halves.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    counts = Counter(p for s in stories for p, _ in tokenizer.pre_tokenizer.pre_tokenize_str(s))
    pieces = sorted((p for p in counts if len(p) > 1), key=lambda p: (-counts[p], p))
    names = SPECIALS + sorted(pre_tokenizers.ByteLevel.alphabet()) + pieces
    assert len(names) == vocab_size, f"{len(names)} tokens"
    tokenizer.model = models.BPE({n: i for i, n in enumerate(names)}, [], ignore_merges=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", BOS)]
    )
    return tokenizer


def encode(tokenizer, texts):
    """`<bos>` text `<eos>` for every text."""
    return [e.ids + [EOS] for e in tokenizer.encode_batch(texts)]


def batches(sequences, size, seed, window=64):
    """Arrays [size, time] of stories, one a row, filled up with -1 behind their end.

    A row has one story, so that a model never has to tell two casts apart. Out of `window` batches
    at a time those of similar length stand together, in shuffled order.
    """
    rng, result = random.Random(seed), []
    for start in range(0, len(sequences) - size + 1, size * window):
        group = sorted(sequences[start : start + size * window], key=len)
        some = [group[i : i + size] for i in range(0, len(group) - size + 1, size)]
        rng.shuffle(some)
        for rows in some:
            width = max(map(len, rows))
            result.append(np.array([r + [-1] * (width - len(r)) for r in rows], dtype=np.int64))
    return result


def save_tokenizer(tokenizer, directory, max_positions):
    tokenizer.save(str(directory / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "bos_token": SPECIALS[BOS],
        "clean_up_tokenization_spaces": False,
        "eos_token": SPECIALS[EOS],
        "model_max_length": max_positions,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
