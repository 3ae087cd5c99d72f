"""Encoded pictures to pixels, as every reader of this floor does it; see `videoreid.utils.pictures`."""

from videoreid.utils.pictures import check_picture, decode_frame, read_bytes

__all__ = ["check_picture", "decode_frame", "read_bytes"]
