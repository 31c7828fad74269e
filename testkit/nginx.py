"""An nginx of the tests' own: a server that is not of this project's making."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log; {user}
events {{ }}
http {{
  access_log off; default_type application/json;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    {server}
  }}
}}
"""


@contextmanager
def running_nginx(folder: Path, server: str) -> Iterator[str]:
    """URL of an nginx with these lines in its `server` block.

    Skips with a reason where nginx is not installed; under REQUIRE_ALL=1 that is a failure.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        reason = "nginx is not installed"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    text = _CONFIGURATION.format(folder=folder, port=port, server=server, user=user)
    (folder / "conf").write_text(text)
    command = [program, "-p", str(folder), "-c", str(folder / "conf"), "-e", str(folder / "log")]
    process = subprocess.Popen(command)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
