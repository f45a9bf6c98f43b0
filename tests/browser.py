"""Chromium without a window: opens a page, and tells of its console, its requests and its pixels.

It speaks the DevTools protocol through two pipes (https://chromedevtools.github.io/devtools-protocol).
`python -m tests.browser PAGE.html PICTURE.png [WIDTH]` takes a picture of a whole page.
"""

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imread

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0  # seconds, after which the browser does not answer
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--enable-unsafe-swiftshader",
)
_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""  # the browser listens to 3 and answers to 4


def found() -> str | None:
    """The browser that CLUSTEROPT_BROWSER names, or one on the PATH."""
    return os.environ.get("CLUSTEROPT_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page in a tab, and what has happened there."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.loaded = False
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def heard(self, method: str, about: dict[str, Any]) -> None:
        """Takes note of an event."""
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(str([one.get("value", one.get("description")) for one in about["args"]]))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])

    def resize(self, width: int, height: int, density: float = 1) -> None:
        """The size of the window, in pixels of CSS."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=False
        )

    def open(self, path: Path) -> float:
        """Loads a file and draws it; returns the seconds until the first frame after that."""
        begin = time.monotonic()
        self.loaded = False
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait(lambda: self.loaded)
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - begin

    def wait(self, done: Callable[[], Any]) -> None:
        """Until `done`. Raises TimeoutError when the patience is over."""
        end = time.monotonic() + PATIENCE
        while not done():
            self._browser.listen(0.05)
            if time.monotonic() > end:
                raise TimeoutError("the page is not as it should be")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited. Raises RuntimeError for an exception of the page."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(str(told["exceptionDetails"]))
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """A key, in the element that has the focus."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Moves the mouse from place to place with its button down."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def png(self, whole: bool = False) -> bytes:
        """A picture of what the window shows, or of the whole page."""
        return base64.b64decode(
            self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"], validate=True
        )

    def pixels(self) -> np.ndarray:
        """(height, width, 3) colours of what the window shows, from 0 to 1."""
        return imread(io.BytesIO(self.png()), format="png")[..., :3]


class Browser:
    """A running browser; `call` asks it, `listen` hears it."""

    def __init__(self, process: subprocess.Popen, ask: int, answer: int) -> None:
        self._process, self._ask, self._answer = process, ask, answer
        self._rest, self._number = b"", 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def page(self, width: int = 1280, height: int = 900, density: float = 1) -> Page:
        """A new tab with a window of that size."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        page.resize(width, height, density)
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Its answer. Raises RuntimeError where it refuses, TimeoutError where it does not answer."""
        self._number = number = self._number + 1
        asked = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._ask, json.dumps(asked).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while number not in self._answers:
            self.listen(1)
            if time.monotonic() > end or self._process.poll() is not None:
                raise TimeoutError(f"no answer to {method}")
        told = self._answers.pop(number)
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        return told["result"]

    def listen(self, seconds: float) -> None:
        """Hears what there is, or what comes within these seconds."""
        if select.select([self._answer], [], [], seconds)[0]:
            *whole, self._rest = (self._rest + os.read(self._answer, 1 << 20)).split(b"\0")
            for text in whole:
                self._heard(json.loads(text))

    def _heard(self, told: dict[str, Any]) -> None:
        if "id" in told:
            self._answers[told["id"]] = told
        elif told.get("sessionId") in self._pages:
            self._pages[told["sessionId"]].heard(told["method"], told["params"])


@contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """The browser with a profile of its own; it is ended here."""
    program = found()
    assert program is not None
    ask, answer = _pipe(), _pipe()
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, *root, *flags, f"--user-data-dir={profile}", "about:blank"]
        start = [sys.executable, "-ISc", _START, str(ask[0]), str(answer[1])]
        process = subprocess.Popen(
            [*start, *command], pass_fds=(ask[0], answer[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            os.close(ask[0])
            os.close(answer[1])
            made = Browser(process, ask[1], answer[0])
            yield made
            with suppress(RuntimeError, TimeoutError, OSError):
                made.call("Browser.close")
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        finally:
            process.kill()
            process.wait()
            os.close(ask[1])
            os.close(answer[0])


def _pipe() -> tuple[int, int]:
    """The ends of a pipe, with numbers that are not those of the browser's own two."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high


def main(page: str, picture: str, width: str = "1280") -> int:
    """Takes the picture; returns the number of errors in the console."""
    with browser() as own:
        tab = own.page(int(width), 900)
        seconds = tab.open(Path(page))
        tab.resize(int(width), min(16000, tab.evaluate("document.documentElement.scrollHeight")))
        tab.evaluate("new Promise(done => setTimeout(done, 1500))")
        Path(picture).write_bytes(tab.png())
        wide = tab.evaluate("document.documentElement.scrollWidth")
        sys.stderr.write(
            f"opened in {seconds:.2f} s; {wide} of {width} pixels wide; requests {tab.requests[1:]}; errors {tab.errors}\n"
        )
        return len(tab.errors)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
