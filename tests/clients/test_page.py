"""The page that a rehearsal writes, opened in a real browser without a network."""

import json
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]


@pytest.fixture
def browser():
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip("NOT RUN: no Chromium on this machine (Debian: `apt-get install chromium`)")


def test_the_page_shows_the_table_and_the_graph_and_asks_for_nothing(program, browser, tmp_path):
    page, log = tmp_path / "page.html", tmp_path / "network.json"
    subprocess.run([program, "rehearse", "examples/complete", "--html", page], check=True, capture_output=True, cwd=ROOT)
    opened = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--log-net-log={log}",
            "--dump-dom",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    dom = opened.stdout
    assert '<tr id="decrypt-alarm"><td class="held">held</td>' in dom
    assert '<table class="access">' in dom and "role/acme-kms-admin-role-prod" in dom
    assert dom.count('<rect class="over"') == 2 and 'class="threshold"' in dom
    # The browser asks for updates of its own; of the page nothing may come but the page.
    asked = [event["params"]["url"] for event in json.loads(log.read_text())["events"] if "url" in event.get("params", {})]
    foreign = [url for url in asked if not url.startswith(("file:", "data:", "chrome:", "about:")) and not is_the_browsers(url)]
    assert foreign == []


def is_the_browsers(url):
    return any(host in url for host in ["google.com", "googleapis.com", "gvt1.com", "gstatic.com"])
