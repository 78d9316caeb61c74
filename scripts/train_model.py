#!/usr/bin/env python3
"""Makes the story models in gen/models: text, tokenizer, training, checkpoints, evaluation.

    python3 scripts/train_model.py all                  # everything; two processes of one thread
    python3 scripts/train_model.py ternary|sherry|float # one model
    python3 scripts/train_model.py --sparsity 3:4       # the same as `sherry`

Needs torch, numpy, tokenizers and safetensors. Nobody has to run it in order to use the project: its
results are in git. One CPU thread a model, so that the same versions give the same bits whatever
the machine's load.
"""

import argparse
import json
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
SEEDS = {"train_text": 20260101, "held_out_text": 20260102, "init": 1}
POSITIONS = model.CONFIG["max_position_embeddings"]
BATCH = 4
STEPS = 2000
MUON_LR, ADAM_LR = 0.02, 4e-3
HELD_OUT = 400  # stories of the held-out perplexity in training.json
SHIPPED, SHIPPED_BYTES = 40, 24_000  # stories of heldout.txt


def text(steps):
    """(training stories, held-out stories): different seeds, and no story in both."""
    # A row of 257 tokens uses up at most two stories.
    train = stories.corpus(SEEDS["train_text"], 2 * steps * BATCH + 64)
    known = set(train)
    held_out = [s for s in stories.corpus(SEEDS["held_out_text"], HELD_OUT + 50) if s not in known]
    return train, held_out[:HELD_OUT]


def schedule(step, steps):
    """Warm-up over 15 steps, constant, then linear to zero over the last 60 %."""
    return min(1.0, (step + 1) / 15) * min(1.0, (steps - step) / (0.6 * steps))


def train(kind, rows, steps):
    trainee = model.Trainee(kind, SEEDS["init"])
    matrices = [v for n, v in trainee.tensors().items() if n.endswith("_proj.weight")]
    others = [v for n, v in trainee.tensors().items() if not n.endswith("_proj.weight")]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.95), weight_decay=0.0)
    start, losses = time.time(), []
    for step in range(steps):
        batch = rows[step * BATCH : (step + 1) * BATCH]
        logits = trainee(batch[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        trainee.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
        factor = schedule(step, steps)
        adam.param_groups[0]["lr"] = ADAM_LR * factor
        adam.step()
        muon.step(MUON_LR * factor, decay=0.0)
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


def evaluate_saved(directory, tokenizer, held_out):
    """Writes heldout.txt, heldout.json and reference.json; returns the perplexity on all held-out text."""
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
    return checkpoint.perplexity(*checkpoint.line_losses(reference.logits, encoded, POSITIONS))


def run_one(kind, steps, out):
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.manual_seed(SEEDS["init"])
    train_text, held_out = text(steps)
    # The tokenizer sees the first stories only: more changes no merge that matters.
    tokenizer = tokens.train_tokenizer(train_text[:4000], model.CONFIG["vocab_size"])
    rows = torch.from_numpy(tokens.pack(tokens.encode(tokenizer, train_text), POSITIONS))
    start = time.time()
    trainee = train(kind, rows, steps)
    seconds = time.time() - start
    report = {
        "kind": kind,
        "seeds": SEEDS,
        "steps": steps,
        "tokens": steps * BATCH * POSITIONS,
        "parameters": sum(p.numel() for p in trainee.parameters()),
        "torch": torch.__version__,
        "seconds": round(seconds, 1),
        "held_out_stories": len(held_out),
    }
    if kind == "float":
        encoded = tokens.encode(tokenizer, held_out)
        losses = checkpoint.line_losses(trainee, encoded, POSITIONS)
        shipped = len(shipped_lines(held_out))
        report["held_out_perplexity"] = checkpoint.perplexity(*losses)
        report["heldout_txt_perplexity"] = checkpoint.perplexity(*(v[:shipped] for v in losses))
        checkpoint.write_json(out / "float-twin.json", report)
    else:
        directory = out / DIRECTORIES[kind]
        checkpoint.save(trainee, tokenizer, directory)
        report["held_out_perplexity"] = evaluate_saved(directory, tokenizer, held_out)
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
