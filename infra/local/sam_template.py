"""Prints template.yaml without what `sam local` can't handle; runs in SAM's virtual environment.

`sam local` serves only one type of API, that of the first API resource in the template. Functions
go last, so that this is the HTTP API. It does not support WebSockets: it fails on routes such as
`$connect`, and applies the stage of the WebSocket API to all APIs.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

_FUNCTION = "AWS::Serverless::Function"
_OF_AN_API = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage")


def simplified(template: dict[str, Any]) -> dict[str, Any]:
    """The template without routes and stages of WebSocket APIs, and with functions last."""
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
