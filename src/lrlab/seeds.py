"""Seeds: each purpose draws from a stream of its own, so that one more does not shift another."""

from __future__ import annotations

import numpy as np


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose of something that has a seed, in [0, 2^32).

    Args:
        seed: Of the sweep, the data or a run.
        purpose: What is drawn, such as a word or the number of a trial batch.
    """
    words = [seed]
    for each in purpose:
        words += [each] if isinstance(each, int) else each.encode()
    return int(np.random.SeedSequence(words).generate_state(1, np.uint32)[0])
