"""A small U-Net for images of 8 by 8 pixels: smooth, so that the orders of samplers can be seen on it.

Only SiLU, group normalisation and strided convolutions: infinitely often differentiable in the image and in the
noise signal. ReLU and maximum pooling have kinks, which cap every observed order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ersde_theory import _checks

_GROUPS = 8
_FREQUENCIES = 16
_SLOWEST, _FASTEST = 0.5, 16.0  # radians per unit of c_noise


class UNet(nn.Module):
    """Image and noise signal to an image, optionally given a label.

    Three resolutions, one residual block each on the way down and up, whose skip connections are concatenated. Noise
    signal and label shift and scale the channels of every block.

    Parameters
    ----------
    channels : tuple of three int
        At 8 by 8, 4 by 4 and 2 by 2 pixels; multiples of 8.
    n_labels : int
        Classes; one more embedding stands for "no label" (classifier-free guidance).
    width : int
        Of the embedding of noise signal and label.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive whole number, or no multiple of 8 where it must be.

    Examples
    --------
    >>> network = UNet((8, 8, 8), width=8)
    >>> network(torch.zeros(3, 1, 8, 8), torch.tensor(0.5)).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(self, channels: tuple[int, int, int] = (32, 48, 96), n_labels: int = 10, width: int = 64) -> None:
        super().__init__()
        fine, middle, coarse = (_multiple_of_groups(c) for c in channels)
        self.n_labels = _checks.integer(n_labels, "n_labels", minimum=1)
        width = _checks.integer(width, "width", minimum=1)
        self.embedding = Embedding(width, self.n_labels)
        self.first = nn.Conv2d(1, fine, 3, padding=1)
        self.down_fine = ResidualBlock(fine, fine, width)
        self.to_middle = nn.Conv2d(fine, middle, 2, stride=2)
        self.down_middle = ResidualBlock(middle, middle, width)
        self.to_coarse = nn.Conv2d(middle, coarse, 2, stride=2)
        self.bottom = ResidualBlock(coarse, coarse, width)
        self.from_coarse = nn.ConvTranspose2d(coarse, middle, 2, stride=2)
        self.up_middle = ResidualBlock(2 * middle, middle, width)
        self.from_middle = nn.ConvTranspose2d(middle, fine, 2, stride=2)
        self.up_fine = ResidualBlock(2 * fine, fine, width)
        self.last = nn.Sequential(nn.GroupNorm(_GROUPS, fine), nn.SiLU(), _zeroed(nn.Conv2d(fine, 1, 3, padding=1)))
        for parameter in self.parameters():  # a tenth faster on CPUs
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor, c_noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the network's output.

        Parameters
        ----------
        x : Tensor, shape (n, 1, 8, 8)
            Images, scaled to about unit variance.
        c_noise : float Tensor, shape () or (n,)
            Noise signal; its precision may be higher than that of the weights.
        label : integer Tensor, shape (n,), optional
            Classes 0 … n_labels - 1, or n_labels for none; all none if left out.

        Returns
        -------
        Tensor, shape (n, 1, 8, 8)

        Examples
        --------
        >>> network = UNet((8, 8, 8), width=8)
        >>> x, free = torch.ones(2, 1, 8, 8), torch.tensor([10, 10])
        >>> bool((network(x, torch.zeros(2)) == network(x, torch.zeros(2), free)).all())
        True
        """
        signal = self.embedding(c_noise.reshape(-1), label)
        fine = self.down_fine(self.first(x), signal)
        middle = self.down_middle(self.to_middle(fine), signal)
        coarse = self.bottom(self.to_coarse(middle), signal)
        middle = self.up_middle(torch.cat([self.from_coarse(coarse), middle], dim=1), signal)
        fine = self.up_fine(torch.cat([self.from_middle(middle), fine], dim=1), signal)
        out: Tensor = self.last(fine)
        return out


class Embedding(nn.Module):
    """Noise signal and label to one vector.

    Parameters
    ----------
    width : int
        Length of the vector.
    n_labels : int
        Classes; index n_labels means none.

    Examples
    --------
    >>> Embedding(8, 10)(torch.zeros(3), None).shape
    torch.Size([3, 8])
    """

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.noise = nn.Linear(2 * _FREQUENCIES, width)
        self.labels = nn.Embedding(n_labels + 1, width)
        self.mixed = nn.Linear(width, width)

    def forward(self, c_noise: Tensor, label: Tensor | None) -> Tensor:
        """Return the vectors.

        Parameters
        ----------
        c_noise : Tensor, shape (n,) or (1,)
            Noise signal.
        label : integer Tensor, shape (n,), optional
            Classes.

        Returns
        -------
        Tensor, shape (n, width) or (1, width)

        Examples
        --------
        >>> Embedding(8, 10)(torch.zeros(1), torch.tensor([3, 4])).shape
        torch.Size([2, 8])
        """
        # Not a buffer: half precision, which a buffer would be cast to, cannot tell neighbouring levels apart.
        places = torch.linspace(0.0, 1.0, _FREQUENCIES, dtype=torch.float64, device=c_noise.device)
        frequencies = _SLOWEST * torch.exp(places * math.log(_FASTEST / _SLOWEST))
        angles = c_noise[:, None] * frequencies.to(c_noise.dtype)
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
        signal = self.noise(waves.to(self.noise.weight.dtype))
        none = self.labels.num_embeddings - 1
        signal = signal + (self.labels.weight[none] if label is None else self.labels(label))
        return functional.silu(self.mixed(functional.silu(signal)))


class ResidualBlock(nn.Module):
    """Two convolutions with normalisation; the signal scales and shifts between them.

    Parameters
    ----------
    channels_in, channels_out : int
        Multiples of 8.
    width : int
        Length of the signal.

    Examples
    --------
    >>> ResidualBlock(8, 16, 4)(torch.zeros(2, 8, 4, 4), torch.zeros(1, 4)).shape
    torch.Size([2, 16, 4, 4])
    """

    def __init__(self, channels_in: int, channels_out: int, width: int) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(_GROUPS, channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulation = nn.Linear(width, 2 * channels_out)
        self.norm_out = nn.GroupNorm(_GROUPS, channels_out, affine=False)
        self.conv_out = _zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        same = channels_in == channels_out
        self.skip = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, signal: Tensor) -> Tensor:
        """Return the block's output.

        Parameters
        ----------
        x : Tensor, shape (n, channels_in, height, width)
            Features.
        signal : Tensor, shape (n, width) or (1, width)
            What shifts and scales.

        Returns
        -------
        Tensor, shape (n, channels_out, height, width)

        Examples
        --------
        >>> block, x = ResidualBlock(8, 8, 4), torch.ones(1, 8, 2, 2)
        >>> bool((block(x, torch.ones(1, 4)) == x).all())  # before training
        True
        """
        inner = self.conv_in(functional.silu(self.norm_in(x)))
        scale, shift = self.modulation(signal)[:, :, None, None].chunk(2, dim=1)
        inner = self.conv_out(functional.silu(self.norm_out(inner) * (1.0 + scale) + shift))
        out: Tensor = self.skip(x) + inner
        return out


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a layer that starts as zero, so that a block starts as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _multiple_of_groups(channels: int) -> int:
    """Return a number of channels that the normalisation can group."""
    count = _checks.integer(channels, "channels", minimum=_GROUPS)
    if count % _GROUPS:
        msg = f"channels: expected multiples of {_GROUPS}, got {count}"
        raise ValueError(msg)
    return count
