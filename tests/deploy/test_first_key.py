"""Tests `make key` against a running stack, with every kind of credentials that `sam` accepts.

The stack is that of `TOLLGATE_STACK`. AWS calls go through a relay, which records the credentials
that signed them. It also simulates the portal of IAM Identity Center, which emulators lack.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.local.venvs import venv

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
STACK = json.loads(Path(os.environ["TOLLGATE_STACK"]).read_text())
SESSION_ARN = "arn:aws:iam::000000000000:user/dev"
START_URL = "https://example.awsapps.com/start"
# The name of the stack, and botocore's format of timestamps.
NAME, TIME = "tollgate", "%Y-%m-%dT%H:%M:%SZ"


@dataclass(eq=False)
class Relay(ThreadingHTTPServer):
    """Forwards calls to the emulator; records access keys and whether there was a session token.

    `denies` is an error code to respond with instead.
    """

    seen: set[tuple[str, bool]] = field(default_factory=set)
    denies: str = ""

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signer = re.search(r"Credential=([^/]+)/", self.headers["Authorization"])
        assert signer
        self.server.seen.add((signer[1], "X-Amz-Security-Token" in self.headers))
        if self.server.denies:
            error = (
                f"<ErrorResponse><Error><Code>{self.server.denies}</Code>"
                "<Message>no</Message></Error></ErrorResponse>"
            )
            self._answer(403, error.encode())
            return
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "content-length", "connection")
        }
        request = urllib.request.Request(STACK["endpoint"] + self.path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                self._answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read())

    def do_GET(self) -> None:
        """GetRoleCredentials of IAM Identity Center, for a valid session token."""
        assert self.path.startswith("/federation/credentials"), self.path
        if self.headers["x-amz-sso_bearer_token"] != "signed-in":
            self._answer(
                401, b'{"message":"Session token not found or invalid"}', "UnauthorizedException"
            )
            return
        until = round((datetime.now(timezone.utc) + timedelta(hours=1)).timestamp() * 1000)
        self._answer(
            200,
            json.dumps(
                {
                    "roleCredentials": {
                        "accessKeyId": "ASIASSO",
                        "secretAccessKey": "secret-of-sso",
                        "sessionToken": "token",
                        "expiration": until,
                    }
                }
            ).encode(),
        )

    def _answer(self, status: int, body: bytes, error: str = "") -> None:
        self.send_response(status)
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def _in(hours: int) -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime(TIME)


class FirstKey(unittest.TestCase):
    """Each test has a home folder and a relay of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tollgate-")
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.relay = Relay()
        self.addCleanup(self.relay.server_close)
        self.addCleanup(self.relay.shutdown)

    def write(self, path: str, text: str) -> None:
        file = self.home / ".aws" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def key(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = arguments if "--stack" in arguments else ("--stack", NAME, *arguments)
        return self.run_program([sys.executable, "-m", "infra.local", "key", *given], variables)

    def run_program(
        self, command: list[str], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"}
        environment = {
            **inherited,
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.relay.url,
            "NO_PROXY": "127.0.0.1",
            # Otherwise botocore would use the role of an EC2 machine.
            "AWS_EC2_METADATA_DISABLED": "true",
            **variables,
        }
        program = str(TARGET / "debug" / "tollgate-bootstrap")
        scopes = ["--", "--account", "first", "--scopes", "admin"]
        return subprocess.run(
            [*command, "--bootstrap", program, *scopes],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def assert_created(
        self, made: subprocess.CompletedProcess[str], signer: str, has_token: bool
    ) -> None:
        """Asserts that the key is valid and that only these credentials signed calls."""
        self.assertEqual(made.returncode, 0, made.stderr)
        key = json.loads(made.stdout)["key"]
        request = urllib.request.Request(
            f"{STACK['url']}/v1/accounts", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.relay.seen, {(signer, has_token)})
        self.assertIn("make kinds", made.stderr)

    def assert_fails(self, made: subprocess.CompletedProcess[str], *texts: str) -> None:
        """Asserts an error message with these texts, without a traceback or a key."""
        self.assertEqual((made.returncode, made.stdout), (1, ""), made.stderr)
        self.assertNotIn("Traceback", made.stderr)
        for text in texts:
            self.assertIn(text, made.stderr)

    def test_environment(self) -> None:
        made = self.key(
            AWS_ACCESS_KEY_ID="ASIAENV",
            AWS_SECRET_ACCESS_KEY="s",
            AWS_SESSION_TOKEN="t",
            AWS_REGION="us-east-1",
        )
        self.assert_created(made, "ASIAENV", True)

    def test_profile(self) -> None:
        self.write(
            "credentials",
            "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n"
            "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n",
        )
        self.write("config", "[profile work]\nregion = us-east-1\n")
        self.assert_created(self.key("--profile", "work"), "AKIAWORK", False)

    def test_profile_of_the_environment(self) -> None:
        self.write(
            "credentials", "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n"
        )
        self.assert_created(
            self.key("--region", "us-east-1", AWS_PROFILE="work"), "AKIAWORK", False
        )

    def test_saved_parameters_of_guided_deployment(self) -> None:
        keys = "aws_access_key_id = AKIASAVED\naws_secret_access_key = s\n"
        self.write("credentials", f"[saved]\n{keys}")
        self.write(
            "samconfig.toml",
            f'[default.global.parameters]\nstack_name = "other"\n'
            f'[default.deploy.parameters]\nstack_name = "{NAME}"\n'
            'region = "us-east-1"\nprofile = "saved"\n',
        )
        script = ROOT / "infra" / "local" / "first_key_main.py"
        command = [venv("sam") / "python", script, "--samconfig", self.home / ".aws/samconfig.toml"]
        self.assert_created(
            self.run_program([str(part) for part in command], {}), "AKIASAVED", False
        )

    def test_credential_process(self) -> None:
        made = {
            "Version": 1,
            "AccessKeyId": "ASIAPROCESS",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": _in(hours=1),
        }
        self.write("made.json", json.dumps(made))
        self.write(
            "config",
            f"[default]\nregion = us-east-1\ncredential_process = cat {self.home}/.aws/made.json\n",
        )
        self.assert_created(self.key(), "ASIAPROCESS", True)

    def test_credential_process_that_fails(self) -> None:
        self.write(
            "config", "[default]\nregion = us-east-1\ncredential_process = ls /no/such/vault\n"
        )
        self.assert_fails(self.key(), "/no/such/vault")

    def sign_in(self, token: str, until: str) -> None:
        self.write(
            "config",
            "[profile sso]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 000000000000\n"
            f"sso_role_name = Admin\n[sso-session corp]\nsso_region = us-east-1\n"
            f"sso_start_url = {START_URL}\n",
        )
        self.write(
            f"sso/cache/{hashlib.sha1(b'corp').hexdigest()}.json",
            json.dumps(
                {
                    "startUrl": START_URL,
                    "region": "us-east-1",
                    "accessToken": token,
                    "expiresAt": until,
                }
            ),
        )

    def test_sso(self) -> None:
        self.sign_in("signed-in", _in(hours=1))
        self.assert_created(
            self.key("--profile", "sso", AWS_ENDPOINT_URL_SSO=self.relay.url), "ASIASSO", True
        )

    def test_sso_session_that_has_expired(self) -> None:
        self.sign_in("signed-in", _in(hours=-1))
        self.assert_fails(self.key("--profile", "sso"), "Run: aws sso login --profile sso")

    def test_sso_session_that_was_ended(self) -> None:
        self.sign_in("signed-out", _in(hours=1))
        self.assert_fails(
            self.key("--profile", "sso", AWS_ENDPOINT_URL_SSO=self.relay.url),
            "Run: aws sso login --profile sso",
        )

    def test_sso_without_a_session(self) -> None:
        self.write(
            "config",
            "[default]\nregion = us-east-1\nsso_account_id = 000000000000\nsso_role_name = Admin\n"
            f"sso_region = us-east-1\nsso_start_url = {START_URL}\n",
        )
        self.assert_fails(self.key(), "Run: aws sso login\n")

    def test_login(self) -> None:
        self.write("config", f"[default]\nregion = us-east-1\nlogin_session = {SESSION_ARN}\n")
        access = {
            "accessKeyId": "ASIALOGIN",
            "secretAccessKey": "s",
            "sessionToken": "t",
            "accountId": "000000000000",
            "expiresAt": _in(hours=1),
        }
        self.write(
            f"login/cache/{hashlib.sha256(SESSION_ARN.encode()).hexdigest()}.json",
            json.dumps(
                {
                    "accessToken": access,
                    "refreshToken": "r",
                    "clientId": "c",
                    "dpopKey": "unused until it expires",
                }
            ),
        )
        self.assert_created(self.key(), "ASIALOGIN", True)

    def test_login_without_a_session(self) -> None:
        self.write("config", f"[profile dev]\nregion = us-east-1\nlogin_session = {SESSION_ARN}\n")
        self.assert_fails(self.key("--profile", "dev"), "Run: aws login --profile dev")

    def test_no_credentials(self) -> None:
        self.assert_fails(self.key("--region", "us-east-1"), "No AWS credentials")
        self.assertEqual(self.relay.seen, set())

    def test_no_such_profile(self) -> None:
        self.assert_fails(self.key("--profile", "unknown"), "unknown")

    def test_no_region(self) -> None:
        self.assert_fails(
            self.key(AWS_ACCESS_KEY_ID="AKIAENV", AWS_SECRET_ACCESS_KEY="s"), "REGION="
        )

    def test_no_such_stack(self) -> None:
        made = self.key(
            "--stack",
            "elsewhere",
            AWS_ACCESS_KEY_ID="AKIAENV",
            AWS_SECRET_ACCESS_KEY="s",
            AWS_REGION="us-east-1",
        )
        self.assert_fails(made, "stack elsewhere not found in us-east-1")

    def test_credentials_that_aws_rejects(self) -> None:
        for code, text in (
            ("ExpiredToken", "Sign in again"),
            ("AccessDenied", "cloudformation:DescribeStacks"),
        ):
            with self.subTest(code):
                self.relay.denies = code
                made = self.key(
                    AWS_ACCESS_KEY_ID="ASIAENV", AWS_SECRET_ACCESS_KEY="s", AWS_REGION="us-east-1"
                )
                self.assert_fails(made, text)


if __name__ == "__main__":
    unittest.main()
