"""Chromium without a window, for tests that look at a page: what it measures there, and what it complains of."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DARK = "--blink-settings=preferredColorScheme=0"
TALL = 900  # pixels
FRAME = """<!DOCTYPE html><meta charset="utf-8">
<style>body {{ margin: 0 }} iframe {{ border: 0; width: {width}px; height: {height}px; display: block }}</style>
<iframe srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const frame = document.querySelector("iframe").contentDocument
  const measure = (document => {{ {script} }})
  let found
  try {{ found = measure(frame) }} catch (error) {{ found = {{ error: String(error) }} }}
  document.body.dataset.found = JSON.stringify(found)
}}
</script>"""


def find_chromium() -> str | None:
    """Return the program, or None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """Runs a browser anew for each question, with a profile of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder

    def measure(self, page: str, script: str, *, width: int, dark: bool = False) -> Any:
        """Return what a function body returns of a page's `document`, shown that wide; the page runs nothing itself.

        The page is in a frame: its policy is its own, and the script is not of the page.
        """
        frame = self._folder / "frame.html"
        text = FRAME.format(page=html.escape(page), script=script, width=width, height=TALL)
        frame.write_text(text, encoding="utf-8")
        said, _ = self.run("--dump-dom", *([DARK] if dark else []), page=frame)
        found = re.search(r'data-found="([^"]*)"', said[said.rindex("<body") :])
        assert found is not None, said[-2000:]
        return json.loads(html.unescape(found[1]))

    def run(self, *options: str, page: Path) -> tuple[str, str]:
        """Open a page, and return what the browser writes: standard output, and its log."""
        fixed = ["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--enable-logging=stderr"]
        if os.geteuid() == 0:  # Chromium's sandbox is not for root
            fixed.append("--no-sandbox")
        answer = subprocess.run(
            [
                self._program,
                *fixed,
                f"--user-data-dir={self._folder / 'profile'}",
                "--virtual-time-budget=10000",
                *options,
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout, answer.stderr
