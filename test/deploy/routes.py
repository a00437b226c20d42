"""Prints the routes that `sam local start-api` finds in a template: routes.py TEMPLATE [PARAMETER=VALUE …]"""

import json
import sys

from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

overrides = dict(argument.split("=", 1) for argument in sys.argv[2:])
stacks, _ = SamLocalStackProvider.get_stacks(sys.argv[1], parameter_overrides=overrides)
routes = ApiProvider(stacks).routes
print(json.dumps([[r.path, len(r.methods), r.function_name, r.payload_format_version] for r in sorted(routes, key=lambda r: r.path)]))
