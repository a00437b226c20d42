"""Prints as JSON what deploying a template needs, what deploy/deployer.yaml allows, and what could be narrower:
deployer.py TEMPLATE DEPLOYER

What a resource type needs is in CloudFormation's own schema of it, and which actions have resources in IAM's own reference.
cfn-lint ships both."""

import importlib.resources
import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

data = importlib.resources.files("cfnlint") / "data"


def read(*path):
    return json.loads(data.joinpath(*path).read_text())


with open(sys.argv[1], encoding="utf-8") as file:
    source = yaml_parse(file.read())
source["Resources"]["RefreshFunction"]["Properties"]["CodeUri"] = "s3://files/packaged"
template = Translator({}, Parser()).translate(source, {"DeploymentType": "Canary10Percent5Minutes"})
schemas = read("schemas", "providers", "us-east-1.json")
needs, roles, services = {}, [], set()
for name, resource in template["Resources"].items():
    handlers = read("schemas", "resources", schemas[resource["Type"]].removesuffix(".json") + ".json")["handlers"]
    for operation, handler in handlers.items():
        if operation != "list":  # which is for imports, and not for stacks
            for action in handler["permissions"]:
                needs.setdefault(action, set()).add(resource["Type"])
    if resource["Type"] == "AWS::IAM::Role":
        roles.append(name)
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            services.add(statement["Principal"]["Service"])
with open(sys.argv[2], encoding="utf-8") as file:
    deployer = yaml_parse(file.read())["Resources"]
statements = []
for name in (policy["Ref"] for policy in deployer["Deployer"]["Properties"]["ManagedPolicyArns"]):
    for statement in deployer[name]["Properties"]["PolicyDocument"]["Statement"]:
        statement = statement["Fn::If"][1] if "Fn::If" in statement else statement
        for key in ("Action", "Resource"):
            if not isinstance(statement[key], list):
                statement[key] = [statement[key]]
        statements.append(statement)
reference = read("AdditionalSpecs", "Policies.json")
scopable = []
for action in {action for statement in statements for action in statement["Action"]}:
    service, name = action.split(":")
    if reference[service]["Actions"][name.lower()].get("Resources"):
        scopable.append(action)
print(json.dumps({
    "needs": {action: sorted(types) for action, types in needs.items()},
    "roles": sorted(roles),
    "services": sorted(services),
    "statements": statements,
    "scopable": sorted(scopable),
    "trust": deployer["Deployer"]["Properties"]["AssumeRolePolicyDocument"]["Statement"],
}, default=str))
