"""Reads the webhooks in the given event files with the models of Junction's official SDK."""

import json
import sys

from junction import types

MODELS = {
    "provider.connection.created": types.ClientFacingProviderConnectionCreatedEvent,
    "provider.connection.error": types.ClientFacingProviderConnectionErrorEvent,
    "historical.data.workouts.created": types.ClientFacingWorkoutsHistoricalPullCompleted,
    "daily.data.sleep.created": types.ClientFacingSleepChanged,
}

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        event = json.load(file)
    body = json.loads(event["body"])
    model = MODELS[body["event_type"]].model_validate(body)
    unknown = model.model_extra or model.data.model_extra
    if unknown:
        sys.exit(f"{name}: Junction's SDK does not know {unknown}")
    if event["headers"]["content-length"] != str(len(event["body"].encode())):
        sys.exit(f"{name}: content-length is wrong")
    print(body["event_type"])
