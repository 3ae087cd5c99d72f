"""Score one network by every clip rule, with features before and after the neck.

Hyper-parameters: none; the clip length is that of the network, or --frames; clips of a tracklet are averaged.
Command: python examples/evaluate_clips.py --model sinet --weights mars --root /data --dataset mars
Published: AP3D, SINet and the bag of tricks use features after the neck, TransReID, CLIP-ReID and TF-CLIP those before
    it; TF-CLIP tests all clips of 8 consecutive frames, SINet all strided clips of 4; in training all test one clip.
"""

from pathlib import Path

from recipe import backbone_of, open_dataset, open_test, parse, size_of

from videoreid.engine import evaluate
from videoreid.models import BeforeNeck, build_model

RULES = {
    "evenly": "one clip, equally spaced",
    "rrs_first": "one clip, the first frame of each chunk (RRS)",
    "dense": "every frame, clips of neighbours",
    "all_strided_repeated": "every frame, strided clips",
}

if __name__ == "__main__":
    args = parse(
        __doc__,
        model="sinet",
        weights="",
        frames=0,
        num_classes=625,
        batch_size=8,
        preset="basic",
        device="cpu",
    )
    splits = open_dataset(args)
    size = size_of(args, (256, 128))
    model = build_model(
        args.model,
        args.num_classes,
        pretrained=Path(args.weights) if Path(args.weights).is_file() else args.weights or False,
        **backbone_of(args),
        **size,
    ).eval()
    args.frames = args.frames or model.frames or 4
    print(f"{'clips':46}{'features':>10}{'mAP':>8}{'Rank-1':>8}")
    lines = []
    for rule, meaning in RULES.items():
        reading = {"preset": args.preset, "test_sampling": rule}
        query, gallery = (open_test(args, part, reading) for part in (splits.query, splits.gallery))
        for features, network in (("after", model), ("before", BeforeNeck(model).eval())):
            ranking = evaluate(
                network,
                query,
                gallery,
                device=args.device,
                protocol=splits.protocol,
                dataset=splits.name,
                details={"features": f"{features} the neck, mean over clips"},
                progress=False,
            )
            scores = f"{ranking.mean_average_precision:8.1%}{ranking.rank(1):8.1%}"
            print(f"{meaning:46}{features:>10}{scores}", flush=True)
            lines.append(ranking.protocol_line)
    print(*lines, sep="\n")
