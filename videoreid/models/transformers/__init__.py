"""Blocks and trunks of the vision transformers (TransReID, PASS, CAViT, CLIP-ReID, TF-CLIP, SOLIDER)."""
