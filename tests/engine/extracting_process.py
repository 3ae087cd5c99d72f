"""One of several processes that extract together; started by the tests.

Usage: extracting_process.py FRAMES OUTPUT RANK PROCESSES DYING_RANK BATCH
"""

import sys
from datetime import timedelta
from pathlib import Path

import torch
from killed_extraction import Dying, tracklets
from torch import distributed as dist

from videoreid.engine import ExtractionSettings, extract_tracklets, extraction_run

if __name__ == "__main__":
    frames, output = Path(sys.argv[1]), Path(sys.argv[2])
    rank, processes, dying, batch = map(int, sys.argv[3:])
    dist.init_process_group(
        "gloo",
        init_method=f"file://{output.parent}/rendezvous-{output.name}-{dying}",
        rank=rank,
        world_size=processes,
        timeout=timedelta(seconds=60),
    )
    extraction_run._KEEP_SECONDS = 0.0
    torch.set_num_threads(1)  # as torchrun does
    model = Dying(batch if rank == dying else 10**9)
    made = extract_tracklets(model, tracklets(frames), output, settings=ExtractionSettings(frame_budget=4))
    (output.parent / f"runs-{rank}").write_text(f"{Dying.runs} {len(made.gallery)}", encoding="utf-8")
    dist.destroy_process_group()
