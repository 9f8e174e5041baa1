"""The picture of the report in the README: ``python docs/screenshot.py FOLDER PNG``.

The top of a run folder's report, in the system's Chromium, in light colours. A palette of 256
colours keeps the file small.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1200, 1500  # CSS pixels
COLOURS = 256


def screenshot(folder: Path, out: Path) -> None:
    """Write the top of a run folder's report as a PNG file."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("screenshot: Chromium must be installed; none is: make browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((folder.resolve() / "report.html").as_uri())
        page.wait_for_selector("#controls:not([hidden])")
        image = Image.open(BytesIO(page.screenshot()))
        browser.close()
    image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    screenshot(Path(sys.argv[1]), Path(sys.argv[2]))
