"""A function that refreshes a user with Junction's Python SDK, as its README shows."""

import os

from junction import Junction

client = Junction(api_key=os.environ["JUNCTION_API_KEY"], base_url=os.environ["JUNCTION_BASE_URL"])


def handler(event, _context):
    return client.user.refresh(event["user_id"], timeout=10).model_dump(mode="json")
