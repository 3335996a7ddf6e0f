"""A small, smooth classifier of images of 8 by 8 pixels, whose features Fréchet distances are taken in."""

from __future__ import annotations

from torch import Tensor, nn

FEATURES = 32


class Classifier(nn.Module):
    """Image to features and class scores, with SiLU and strided convolutions only.

    Examples
    --------
    >>> import torch
    >>> features, logits = Classifier()(torch.zeros(5, 1, 8, 8))
    >>> features.shape, logits.shape
    (torch.Size([5, 32]), torch.Size([5, 10]))
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(24, 32, 2, stride=2),
            nn.SiLU(),
            nn.Conv2d(32, 48, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(48, 48, 2, stride=2),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(4 * 48, FEATURES),
            nn.Tanh(),
        )
        self.head = nn.Linear(FEATURES, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and class scores.

        Parameters
        ----------
        x : Tensor, shape (n, 1, 8, 8) or (n, 64)
            Images with pixels in about [-1, 1].

        Returns
        -------
        features : Tensor, shape (n, 32)
            Each in (-1, 1).
        logits : Tensor, shape (n, 10)

        Examples
        --------
        >>> import torch
        >>> features, _ = Classifier()(torch.ones(2, 64))
        >>> bool((features[0] == features[1]).all())
        True
        """
        features: Tensor = self.body(x.reshape(-1, 1, 8, 8))
        return features, self.head(features)
