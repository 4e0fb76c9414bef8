"""The graph that autograd records of a step, as text and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.autograd_graph.graph import to_text as to_text
    from lrlab.autograd_graph.lessons import gradient_lessons as gradient_lessons
    from lrlab.autograd_graph.lessons import lessons_text as lessons_text
    from lrlab.autograd_graph.svg import to_svg as to_svg
    from lrlab.autograd_graph.tracing import trace as trace

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.autograd_graph.graph": ["to_text"],
        "lrlab.autograd_graph.lessons": ["gradient_lessons", "lessons_text"],
        "lrlab.autograd_graph.svg": ["to_svg"],
        "lrlab.autograd_graph.tracing": ["trace"],
    },
)
