"""What several dataset files share: MATLAB files, frame names, folders, CSV tables, splits."""
