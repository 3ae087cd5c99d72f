"""Draw every sampling rule: which frames of a long and of a short tracklet become clips.

python docs/figures/sampling.py        writes docs/images/sampling_training.png and sampling_evaluation.png
"""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from videoreid.data.sampling import sample_indices

IMAGES = Path(__file__).parents[1] / "images"
T = 4
TRAINING_LENGTHS, EVALUATION_LENGTHS = (70, 3), (38, 3)
DRAWS = 5
TRAINING = [
    "random", "random_crop", "restricted", "shared_offset", "random_interval", "random_interval_published",
    "random_consecutive", "random_consecutive_published", "tricks_random", "tricks_random_published", "intelligent",
]  # fmt: skip
EVALUATION = [
    "evenly", "restricted_first", "begin_crop", "begin_interval", "begin_narrow", "center_crop",
    "all_strided", "all_strided_repeated", "all_continuous",
    "all", "all_full_clips", "dense", "psta_dense", "tricks_dense", "tricks_dense_published", "dense_subset",
    "dense_subset_published",
]  # fmt: skip


def clips_of(rule: str, length: int, *, draws: int) -> np.ndarray:
    """Return one row a clip: several draws of a random rule, or all clips of one tracklet."""
    if draws > 1:
        return np.concatenate(
            [sample_indices(rule, length, T, np.random.default_rng(seed)) for seed in range(draws)]
        )
    return sample_indices(rule, length, T, np.random.default_rng(1))


def draw(rules: list[str], path: Path, lengths: tuple[int, int], *, draws: int) -> None:
    """Draw a row a rule: the long tracklet on the left, the short one on the right."""
    rows = [[clips_of(rule, length, draws=draws) for length in lengths] for rule in rules]
    heights = [1.1 + max(len(clips) for clips in row) * 0.28 for row in rows]
    figure, axes = plt.subplots(
        len(rules),
        2,
        figsize=(9, sum(heights) * 0.42),
        height_ratios=heights,
        width_ratios=(6, 1),
        squeeze=False,
    )
    colours = plt.get_cmap("tab10")
    for rule, row, pair in zip(rules, rows, axes, strict=True):
        for clips, length, axis in zip(row, lengths, pair, strict=True):
            for number, clip in enumerate(clips):
                seen: dict[int, int] = {}
                for frame in clip.tolist():
                    seen[frame] = seen.get(frame, 0) + 1
                for frame, count in seen.items():
                    axis.plot(frame, number, "s", color=colours(number % 10), markersize=4)
                    if count > 1:  # a frame that is repeated
                        axis.annotate(
                            f"×{count}", (frame, number), (3, 2), textcoords="offset points", fontsize=5
                        )
            axis.set_xlim(-1, length + 0.2)
            axis.set_ylim(max(len(clips) for clips in row) - 0.4, -0.6)
            axis.set_yticks([])
            axis.set_xticks([0, length - 1])
            axis.tick_params(labelsize=6, length=2)
            for side in ("top", "left", "right"):
                axis.spines[side].set_visible(False)
            axis.axvline(0, color="0.85", zorder=0)
            axis.axvline(length - 1, color="0.85", zorder=0)
        pair[0].set_title(rule, fontsize=8, loc="left", family="monospace", pad=2)
    figure.tight_layout(h_pad=0.3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=95, pil_kwargs={"optimize": True})
    plt.close(figure)


if __name__ == "__main__":
    draw(TRAINING, IMAGES / "sampling_training.png", TRAINING_LENGTHS, draws=DRAWS)
    draw(EVALUATION, IMAGES / "sampling_evaluation.png", EVALUATION_LENGTHS, draws=1)
