"""What the page's controls are called, and what they say."""

from __future__ import annotations

# Handed to the template and to the page's scripts; {braces} are filled in there.
LABELS = {
    "contents": "Contents",
    "skip": "Skip to the verdict",
    "theme": "Theme",
    "theme_system": "System",
    "theme_light": "Light",
    "theme_dark": "Dark",
    "filters": "Choose runs",
    "filters_hint": "Every figure and the table of runs follow. In the figures of the learning "
    "rate and of the parallel coordinates you can also drag over runs.",
    "optimizer": "Optimizer",
    "loss": "Loss",
    "outcome": "Outcome",
    "sweep": "Sweep",
    "all": "all",
    "lr_from": "Learning rate from",
    "lr_to": "to",
    "selected": "{count} of {total} runs selected",
    "clear": "Clear",
    "numbers": "Numbers",
    "first_rows": "The first {count} of {total} rows.",
    "all_runs": "All runs",
    "page_of": "Runs {first} to {last} of {total}",
    "no_runs": "No run is selected.",
    "next": "Next",
    "previous": "Previous",
    "not_printed": "Not printed for want of width: {names}.",
    "linear": "Linear",
    "log": "Logarithmic",
    "scale": "Axis",
    "no_scripts": "Figures need scripts, which are switched off here. As PNG files: ",
    "png_command": "lrlab report {name} --format png",
    "blocked": "This frame may not open other pages. The run is at {link}",
    "failed": "This figure cannot be drawn: {reason}",
}
