"""Prints as JSON how Junction's official SDK, set to this API's base URL and with a token as its key, decodes three
answers; and the answer to another token."""

import json
import sys

from junction import Junction
from junction.core.api_error import ApiError

base_url, token = sys.argv[1:]


def refresh(api_key: str, user_id: str) -> dict:
    client = Junction(base_url=base_url, api_key=api_key, max_retries=0)
    try:
        return {"status": 200, "success": client.user.refresh(user_id, timeout=5).success}
    except ApiError as error:
        body = error.body if isinstance(error.body, dict) else {}
        return {"status": error.status_code, "success": body.get("success", False)}


print(json.dumps([
    refresh(token, "1449752e-0d8a-40e0-9206-91ab099b2537"),
    refresh(token, "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92"),
    refresh(token, "not-a-uuid"),
    refresh(f"{token}!", "1449752e-0d8a-40e0-9206-91ab099b2537"),
]))
