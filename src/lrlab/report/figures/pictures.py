"""PNG and SVG of a figure, without a browser and without the network."""

from __future__ import annotations

from lrlab.report.figures.figure import Figure

SHARP = 2.0  # pixels of a picture for each of the page


def render_png(figure: Figure, theme: str = "light") -> bytes:
    """The figure as a PNG file, at twice the resolution of the page.

    Args:
        figure: Any.
        theme: `light` or `dark`.
    """
    import vl_convert

    png: bytes = vl_convert.vegalite_to_png(
        figure.complete(theme), scale=SHARP, allowed_base_urls=[]
    )
    return png


def render_svg(figure: Figure, theme: str = "light") -> bytes:
    """The figure as an SVG file; its runs are links to their pages.

    Args:
        figure: Any.
        theme: `light` or `dark`.
    """
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(figure.complete(theme), allowed_base_urls=[])
    return svg.encode("utf-8")
