"""Prints the HTTP status that a refresh by one of Junction's SDKs ends with, with the SDK's defaults.
Arguments: the package, this API's base URL, a token, a user ID."""

import importlib
import sys

package, base_url, api_key, user_id = sys.argv[1:]
client_type = {"junction": "Junction", "vital": "Vital"}[package]
client = getattr(importlib.import_module(package), client_type)(base_url=base_url, api_key=api_key)
api_error = importlib.import_module(f"{package}.core.api_error").ApiError

try:
    print(client.user.with_raw_response.refresh(user_id, timeout=5)._response.status_code)
except api_error as error:
    print(error.status_code)
