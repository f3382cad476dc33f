"""Runs in a process that has nothing but one zip's content: imports its handler, opens its ports, uses what they read.

Started as `python -I -S -B bare.py FOLDER JSON`, so that no site-packages are there. Prints one JSON object: the
modules that came neither from the folder nor from Python itself. The one server that a port asks while it is opened,
Parameter Store, answers in a thread of this very process.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module


class ParameterStore(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.headers["x-amz-target"] == "AmazonSSM.GetParameter"
        found = {"Name": asked["Name"], "Type": "SecureString", "Value": "0123456789abcdef"}
        body = json.dumps({"Parameter": found}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


def main() -> None:
    folder, told = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, folder)
    server = HTTPServer(("127.0.0.1", 0), ParameterStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["AWS_ENDPOINT_URL_SSM"] = f"http://127.0.0.1:{server.server_port}"
    module, _, name = told["handler"].rpartition(".")
    assert callable(getattr(import_module(module), name))
    open_port = import_module("shared.ports.open").open_port
    for port, url in told["ports"]:
        open_port(port, url)
    exec(told["use"], {})
    places = (folder + os.sep, sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep)
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name != "__main__"}
    print(json.dumps({name: file for name, file in files.items() if file and not file.startswith(places)}))


if __name__ == "__main__":
    main()
