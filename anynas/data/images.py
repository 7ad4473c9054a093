"""One image file as pixels: the same decoding and the same resizing for training and for predicting.

What people see is what is read: upright by its EXIF tag, palettes looked up, transparent pixels over white (most
pictures with an alpha channel are drawings and cut-outs made for a light page; black ink would vanish over black). A
picture whose three channels are equal is grey.

Values of more than 8 bits are scaled, never clipped: of 16 bits the upper eight are kept; whole numbers of 32 bits
count as 16 where they fit; floats as shares of white where they lie in [0, 1], as they are where they lie in [0, 255].
Anything else is stretched from the picture's own least to its greatest value.
"""

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anynas.errors import DataError, SettingsError, shown

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]  # (H, W, C), C 1 or 3

RESIZE_BATCH = 2_000
FORMATS = (  # that Pillow reads by itself: others start programs, as PostScript does
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP"),
)
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")  # Pillow's modes with an alpha channel
GREY = ("1", "L", "I", "F")  # those without colours, and I;16 in its several orders


def decode(path: Path) -> Pixels:
    """Return an image file's pixels: one channel if it is grey, else three.

    Raises:
        DataError: The file is missing, no image, damaged, or so large that it is taken for an attack.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as image:
                pixels = _eight_bits(ImageOps.exif_transpose(image))
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{shown(path)}: must be an image file; {_reason(error)}") from None
    return pixels[..., :1] if (pixels == pixels[..., :1]).all() else pixels


def size_of(path: Path) -> tuple[int, int] | None:
    """Return an image file's width and height as its header tells them; None if it tells nothing."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_formats()) as image:
                return image.size
    except Exception:  # as in `decode`, which says why
        return None


def read_image(path: Path, channels: int) -> Tensor:
    """Return an image file's pixels, uint8 (1, channels, H, W), upright.

    Raises:
        DataError: The file is missing, or no image.
        SettingsError: Images have no such number of channels.
    """
    if channels not in (1, 3):
        raise SettingsError(f"image files have 1 or 3 channels; the network sees {channels}")
    return as_tensor(decode(path), channels)


def as_tensor(pixels: Pixels, channels: int) -> Tensor:
    """Return pixels as uint8 (1, channels, H, W); colours become their brightness where there is one channel."""
    if channels == 1 and pixels.shape[2] == 3:
        from PIL import Image

        pixels = np.array(Image.fromarray(pixels).convert("L"))[..., None]
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    return planes.expand(channels, -1, -1).unsqueeze(0).contiguous()


def resized(images: Tensor, resolution: int) -> Tensor:
    """Return uint8 images (N, C, H, W) as uint8 of this side: bilinear, antialiased, not cropped."""
    if images.shape[-2:] == (resolution, resolution):
        return images
    parts = [
        functional.interpolate(part.float(), size=(resolution, resolution), mode="bilinear", antialias=True)
        for part in torch.split(images, RESIZE_BATCH)
    ]
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return the formats of `FORMATS` that this Pillow knows."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _eight_bits(image: "Image.Image") -> Pixels:
    """Return an image as 8 bits a channel, (H, W, 1) or (H, W, 3)."""
    from PIL import Image

    if image.mode in TRANSPARENT or ("transparency" in image.info and image.mode in ("1", "L", "P", "RGB")):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)[..., None]
    if image.mode in ("I", "F"):
        return _scaled(np.asarray(image))[..., None]
    mode = "L" if image.mode in GREY else "RGB"
    return np.array(image.convert(mode)).reshape(image.height, image.width, -1)


def _scaled(values: NDArray[np.int32] | NDArray[np.float32]) -> Pixels:
    """Return whole numbers of 32 bits, or floats, as 8 bits."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if np.issubdtype(values.dtype, np.integer) and low >= 0 and high < 2**16:
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    if low >= 0 and high <= 1:
        numbers = 255 * numbers
    elif low < 0 or high > 255:
        numbers = 255 * (numbers - low) / ((high - low) or 1.0)
    return np.round(numbers).astype(np.uint8)


def _reason(error: Exception) -> str:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it has too many pixels, as files have that are made to fill a memory"
    return getattr(error, "strerror", None) or "it is none, or damaged"
