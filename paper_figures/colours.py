"""How light a colour is: for print in grey, and for contrast."""

from __future__ import annotations


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 black to 1 white.

    Parameters
    ----------
    colour : str
        Hexadecimal sRGB, ``#rrggbb``.

    Returns
    -------
    float

    Examples
    --------
    >>> luminance("#000000"), round(luminance("#ffffff"), 12)
    (0.0, 1.0)
    """
    channels = [int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def lightness(colour: str) -> float:
    """Return the CIE lightness L* of a colour, 0 black to 100 white: its grey in print.

    Parameters
    ----------
    colour : str
        Hexadecimal sRGB, ``#rrggbb``.

    Returns
    -------
    float

    Examples
    --------
    >>> round(lightness("#000000")), round(lightness("#ffffff"))
    (0, 100)
    """
    light = luminance(colour)
    root: float = light ** (1 / 3)
    return 116.0 * root - 16.0 if light > 0.008856 else 903.3 * light
