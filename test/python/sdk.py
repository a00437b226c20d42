"""Prints as JSON how one of Junction's SDKs, set to this API's base URL, decodes the answers for four users.
Arguments: the package, the base URL."""

import importlib
import json
import sys

package, base_url = sys.argv[1:]
client_type = {"junction": "Junction", "vital": "Vital"}[package]
client = getattr(importlib.import_module(package), client_type)(base_url=base_url, api_key="any")
errors = importlib.import_module(f"{package}.errors")


def refresh(case: str, user_id: str) -> dict:
    try:
        got = client.user.refresh(user_id, timeout=5, request_options={"max_retries": 0})
    except errors.BadRequestError as error:
        return {
            "case": case, "error": "BadRequestError", "status": error.status_code,
            "success": error.body["success"], "user_id": error.body["user_id"], "text": error.body["error"],
        }
    except errors.UnprocessableEntityError as error:
        first = error.body.detail[0]
        return {
            "case": case, "error": "UnprocessableEntityError", "status": error.status_code,
            "loc": first["loc"], "msg": first["msg"],
        }
    return {
        "case": case, "success": got.success, "user_id": got.user_id,
        "refreshed": got.refreshed_sources, "in_progress": got.in_progress_sources, "failed": got.failed_sources,
    }


print(json.dumps([
    refresh("partial", "1449752e-0d8a-40e0-9206-91ab099b2537"),
    refresh("in progress", "b21c9f0e-6a47-4d83-8e15-90d3c7f2a645"),
    refresh("no sources", "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92"),
    refresh("no UUID", "not-a-uuid"),
]))
