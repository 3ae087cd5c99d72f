"""Vision transformers: the blocks and trunks that TransReID, CAViT, CLIP-ReID, TF-CLIP and SOLIDER are built from."""
