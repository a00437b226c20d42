"""Published webhook libraries: each PyPI package signs a body, and verifies what our own signer made of it.
Standard input has {secret, body, ours: {svix: headers, webhook: headers}}; the answer is JSON, and nothing else is
printed."""

import json
import sys
from datetime import datetime, timezone

import standardwebhooks.webhooks
import svix.webhooks

given = json.load(sys.stdin)


def try_package(name: str, package, family: str) -> dict:
    signer = package.Webhook(given["secret"])
    msg_id, now = f"msg_of_{name}_for_python", datetime.now(tz=timezone.utc)

    def verifies(body: str) -> bool:
        try:
            signer.verify(body, given["ours"][family])
        except package.WebhookVerificationError:
            return False
        return True

    return {
        "headers": {
            f"{family}-id": msg_id,
            f"{family}-timestamp": str(int(now.timestamp())),
            f"{family}-signature": signer.sign(msg_id, now, given["body"]),
        },
        "verifies": verifies(given["body"]),
        "verifies_another_body": verifies(given["body"] + " "),
    }


print(json.dumps({
    "svix": try_package("svix", svix.webhooks, "svix"),
    "standardwebhooks": try_package("standardwebhooks", standardwebhooks.webhooks, "webhook"),
}))
