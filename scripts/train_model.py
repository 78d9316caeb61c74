#!/usr/bin/env python3
"""Makes the story models in gen/models: text, tokenizer, training, checkpoints, evaluation.

    python3 scripts/train_model.py all                  # everything; two processes of one thread
    python3 scripts/train_model.py ternary|sherry|float # one model
    python3 scripts/train_model.py --sparsity 3:4       # the same as `sherry`

Needs torch, numpy, tokenizers and safetensors. Nobody has to run it in order to use the project: its
results are in git. A step takes 0.33 s of one core, so that `all` takes about 15 minutes on two idle ones.
One CPU thread a model, so that the same versions give the same bits whatever the machine's load.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
from train import checkpoint, model, stories, tokens  # noqa: E402
from train.optim import Muon  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DIRECTORIES = {"ternary": "tale", "sherry": "tale-sherry"}
SEEDS = {"train_text": 20260101, "held_out_text": 20260102, "init": 1, "samples": 1}
POSITIONS = model.CONFIG["max_position_embeddings"]
BATCH = 8  # stories, about 100 tokens each
STEPS = 1000
# At a Muon rate of 0.02 the 3:4 model took twice the steps to the same loss; 0.01 stood between.
MUON_LR, MUON_DECAY, ADAM_LR = 0.005, 0.1, 4e-3
HELD_OUT = 400  # stories of the held-out perplexity in training.json
SAMPLES, TOP_K = 25, 8  # texts generated in order to count whole stories, greedily and drawn
SHIPPED, SHIPPED_BYTES = 40, 24_000  # stories of heldout.txt


def text(steps):
    """(training stories, held-out stories): different seeds, and no story in both."""
    train = stories.corpus(SEEDS["train_text"], steps * BATCH)
    known = set(train)
    held_out = [s for s in stories.corpus(SEEDS["held_out_text"], HELD_OUT + 50) if s not in known]
    return train, held_out[:HELD_OUT]


def schedule(step, steps):
    """Warm-up over 15 steps, constant, then linear to zero over the last 60 %."""
    return min(1.0, (step + 1) / 15) * min(1.0, (steps - step) / (0.6 * steps))


def train(kind, batches):
    trainee = model.Trainee(kind, SEEDS["init"])
    matrices = [v for n, v in trainee.tensors().items() if n.endswith("_proj.weight")]
    others = [v for n, v in trainee.tensors().items() if not n.endswith("_proj.weight")]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.95), weight_decay=0.0)
    start, losses, steps = time.time(), [], len(batches)
    for step, batch in enumerate(map(torch.from_numpy, batches)):
        logits = trainee(batch[:, :-1].clamp(min=0))
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=-1)
        trainee.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
        factor = schedule(step, steps)
        adam.param_groups[0]["lr"] = ADAM_LR * factor
        adam.step()
        muon.step(MUON_LR * factor, MUON_DECAY)
        losses.append(loss.item())
        if (step + 1) % 20 == 0:
            print(f"{kind} step {step + 1}/{steps} loss {np.mean(losses[-20:]):.4f} "
                  f"{time.time() - start:.0f} s", flush=True)
    return trainee


def shipped_lines(held_out):
    lines, size = [], 0
    for story in held_out[:SHIPPED]:
        size += len(story) + 1
        if size > SHIPPED_BYTES:
            break
        lines.append(story)
    return lines


def whole_stories(logits, tokenizer, held_out):
    """How many texts begun with 4 to 12 words of held-out stories become whole stories of the grammar."""
    report = {}
    for name, top_k in ("greedy", 1), (f"top_{TOP_K}", TOP_K):
        prompts = checkpoint.prompts(held_out[:SAMPLES])
        texts = checkpoint.complete(logits, tokenizer, prompts, top_k, SEEDS["samples"], POSITIONS)
        faults = [f for f in map(stories.faults, texts) if f]
        report[name] = {"texts": len(texts), "whole": len(texts) - len(faults), "faults": faults,
                        "first": texts[:4]}
    return report


def evaluate_saved(directory, tokenizer, held_out):
    """Writes heldout.txt, heldout.json and reference.json; returns perplexity and samples on held-out text."""
    reference = checkpoint.Reference(directory)
    encoded = tokens.encode(tokenizer, held_out)
    lines = shipped_lines(held_out)
    (directory / "heldout.txt").write_text("\n".join(lines) + "\n")
    sums, counts = checkpoint.line_losses(reference.logits, encoded[: len(lines)], POSITIONS)
    checkpoint.write_json(directory / "heldout.json", {
        "definition": "each line of heldout.txt: <bos> + tokens + <eos>, cut to 256 tokens; "
                      "perplexity = exp(sum of nll / number of predicted tokens), natural log, "
                      "float32 forward, int8 activations",
        "perplexity": checkpoint.perplexity(sums, counts),
        "predicted_tokens": sum(counts),
        "line_nll_sums": sums,
        "line_predicted_tokens": counts,
    })
    cases = checkpoint.clean_cases(reference, tokenizer, held_out, 3, 24)
    checkpoint.write_json(directory / "reference.json", {"cases": cases})
    losses = checkpoint.line_losses(reference.logits, encoded, POSITIONS)
    return {"held_out_perplexity": checkpoint.perplexity(*losses),
            "samples": whole_stories(reference.logits, tokenizer, held_out)}


def run_one(kind, steps, out):
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.manual_seed(SEEDS["init"])
    train_text, held_out = text(steps)
    # 4000 stories have all words.
    tokenizer = tokens.make_tokenizer(stories.corpus(SEEDS["train_text"], 4000), model.CONFIG["vocab_size"])
    encoded = tokens.encode(tokenizer, train_text)
    batches = tokens.batches(encoded, BATCH, SEEDS["train_text"])
    start = time.time()
    trainee = train(kind, batches)
    seconds = time.time() - start
    predicted = sum(len(ids) - 1 for ids in encoded)
    report = {
        "kind": kind,
        "seeds": SEEDS,
        "steps": steps,
        "tokens": predicted,
        "parameters": sum(p.numel() for p in trainee.parameters()),
        "torch": torch.__version__,
        "seconds": round(seconds, 1),
        "held_out_stories": len(held_out),
        # The perplexity of a reader who knows the grammar: no model can do better.
        "grammar_perplexity": math.exp(stories.entropy() * len(encoded) / predicted),
    }
    if kind == "float":
        encoded = tokens.encode(tokenizer, held_out)
        losses = checkpoint.line_losses(trainee, encoded, POSITIONS)
        shipped = len(shipped_lines(held_out))
        report["held_out_perplexity"] = checkpoint.perplexity(*losses)
        report["heldout_txt_perplexity"] = checkpoint.perplexity(*(v[:shipped] for v in losses))
        report["samples"] = whole_stories(trainee, tokenizer, held_out)
        checkpoint.write_json(out / "float-twin.json", report)
    else:
        directory = out / DIRECTORIES[kind]
        checkpoint.save(trainee, tokenizer, directory)
        report.update(evaluate_saved(directory, tokenizer, held_out))
        checkpoint.write_json(directory / "training.json", report)
    print(f"{kind}: held-out perplexity {report['held_out_perplexity']:.4f}, {seconds:.0f} s", flush=True)


def run_all(steps, out):
    """Two processes, one a core: the float twin follows whichever model ends first."""
    def start(kind):
        return subprocess.Popen([sys.executable, __file__, kind, "--steps", str(steps), "--out", str(out)])

    running = [start("ternary"), start("sherry")]
    while all(p.poll() is None for p in running):
        time.sleep(1)
    running.append(start("float"))
    if any(p.wait() for p in running):
        sys.exit("a training process failed")
    compare(out)


def compare(out):
    """Puts the perplexities of all three models into both directories' training.json."""
    reports = {"float": json.loads((out / "float-twin.json").read_text())}
    for kind, name in DIRECTORIES.items():
        reports[kind] = json.loads((out / name / "training.json").read_text())
    twin = reports["float"]
    for kind, name in DIRECTORIES.items():
        report = reports[kind]
        report["float_twin"] = twin
        report["held_out_perplexity_of"] = {k: v["held_out_perplexity"] for k, v in reports.items()}
        report["ratio_to_float_twin"] = report["held_out_perplexity"] / twin["held_out_perplexity"]
        checkpoint.write_json(out / name / "training.json", report)
    (out / "float-twin.json").unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", nargs="?", default="ternary", choices=["all", *model.QUANTISERS])
    parser.add_argument("--sparsity", choices=["3:4"], help="train the Sherry checkpoint")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=ROOT / "gen" / "models")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.kind == "all":
        run_all(args.steps, args.out)
    else:
        run_one("sherry" if args.sparsity else args.kind, args.steps, args.out)


if __name__ == "__main__":
    main()
