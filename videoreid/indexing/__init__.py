"""From recordings and photographs to a gallery: detect, track, embed, add; and the query picture."""

from videoreid.indexing.fingerprints import file_digest, model_fingerprint
from videoreid.indexing.photographs import NoPersonError, SeveralPersonsError, crop_of_box, person_of_picture
from videoreid.indexing.recordings import IndexRules, index_recording

__all__ = [
    "IndexRules",
    "NoPersonError",
    "SeveralPersonsError",
    "crop_of_box",
    "file_digest",
    "index_recording",
    "model_fingerprint",
    "person_of_picture",
]
