"""Decoding of image files, as every reader of `videoreid.data` uses it; see `videoreid.utils.pictures`."""

from videoreid.utils.pictures import check_picture, decode_frame, read_bytes

__all__ = ["check_picture", "decode_frame", "read_bytes"]
