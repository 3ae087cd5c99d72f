"""``videoreid find``: where is this person in the recordings?"""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._gallery_options import (
    add_making_arguments,
    add_videos,
    open_gallery,
    rules_of,
    sources_of,
    time_of,
)
from videoreid.errors import ConfigError, FrameError

if TYPE_CHECKING:
    import numpy as np

    from videoreid.retrieval import Answer, Gallery

__all__ = ["HELP", "add_arguments", "run"]

HELP = "find a person in recordings, by a picture, a box or a tracklet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "gallery",
        nargs="?",
        default="videoreid_index",
        metavar="DIR",
        help="gallery (default: videoreid_index)",
    )
    parser.add_argument("--videos", nargs="+", metavar="VIDEO", help="index these recordings first")
    asked = parser.add_argument_group("whom to find")
    asked.add_argument("--image", help="a photograph; the detector finds the person in it")
    asked.add_argument("--person", type=int, metavar="N", help="which person of the photograph")
    asked.add_argument("--crop", action="store_true", help="the picture is nothing but the person")
    asked.add_argument("--video", help="a recording, with --frame and --box")
    asked.add_argument("--frame", type=int, metavar="N", help="number of the frame, from 0")
    asked.add_argument("--box", metavar="X,Y,W,H", help="left, top, width, height in pixels")
    asked.add_argument("--tracklet", metavar="KEY", help="a tracklet of the gallery")
    where = parser.add_argument_group("where to look, and what to show")
    where.add_argument("--camera", action="append", metavar="NAME", help="search here only; may be repeated")
    where.add_argument("--from", dest="since", metavar="TIME", help="such as 2024-05-01T08:00")
    where.add_argument("--to", dest="until", metavar="TIME")
    where.add_argument("--top", type=int, default=10, metavar="K", help="answers at most (default 10)")
    where.add_argument("--threshold", type=float, help="largest cosine distance")
    where.add_argument("--json", action="store_true", help="print a JSON list")
    where.add_argument("--page", metavar="FILE", help="write an HTML page (with --videos: DIR/answer.html)")
    add_making_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search and answer; return 0, or 1 if one of several recordings could not be indexed."""
    from videoreid.retrieval import Gallery
    from videoreid.utils import setup_logging

    setup_logging()
    _check(args)
    if args.tracklet and not args.videos:
        gallery = Gallery.open(args.gallery)
        answer, asked = (
            _ask(args, gallery, gallery.embedding(args.tracklet)),
            gallery.thumbnails(args.tracklet),
        )
        return _show(args, gallery, answer, asked)
    sources = sources_of(args, args.videos or [])
    gallery, extractor, detector = open_gallery(args, create=bool(args.videos))
    crop = None if args.tracklet else _query_crop(args, detector)  # an error before the work
    failed = add_videos(gallery, extractor, sources, rules_of(args, detector))
    if crop is None:
        vector, asked = gallery.embedding(args.tracklet), gallery.thumbnails(args.tracklet)
    else:
        vector, asked = extractor([crop])[0].cpu().numpy(), (_jpeg(crop),)
    return max(_show(args, gallery, _ask(args, gallery, vector), asked), int(failed > 0))


def _check(args: argparse.Namespace) -> None:
    given = [name for name in ("image", "video", "tracklet") if getattr(args, name)]
    if len(given) != 1:
        raise ConfigError(
            "say whom to find: --image P.jpg, --video V --frame N --box X,Y,W,H, or --tracklet KEY"
        )
    if args.video and (args.frame is None or args.box is None):
        raise ConfigError("--video needs --frame N and --box X,Y,W,H")
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}: ask for one answer or more")


def _query_crop(args: argparse.Namespace, detector: str) -> "np.ndarray":
    from videoreid.data import FrameReader
    from videoreid.data.keys import video_key
    from videoreid.indexing import crop_of_box, person_of_picture

    if args.video:
        try:
            box = [float(part) for part in args.box.split(",")]
        except ValueError as error:
            raise ConfigError(f"--box is four numbers, left,top,width,height; got {args.box!r}") from error
        return crop_of_box(FrameReader().read([video_key(args.video, args.frame)])[0], box)
    if not Path(args.image).is_file():
        raise FrameError(f"no picture {args.image}")
    image = FrameReader().read([args.image])[0]
    return image if args.crop else person_of_picture(image, detector, person=args.person)


def _ask(args: argparse.Namespace, gallery: "Gallery", vector: "np.ndarray") -> "Answer":
    return gallery.search(
        vector,
        top=args.top,
        cameras=args.camera,
        since=time_of(args.since) if args.since else None,
        until=time_of(args.until) if args.until else None,
        threshold=math.inf if args.threshold is None else args.threshold,
    )


def _show(args: argparse.Namespace, gallery: "Gallery", answer: "Answer", asked: tuple[bytes, ...]) -> int:
    page = args.page or (str(Path(args.gallery) / "answer.html") if args.videos else None)
    print(answer.to_json() if args.json else answer)
    if not len(answer) and not args.json:
        print("nobody is near enough" if answer.searched else "nobody was recorded there")
    if page is not None:
        _write_page(Path(page), gallery, answer, asked)
        print(f"wrote {page}", file=sys.stderr)
    return 0


def _write_page(path: Path, gallery: "Gallery", answer: "Answer", asked: tuple[bytes, ...]) -> None:
    from videoreid.visual import AnswerRow, write_answer_html

    rows = []
    for match in answer:
        when = f"{match.start:.1f} s" if match.clock_start is None else match.clock_start.isoformat(" ")[:19]
        link = f"{Path(match.recording).as_uri()}#t={match.start:.1f}"
        text = (
            f"camera {match.camera}, {when}, for {match.end - match.start:.1f} s",
            f"distance {match.distance:.3f}",
            f"{match.key}: {match.recording} from second {match.start:.1f} (frame {match.first_frame})",
        )
        rows.append(AnswerRow(text, gallery.thumbnails(match.key), link))
    note = f"{answer.searched} tracklets were compared, by the model {gallery.fingerprint}."
    write_answer_html(path, rows, asked=asked, note=note)


def _jpeg(crop: "np.ndarray") -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1].tobytes())
