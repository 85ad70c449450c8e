"""A film: as many bytes as one has, each of which follows from its position, so that a wrong range shows."""

import random

SIZE = 4 * 1024 ** 3

# Its length is a prime: no range of a usual size begins where another one does.
_BLOCK = random.Random(1).randbytes(65521)


def film(start, length):
    """The bytes from `start` on."""
    at = start % len(_BLOCK)
    return (_BLOCK * ((at + length) // len(_BLOCK) + 1))[at:at + length]
