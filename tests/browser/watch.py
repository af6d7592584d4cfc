"""Records errors on a page that are not visible in it."""

from __future__ import annotations

from playwright.sync_api import ConsoleMessage, Page, Request, Response, WebSocket

# The browser's message for a 4xx or 5xx response, which `_on_response` handles.
_LOAD_FAILED = "Failed to load resource: the server responded with a status of"
# A request that the page or its end aborted, such as a long poll.
_ABORTED = "net::ERR_ABORTED"


class Watch:
    """Records logged errors and warnings, requests to other hosts, and failed requests of a page.

    A test announces an error response that it expects: `page.watch.expect(422, "/v1/jobs")`. A
    missing one is an error as well.
    """

    def __init__(self, page: Page, url: str) -> None:
        self._page, self._url = page, url
        self._errors: list[str] = []
        self._expected: list[tuple[int, str]] = []
        self._seen: set[tuple[int, str]] = set()
        self._is_active = True
        self.requests: list[Request] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._record(f"uncaught: {error.stack or error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        page.on("websocket", self._on_socket)

    def expect(self, status: int, path: str) -> None:
        """Expects at least one response with this error status at a path."""
        self._expected.append((status, path))

    def take_errors(self) -> list[str]:
        """Returns and forgets the errors so far, which the test expected."""
        self._page.evaluate("0")
        taken, self._errors = self._errors, []
        return taken

    def stop(self) -> None:
        """Stops recording. Events so far have arrived once the page evaluates an expression."""
        if not self._page.is_closed():
            self._page.evaluate("0")
        self._is_active = False

    def errors(self) -> list[str]:
        """All errors so far, and the expected responses that are missing."""
        missing = [
            f"missing {status} response from {path}"
            for status, path in self._expected
            if (status, path) not in self._seen
        ]
        return self._errors + missing

    def _record(self, line: str) -> None:
        if self._is_active:
            self._errors.append(line)

    def _path(self, url: str) -> str:
        return url.removeprefix(self._url).split("?")[0]

    def _on_console(self, message: ConsoleMessage) -> None:
        # The browser logs violations of the content security policy as errors too.
        if message.type in ("error", "warning") and not message.text.startswith(_LOAD_FAILED):
            self._record(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self._url, "data:", "blob:")):
            self._record(f"request to another host: {request.method} {request.url}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self._record(f"failed: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status < 400:
            return
        answer = (response.status, self._path(response.url))
        if answer in self._expected:
            self._seen.add(answer)
        else:
            self._record(
                f"unexpected status {response.status}: {response.request.method} {response.url}"
            )

    def _on_socket(self, socket: WebSocket) -> None:
        host = self._url.split("//")[1].split("/")[0]
        if socket.url.split("//")[1].split("/")[0] != host:
            self._record(f"WebSocket to another host: {socket.url}")
