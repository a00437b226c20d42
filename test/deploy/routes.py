"""Prints the routes that `sam local start-api` finds in a template: routes.py TEMPLATE [PARAMETER=VALUE …]"""

import json
import sys

from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

overrides = dict(argument.split("=", 1) for argument in sys.argv[2:])
stacks, _ = SamLocalStackProvider.get_stacks(sys.argv[1], parameter_overrides=overrides)
routes = ApiProvider(stacks).routes
named = [[method, r.path, r.function_name, r.payload_format_version] for r in routes for method in r.methods if r.path != "$default"]
default = [["ANY", r.path, r.function_name, r.payload_format_version] for r in routes if r.path == "$default"]
print(json.dumps(default + sorted(named)))
