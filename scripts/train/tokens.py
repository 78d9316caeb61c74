"""Byte-level BPE tokenizer of the stories and the packing of stories into training rows."""

import json

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BOS, EOS = 0, 1
SPECIALS = ["<bos>", "<eos>"]


def train_tokenizer(stories, vocab_size):
    """All 256 bytes are in the vocabulary, so any prompt can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        stories,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=SPECIALS,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    assert tokenizer.get_vocab_size() == vocab_size, tokenizer.get_vocab_size()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", BOS)]
    )
    return tokenizer


def encode(tokenizer, texts):
    """`<bos>` text `<eos>` for every text."""
    return [e.ids + [EOS] for e in tokenizer.encode_batch(texts)]


def pack(sequences, length):
    """Rows [n, length + 1]: whole stories one after the other, each row starting at a `<bos>`.

    The last story of a row is cut; every position up to `length` is trained, and position 0 is
    always what it is at inference.
    """
    rows, row = [], []
    for ids in sequences:
        row.extend(ids)
        if len(row) > length:
            rows.append(row[: length + 1])
            row = []
    return np.array(rows, dtype=np.int64)


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
