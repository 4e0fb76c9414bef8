"""Remake the pictures of the README: run the quickstart for real and photograph it.

    python docs/make_pictures.py            # needs Chromium and the test extras

Writes docs/pictures/*.png and graph.svg.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
LRLAB = [sys.executable, "-m", "lrlab"]
PORT = "5077"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TERMINAL = """<body style="margin:0;background:#16181d"><pre style="margin:0;padding:22px 26px;
font:14px/1.45 'DejaVu Sans Mono',Menlo,monospace;color:#e6e6e6">{}</pre></body>"""


def main() -> None:
    """Sweep, then take every picture from what it left."""
    PICTURES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        spec = ROOT / "sweeps" / "quickstart.yaml"
        shown = in_a_terminal([*LRLAB, "sweep", str(spec)], folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        terminal(browser, "$ lrlab sweep sweeps/quickstart.yaml\n" + shown, "terminal.png")
        subprocess.run([*LRLAB, "report", "-o", str(folder / "report")], cwd=folder, check=True)
        report = (folder / "report" / "report.html").as_uri()
        page(browser, report, "report.png", (1440, 1500), wait=1000)
        selection(browser, report, "report-selection.png")
        with ui(folder) as address:
            page(browser, address, "mlflow.png", (1600, 1100), wait=8000)
        browser.close()
    subprocess.run([*LRLAB, "graph", "--svg", str(PICTURES / "graph.svg")], check=True)


def in_a_terminal(command: list[str], folder: Path) -> str:
    """What a command leaves on a terminal of 100 columns."""
    controller, terminal_side = pty.openpty()
    fcntl.ioctl(terminal_side, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = os.environ | {"COLUMNS": "100", "TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=folder, stdout=terminal_side, stderr=terminal_side, env=environment
    )
    os.close(terminal_side)
    received = b""
    while chunk := _read(controller):
        received += chunk
    process.wait()
    lines = received.decode().replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").split("\r")[-1].replace("\x1b[A", "") for line in lines)


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # the other side was closed
        return b""


@contextmanager
def ui(folder: Path) -> Iterator[str]:
    """`lrlab ui` on the folder's store; gives the address that it prints."""
    process = subprocess.Popen(
        [*LRLAB, "ui", "--port", PORT], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().split(": ", 1)[1].strip()
    process.terminate()
    process.wait()


def terminal(browser: Browser, text: str, name: str) -> None:
    """A terminal's text as a picture."""
    view = browser.new_page(viewport={"width": 940, "height": 200})
    view.set_content(TERMINAL.format(html.escape(text)))
    view.screenshot(path=PICTURES / name, full_page=True)


def page(browser: Browser, url: str, name: str, size: tuple[int, int], wait: int = 500) -> None:
    """A page as a picture."""
    view = browser.new_page(viewport={"width": size[0], "height": size[1]})
    view.goto(url)
    view.wait_for_timeout(wait)
    close = view.get_by_role(
        "button", name="Close", exact=True
    )  # the assistant's panel hides half the page
    if close.count():
        close.first.click()
        view.wait_for_timeout(1500)
    view.screenshot(path=PICTURES / name)


def selection(browser: Browser, url: str, name: str) -> None:
    """The figures in the dark with runs selected by dragging over them."""
    view = browser.new_page(viewport={"width": 1440, "height": 1180}, color_scheme="dark")
    view.goto(url)
    figure = view.locator("#figure-lr_sensitivity")
    figure.scroll_into_view_if_needed()
    figure.locator(".chart[data-drawn=true]").wait_for()
    view.locator("#figure-gaps").evaluate("part => part.scrollIntoView({behavior: 'instant'})")
    panel = figure.locator(".mark-group.role-scope path.background").first.bounding_box()
    assert panel is not None
    view.mouse.move(panel["x"] + panel["width"] * 0.45, panel["y"] + panel["height"] * 0.55)
    view.mouse.down()
    view.mouse.move(panel["x"] + panel["width"] * 0.75, panel["y"] + panel["height"] - 3, steps=5)
    view.mouse.up()
    view.wait_for_timeout(1500)
    view.screenshot(path=PICTURES / name)


if __name__ == "__main__":
    main()
