"""Draw the top of the demo's report as the README shows it, from what the pipeline left.

    python docs/draw_report.py

Needs Chromium. Writes docs/report.png, of few colors, so that git holds little of it.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from pricefuse.files import replacing

REPORT, PICTURE = Path("reports/report.html"), Path("docs/report.png")
WIDTH, HEIGHT, COLORS = 1280, 1340, 128


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        sys.exit("no Chromium here: docs/report.png stays as it is")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(REPORT.resolve().as_uri())
        page.wait_for_selector("html.drawn")
        shown = Image.open(io.BytesIO(page.screenshot()))
        chromium.close()
    with replacing(PICTURE) as temporary:
        shown.convert("RGB").quantize(COLORS).save(temporary, "PNG", optimize=True)


if __name__ == "__main__":
    main()
