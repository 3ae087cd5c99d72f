"""``videoreid find``: find a person in recordings."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._gallery_options import (
    add_making_arguments,
    open_gallery,
    rules_of,
    sources_of,
    time_of,
)
from videoreid.errors import ConfigError, FrameError

if TYPE_CHECKING:
    import numpy as np

    from videoreid.retrieval import Gallery

__all__ = ["HELP", "add_arguments", "run"]

HELP = "find a person in recordings by a picture, a box or a tracklet"
_ASKED = ("image", "person", "crop", "video", "frame", "box", "tracklet")  # fields of the log of searches
_WHERE = ("camera", "since", "until", "top", "threshold")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "gallery",
        nargs="?",
        default="videoreid_index",
        metavar="DIR",
        help="folder of the gallery (default: videoreid_index)",
    )
    parser.add_argument("--videos", nargs="+", metavar="VIDEO", help="index these recordings first")
    asked = parser.add_argument_group("query")
    asked.add_argument("--image", help="a photograph, in which the detector finds the person")
    asked.add_argument("--person", type=int, metavar="N", help="number of the person in the photograph")
    asked.add_argument("--crop", action="store_true", help="the picture is a crop of the person")
    asked.add_argument("--video", help="a recording; needs --frame and --box")
    asked.add_argument("--frame", type=int, metavar="N", help="number of the frame, from 0")
    asked.add_argument("--box", metavar="X,Y,W,H", help="left, top, width, height in pixels")
    asked.add_argument(
        "--tracklet", metavar="KEY", help="key of a tracklet in the gallery, which is not among the answers"
    )
    where = parser.add_argument_group("search and output")
    where.add_argument(
        "--camera", action="append", metavar="NAME", help="search only this camera; may be repeated"
    )
    where.add_argument("--from", dest="since", metavar="TIME", help="earliest time, such as 2024-05-01T08:00")
    where.add_argument("--to", dest="until", metavar="TIME", help="latest time")
    where.add_argument(
        "--top", type=int, default=10, metavar="K", help="largest number of answers (default 10)"
    )
    where.add_argument("--threshold", type=float, help="largest cosine distance")
    where.add_argument("--json", action="store_true", help="print a JSON list")
    where.add_argument("--page", metavar="FILE", help="write an HTML page (with --videos: DIR/answer.html)")
    where.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="append user, query and answers to this file (default: no log)",
    )
    add_making_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search and answer; return 0, or 1 if one of several recordings could not be indexed."""
    from videoreid.cli._indexing import add_videos
    from videoreid.retrieval import Gallery
    from videoreid.utils import setup_logging

    setup_logging()
    _check(args)
    if args.tracklet and not args.videos:
        gallery = Gallery.open(args.gallery)
        return _answer(args, gallery, gallery.embedding(args.tracklet), gallery.thumbnails(args.tracklet))
    sources = sources_of(args, args.videos or [])
    opened = open_gallery(args, create=bool(args.videos))
    crop = (
        None if args.tracklet else _query_crop(args, opened.detector)
    )  # reports errors before the long work
    failed = 0
    if sources:
        failed = add_videos(opened, sources, rules_of(args, opened.detector), workers=args.workers)
    gallery = Gallery.open(args.gallery)
    if crop is None:
        vector, asked = gallery.embedding(args.tracklet), gallery.thumbnails(args.tracklet)
    else:
        vector, asked = opened.encoder([crop])[0].cpu().numpy(), (_jpeg(crop),)
    return max(_answer(args, gallery, vector, asked), int(failed > 0))


def _check(args: argparse.Namespace) -> None:
    given = [name for name in ("image", "video", "tracklet") if getattr(args, name)]
    if len(given) != 1:
        raise ConfigError("give a query: --image P.jpg, --video V --frame N --box X,Y,W,H, or --tracklet KEY")
    if args.video and (args.frame is None or args.box is None):
        raise ConfigError("--video needs --frame N and --box X,Y,W,H")
    if args.top < 1:
        raise ConfigError(f"--top must be 1 or more, got {args.top}")


def _query_crop(args: argparse.Namespace, detector: str) -> "np.ndarray":
    from videoreid.data import FrameReader
    from videoreid.data.keys import video_key
    from videoreid.indexing import crop_of_box, person_of_picture

    if args.video:
        try:
            box = [float(part) for part in args.box.split(",")]
        except ValueError as error:
            raise ConfigError(
                f"--box must be four numbers, left,top,width,height; got {args.box!r}"
            ) from error
        return crop_of_box(FrameReader().read([video_key(args.video, args.frame)])[0], box)
    if not Path(args.image).is_file():
        raise FrameError(f"no picture {args.image}")
    image = FrameReader().read([args.image])[0]
    return image if args.crop else person_of_picture(image, detector, person=args.person)


def _answer(
    args: argparse.Namespace, gallery: "Gallery", vector: "np.ndarray", asked: tuple[bytes, ...]
) -> int:
    answer = gallery.search(
        vector,
        top=args.top,
        cameras=args.camera,
        since=time_of(args.since) if args.since else None,
        until=time_of(args.until) if args.until else None,
        threshold=math.inf if args.threshold is None else args.threshold,
        without=[args.tracklet] if args.tracklet else [],  # it is nearest to itself, which nobody asks
    )
    if args.log is not None:
        from videoreid.retrieval import log_question

        log_question(  # before the answer is printed
            args.log,
            args.gallery,
            asked={name: getattr(args, name) for name in _ASKED},
            where={name: getattr(args, name) for name in _WHERE},
            answers=[(match.key, match.distance) for match in answer],
        )
    print(answer.to_json() if args.json else answer)
    if not len(answer) and not args.json:
        print("no tracklet is near enough" if answer.searched else "no tracklet was recorded there")
    page = args.page or (str(Path(args.gallery) / "answer.html") if args.videos else None)
    if page is not None:
        from videoreid.cli._answer_page import write_answer_page

        write_answer_page(Path(page), gallery, answer, asked=asked, query=_query_name(args))
        print(f"wrote {page}", file=sys.stderr)
    return 0


def _query_name(args: argparse.Namespace) -> str:
    """Return the name of the query: the key of a tracklet, or the picture."""
    if args.tracklet:
        return str(args.tracklet)
    if args.video:
        return f"{args.video}::frame={args.frame}&box={args.box}"
    return f"{args.image}#{args.person}" if args.person else str(args.image)


def _jpeg(crop: "np.ndarray") -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1].tobytes())
