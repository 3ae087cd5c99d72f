"""Building of galleries from recordings and datasets, and the crop of a query from a photograph."""

from videoreid.indexing.estimates import WorkEstimate, estimate_work
from videoreid.indexing.fingerprints import file_digest, model_fingerprint
from videoreid.indexing.labelled import index_dataset
from videoreid.indexing.photographs import NoPersonError, SeveralPersonsError, crop_of_box, person_of_picture
from videoreid.indexing.recordings import IndexRules, index_recording

__all__ = [
    "IndexRules",
    "NoPersonError",
    "SeveralPersonsError",
    "WorkEstimate",
    "crop_of_box",
    "estimate_work",
    "file_digest",
    "index_dataset",
    "index_recording",
    "model_fingerprint",
    "person_of_picture",
]
