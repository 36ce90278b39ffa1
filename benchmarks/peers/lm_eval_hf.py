"""lm-eval's hf model on the embedded weights: the same prompts, greedy, batches of 128."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    items = int(sys.argv[1])
    folder = ROOT / "flywheel" / "tiny" / "weights"
    model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=128)
    with open(sys.argv[2]) as file:
        prompts = [json.loads(line) for line in file][:items]
    texts = [
        model.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    wanted = {"until": ["<|im_end|>"], "max_gen_toks": 48, "do_sample": False}
    requests = [Instance("generate_until", {}, (text, wanted), n) for n, text in enumerate(texts)]
    model.generate_until(requests[:8], disable_tqdm=True)
    start = time.process_time()
    model.generate_until(requests, disable_tqdm=True)
    print(json.dumps({"per_cpu_second": items / (time.process_time() - start)}))


main()
