"""Readers that several datasets share: MATLAB files, frame names, folders, CSV tables, splits."""
