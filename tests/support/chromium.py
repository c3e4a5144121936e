"""Pages in a real Chromium, as people meet them: of a size, dark or light, with real keys and a real pointer.

    with Chromium() as chromium:
        page = chromium.page(width=390, height=844, scale=2, is_phone=True)
        page.open(f"{server.url}/")
        page.press("Tab")
        assert page.run("return document.activeElement.id") == "search"
        assert page.complaints == []

It is driven by the DevTools protocol over a pipe: no port, no client library.
"""

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tests.support.browser import ARGUMENTS, NAMES, PATIENCE_S
from tests.support.pictures import decode

_KEYS: Final = {"+": ("Equal", 187), "-": ("Minus", 189), "Tab": ("Tab", 9), "Enter": ("Enter", 13), " ": ("Space", 32)}
_ARROWS: Final = {f"Arrow{way}": (f"Arrow{way}", 37 + at) for at, way in enumerate(("Left", "Up", "Right", "Down"))}
"""Name -> what the keyboard calls the key, and its number."""

_TEXTS: Final = {"Enter": "\r", " ": " ", "+": "+", "-": "-"}
"""Key -> the text that it writes."""


class Chromium:
    """A running browser for the length of a `with`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._pid = 0
        self._commands, self._replies = -1, -1
        self._last_id = 0
        self._rest = b""
        self._pages: dict[str, Page] = {}

    def page(
        self, width: int = 1280, height: int = 800, scale: float = 1, *, is_phone: bool = False, is_dark: bool = False
    ) -> "Page":
        """A new page.

        Args:
            width, height: of the window in CSS pixels.
            scale: device pixels to a CSS pixel.
            is_phone: touch, and the viewport that the page asks for.
            is_dark: what the user prefers.
        """
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone}
        page.send("Emulation.setDeviceMetricsOverride", **metrics)
        page.send("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        page.send("Emulation.setEmulatedMedia", features=features)
        return page

    def send(self, method: str, session: str | None = None, **values: Any) -> dict[str, Any]:
        """Return the result of a command of the protocol; earlier events are handed to their pages."""
        self._last_id += 1
        wanted = self._last_id
        command = {"id": wanted, "method": method, "params": values} | ({"sessionId": session} if session else {})
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        for message in self._messages():
            if message.get("id") == wanted:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            page = self._pages.get(message.get("sessionId", ""))
            if page is not None and "method" in message:
                page.take(message["method"], message["params"])
        raise AssertionError(f"no reply to {method}:\n{self._log.read_text(errors='replace')}")

    def _messages(self) -> Iterator[dict[str, Any]]:
        limit_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit_s:
            message, end, rest = self._rest.partition(b"\0")
            if end:
                self._rest = rest
                yield json.loads(message)
            elif select.select([self._replies], [], [], 1)[0]:
                data = os.read(self._replies, 1 << 20)
                if not data:
                    return
                self._rest += data

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def __enter__(self) -> Self:
        command = next(filter(None, map(shutil.which, NAMES)), None)
        assert command, f"no browser found, wanted one of {', '.join(NAMES)}: sudo apt-get install chromium"
        theirs_in, self._commands = os.pipe()
        self._replies, theirs_out = os.pipe()
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT, 0o600)
        moves = [(theirs_in, 103), (theirs_out, 104), (log, 101), (103, 3), (104, 4), (101, 1), (101, 2)]
        self._pid = os.posix_spawn(
            command,
            [command, *ARGUMENTS, "--remote-debugging-pipe", f"--user-data-dir={self._folder.name}/profile"],
            {"PATH": os.environ["PATH"], "HOME": self._folder.name},
            file_actions=[(os.POSIX_SPAWN_DUP2, *move) for move in moves],
            setsid=True,
        )
        for descriptor in (theirs_in, theirs_out, log):
            os.close(descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._commands)
        os.close(self._replies)
        self._folder.cleanup()


class Page:
    """A page and its window."""

    def __init__(self, chromium: Chromium, session: str, context: str) -> None:
        self._chromium, self._session, self._context = chromium, session, context
        self.complaints: list[str] = []
        """Errors and warnings of the console, scripts, security policies and the network."""
        self.urls: list[str] = []
        """The requested URLs, in order."""
        self._keys = 0

    def send(self, method: str, **values: Any) -> dict[str, Any]:
        """A command of the protocol to this page."""
        return self._chromium.send(method, self._session, **values)

    def take(self, event: str, values: dict[str, Any]) -> None:
        """Note an event of the protocol."""
        if event == "Runtime.exceptionThrown":
            self.complaints.append(str(values["exceptionDetails"].get("exception", values)))
        elif event == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(values["args"]))
        elif event == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning") and not _is_slow_gl(values):
            self.complaints.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")
        elif event == "Network.requestWillBeSent":
            self.urls.append(values["request"]["url"])

    def grant(self, *permissions: str) -> None:
        """Give all pages what a user would be asked for."""
        self._chromium.send("Browser.grantPermissions", permissions=permissions, browserContextId=self._context)
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def open(self, url: str) -> None:
        """Go to a URL and wait until the page is loaded; what was noted of the page before is forgotten."""
        self.complaints.clear()
        self.urls.clear()
        reply = self.send("Page.navigate", url=url)
        assert "errorText" not in reply, reply
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str, **values: Any) -> Any:
        """Return the result of the body of an asynchronous JavaScript function, whose parameters have these values."""
        call = f"(async ({', '.join(values)}) => {{{script}}})({', '.join(map(json.dumps, values.values()))})"
        reply = self.send("Runtime.evaluate", expression=call, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, condition: str) -> None:
        """Ask until a JavaScript expression is true."""
        limit_s = time.monotonic() + PATIENCE_S
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < limit_s, f"waited in vain for {condition}: {self.complaints}"
            time.sleep(0.02)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element in the window, CSS pixels."""
        script = "const b = document.querySelector(s).getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        left, top, width, height = self.run(script, s=selector)
        return left, top, width, height

    def press(self, key: str, times: int = 1) -> None:
        """Press a key and let it go."""
        code, number = (_KEYS | _ARROWS)[key]
        values = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        for _ in range(times):
            self.send("Input.dispatchKeyEvent", type="keyDown", **values, text=_TEXTS.get(key, ""))
            self.send("Input.dispatchKeyEvent", type="keyUp", **values)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.send("Input.insertText", text=text)

    def point(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def tap(self, x: float, y: float) -> None:
        """Touch the screen there with a finger and let go."""
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def click(self, selector: str) -> None:
        """Scroll an element into the window and click on its middle."""
        self.run("document.querySelector(s).scrollIntoView({ block: 'center' })", s=selector)
        left, top, width, height = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            values = {"x": left + width / 2, "y": top + height / 2, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, **values)

    def screenshot(self, *, is_whole: bool = False) -> NDArray[np.uint8]:
        """A picture of the window, or of the whole page: (bands, height, width) in device pixels."""
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        return decode(base64.b64decode(picture["data"]))[:3]


def _is_slow_gl(values: dict[str, Any]) -> bool:
    """Recognize Chromium's remark that WebGL without a GPU is slow."""
    return "GL Driver Message (OpenGL, Performance" in values["entry"]["text"]
