"""What MODNet (arXiv 2011.11961) wants of a picture, for whoever runs it: its author's numbers. Torch is not needed to know them."""

# Pictures in [0, 1] become (picture - MEAN) / STD, which lies in [-1, 1]. R, G, B.
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
MULTIPLE = 32  # of which either side is
REFERENCE = 512


def network_size(size: tuple[int, int], *, reference: int = REFERENCE) -> tuple[int, int]:
    """The (width, height) at which the network sees a picture of that (width, height).

    A picture whose sides lie on either side of `reference` stays as large as it is; any other is scaled until its shorter side is
    that. Then both sides are cut down to a multiple of 32."""
    shorter, longer = sorted(size)
    scale = 1.0 if shorter <= reference <= longer else reference / shorter
    width, height = (max(MULTIPLE, int(side * scale + 1e-6) // MULTIPLE * MULTIPLE) for side in size)  # 511.9999… is 512
    return width, height
