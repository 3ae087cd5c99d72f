"""CLIP's text encoder with a learnt prompt for each identity, for the first stage of CLIP-ReID."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError, MissingExtraError, WeightsError
from videoreid.models.checkpoint_file import read_state_dict
from videoreid.models.layers.vit_trunk import QuickGELU
from videoreid.models.transformers.clip_names import text_encoder_entries

__all__ = ["IdentityTexts", "identity_texts", "tokenise"]

PROMPT = "A photo of a X X X X person."
_LEARNT = slice(5, 9)  # tokens of the four X, after the start token and "a photo of a"


def _open_clip(purpose: str) -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError("open_clip_torch", "clip", purpose) from error
    return open_clip


def tokenise(texts: list[str]) -> Tensor:
    """Return the tokens ``(N, 77)`` int64 of texts from open_clip's tokenizer.

    Raises:
        MissingExtraError: open_clip is not installed.
    """
    tokens: Tensor = _open_clip("CLIP's tokenizer").tokenize(texts)
    return tokens


class IdentityTexts(nn.Module):
    """A text per training identity: "A photo of a X X X X person.", with learnt embeddings instead of the four X.

    Only the embeddings (``prompts``) are trained; open_clip's text encoder is frozen.

    Args:
        num_classes: number of training identities K.
        width: width of the text encoder's tokens.
        heads: attention heads of the text encoder.
        layers: number of layers of the text encoder.
        projected: width P of the space that images and texts share: 512 for ViT-B/16, 1024 for RN50.

    Raises:
        MissingExtraError: open_clip is not installed.

    Reference:
        Li et al., CLIP-ReID, AAAI 2023, section 3.2.
    """

    prefix: Tensor
    suffix: Tensor
    tokens: Tensor

    def __init__(
        self, num_classes: int, *, width: int = 512, heads: int = 8, layers: int = 12, projected: int = 512
    ) -> None:
        super().__init__()
        transformer = _open_clip("CLIP's text encoder").transformer
        self.encoder = transformer.TextTransformer(
            width=width, heads=heads, layers=layers, output_dim=projected, act_layer=QuickGELU
        )
        for parameter in self.encoder.parameters():
            parameter.requires_grad = False
            parameter.fixed_by_design = True  # read by videoreid.models.freezing
        words = _LEARNT.stop - _LEARNT.start
        self.prompts = nn.Parameter(0.02 * torch.randn(num_classes, words, width))
        self.register_buffer("tokens", tokenise([PROMPT]))
        self.register_buffer("prefix", torch.zeros(1, _LEARNT.start, width))
        self.register_buffer("suffix", torch.zeros(1, self.tokens.shape[1] - _LEARNT.stop, width))
        self.use_own_words()

    @torch.no_grad()
    def use_own_words(self) -> None:
        """Set the embeddings before and after the learnt ones from the encoder's token embeddings."""
        words = self.encoder.token_embedding(self.tokens)
        self.prefix.copy_(words[:, : _LEARNT.start])
        self.suffix.copy_(words[:, _LEARNT.stop :])

    def forward(self, pids: Tensor) -> Tensor:
        """Return the text features ``(N, P)`` of identities ``(N,)`` int64, not normalised.

        Raises:
            ConfigError: an identity without a prompt.
        """
        if (
            pids.device.type == "cpu"
            and len(pids)
            and not 0 <= int(pids.min()) <= int(pids.max()) < len(self.prompts)
        ):
            raise ConfigError(
                f"prompts exist for identities 0..{len(self.prompts) - 1}, got {pids.tolist()[:8]}"
            )
        count = len(pids)
        parts = (self.prefix.expand(count, -1, -1), self.prompts[pids], self.suffix.expand(count, -1, -1))
        words = torch.cat(parts, dim=1) + self.encoder.positional_embedding
        hidden = self.encoder.transformer(words, attn_mask=self.encoder.attn_mask.to(words))
        end = self.encoder.ln_final(hidden)[
            :, int(self.tokens.argmax())
        ]  # the end token has the highest index
        features: Tensor = end @ self.encoder.text_projection
        return features

    @torch.no_grad()
    def all_features(self, batch_size: int = 64) -> Tensor:
        """Return the text features ``(K, P)`` of all identities, on the device of the prompts."""
        pids = torch.arange(len(self.prompts), device=self.prompts.device)
        return torch.cat([self(part) for part in pids.split(batch_size)])

    def load_archive(self, source: str | Path | Mapping[str, Tensor]) -> None:
        """Fill the encoder from a CLIP archive, or encoder and prompts from a CLIP-ReID checkpoint.

        Args:
            source: a file, or a state dict.

        Raises:
            WeightsError: the source cannot be read, or holds no text encoder or one of another shape.
        """
        state = source if isinstance(source, Mapping) else read_state_dict(source)
        text = {name: value.float() for name, value in text_encoder_entries(state).items()}
        learnt = {
            ours: state[f"prompt_learner.{theirs}"]
            for ours, theirs in (
                ("prompts", "cls_ctx"),
                ("prefix", "token_prefix"),
                ("suffix", "token_suffix"),
            )
            if f"prompt_learner.{theirs}" in state
        }
        if learnt:  # such checkpoints do not hold the token embeddings
            text.setdefault("token_embedding.weight", self.encoder.token_embedding.weight.detach())
        try:
            self.encoder.load_state_dict(text)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise WeightsError(f"the text encoder of these weights has another shape: {reason}") from error
        self.use_own_words()
        own = self.state_dict(keep_vars=True)
        with torch.no_grad():
            for name, value in learnt.items():
                if own[name].shape == value.shape:  # prompts for another number of identities are ignored
                    own[name].copy_(value)


def identity_texts(
    num_classes: int, source: str | Path | Mapping[str, Tensor] | None = None, *, projected: int = 512
) -> IdentityTexts:
    """Build the texts of K identities and load CLIP's text encoder.

    Args:
        num_classes: number of training identities K.
        source: archive or state dict of OpenAI or open_clip, the same as for the image encoder; None keeps random
            weights.
        projected: width P of the space that images and texts share: 512 for ViT-B/16, 1024 for RN50.

    Raises:
        MissingExtraError: open_clip is not installed.
        WeightsError: the source cannot be read, or holds no text encoder or one of another shape.
    """
    texts = IdentityTexts(num_classes, projected=projected)
    if source is not None:
        texts.load_archive(source)
    return texts
