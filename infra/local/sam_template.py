"""Prints template.yaml as far as `sam local` understands it; runs inside SAM's virtual environment.

It serves one kind of API, the one of whose resources it meets one first: for it to be that of the
HTTP API, functions come last. And it knows no WebSockets: it trips over routes such as `$connect`,
and takes their API's stage for that of all.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

_FUNCTION = "AWS::Serverless::Function"
_OF_AN_API = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage")


def simplified(template: dict[str, Any]) -> dict[str, Any]:
    """The template without routes and stages of WebSocket APIs, functions last."""
    resources = template["Resources"]
    sockets = [
        {"Ref": name}
        for name, resource in resources.items()
        if resource.get("Properties", {}).get("ProtocolType") == "WEBSOCKET"
    ]
    kept = {
        name: resource
        for name, resource in resources.items()
        if resource["Type"] not in _OF_AN_API or resource["Properties"]["ApiId"] not in sockets
    }
    return {
        **template,
        "Resources": dict(sorted(kept.items(), key=lambda item: item[1]["Type"] == _FUNCTION)),
    }


if __name__ == "__main__":
    print(json.dumps(simplified(yaml_parse(Path(sys.argv[1]).read_text())), indent=1))
