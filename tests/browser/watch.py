"""What goes wrong on a page without that anybody sees it."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page, Request, Response, WebSocket

# What a browser says of an answer that is a refusal; the answer itself is looked at.
_REFUSED = "Failed to load resource: the server responded with a status of"
# What a page or its end broke off itself, such as a long poll.
_ABORTED = "net::ERR_ABORTED"


class Watch:
    """Takes down what a page logs as wrong, what it asks of others than the stack, and what it was refused or not given.

    A refusal that belongs to the test is announced, and has to come: `page.watch.expect(422, "/v1/jobs")`.
    """

    def __init__(self, page: Page, url: str) -> None:
        self._page, self._url = page, url
        self._wrong: list[str] = []
        self._expected: list[tuple[int, str]] = []
        self._seen: set[tuple[int, str]] = set()
        self._watches = True
        self.requests: list[Request] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"uncaught: {error.stack or error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        page.on("websocket", self._on_socket)

    def expect(self, status: int, path: str) -> None:
        """Lets the API refuse what is asked at a path, with this status."""
        self._expected.append((status, path))

    def take(self) -> list[str]:
        """All that went wrong so far, which is what the test had in mind."""
        self._page.evaluate("0")
        taken, self._wrong = self._wrong, []
        return taken

    def stop(self) -> None:
        """What happens from now on is the end's. What happened until now has been told, when the page answers."""
        if not self._page.is_closed():
            self._page.evaluate("0")
        self._watches = False

    def wrong(self) -> list[str]:
        """All that went wrong so far."""
        missing = [
            f"no {status} came from {path}"
            for status, path in self._expected
            if (status, path) not in self._seen
        ]
        return self._wrong + missing

    def _note(self, line: str) -> None:
        if self._watches:
            self._wrong.append(line)

    def _path(self, url: str) -> str:
        return url.removeprefix(self._url).split("?")[0]

    def _on_console(self, message: ConsoleMessage) -> None:
        # A policy that is broken is told as an error too.
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self._note(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self._url, "data:", "blob:")):
            self._note(f"asked elsewhere: {request.method} {request.url}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self._note(f"failed: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status < 400:
            return
        answer = (response.status, self._path(response.url))
        if answer in self._expected:
            self._seen.add(answer)
        else:
            self._note(f"refused: {response.request.method} {response.url}: {response.status}")

    def _on_socket(self, socket: WebSocket) -> None:
        host = self._url.split("//")[1].split("/")[0]
        if socket.url.split("//")[1].split("/")[0] != host:
            self._note(f"connected elsewhere: {socket.url}")
