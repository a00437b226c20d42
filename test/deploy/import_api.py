"""Gives a stack's HTTP API in ministack the routes of its definition, which ministack does not read:
import_api.py TEMPLATE STACK ENDPOINT"""

import json
import sys

import boto3
from samcli.yamlhelper import yaml_parse

with open(sys.argv[1], encoding="utf-8") as file:
    paths = yaml_parse(file.read())["Resources"]["HttpApi"]["Properties"]["DefinitionBody"]["paths"]
cloudformation, apis = (boto3.client(service, endpoint_url=sys.argv[3]) for service in ("cloudformation", "apigatewayv2"))
stack = cloudformation.describe_stacks(StackName=sys.argv[2])["Stacks"][0]
function = next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "FunctionArn")
resource = cloudformation.describe_stack_resource(StackName=sys.argv[2], LogicalResourceId="HttpApi")
api = resource["StackResourceDetail"]["PhysicalResourceId"]
keys = []
for path, methods in paths.items():
    for method, operation in methods.items():
        integration = operation["x-amazon-apigateway-integration"]
        target = apis.create_integration(
            ApiId=api,
            IntegrationType=integration["type"].upper(),
            IntegrationUri=function,
            PayloadFormatVersion=integration["payloadFormatVersion"],
        )["IntegrationId"]
        keys.append("$default" if path == "$default" else f"{method.upper()} {path}")
        apis.create_route(ApiId=api, RouteKey=keys[-1], Target=f"integrations/{target}")
print(json.dumps(keys))
