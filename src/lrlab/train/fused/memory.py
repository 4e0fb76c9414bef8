"""What becomes of memory that a training step has freed."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

# Parameters of glibc's mallopt(3), from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT = 2**24  # bytes free at the end of the heap that are not given back
LARGE = 2**22  # bytes from which an allocation is mapped by itself, and given back when freed


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what is freed, up to `KEPT`, instead of giving it back.

    Every step allocates and frees the same tensors, of a megabyte and less. By default glibc
    returns them to the system at each step and gets them back page by page, zeroed: a quarter of
    the time of a step. Holds for the whole process; does nothing with another C library.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, KEPT)
        mallopt(_M_MMAP_THRESHOLD, LARGE)
