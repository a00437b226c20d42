"""Asks CloudFormation for a change set with each of the parameter sets on standard input, and prints why each was
refused, or "": changesets.py TEMPLATE ENDPOINT"""

import json
import sys

import boto3
import botocore.exceptions
from samcli.yamlhelper import yaml_parse

cloudformation = boto3.client("cloudformation", endpoint_url=sys.argv[2])
with open(sys.argv[1], encoding="utf-8") as file:
    source = yaml_parse(file.read())
source["Resources"]["RefreshFunction"]["Properties"]["CodeUri"] = "s3://files/function.zip"
template = json.dumps(source, default=str, separators=(",", ":"))  # over 51,200 bytes, it would have to be in S3
answers = []
for number, parameters in enumerate(json.load(sys.stdin)):
    try:
        cloudformation.create_change_set(
            StackName=f"rules-{number}",
            ChangeSetName="rules",
            ChangeSetType="CREATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        answers.append("")
    except botocore.exceptions.ClientError as refused:
        answers.append(str(refused))
print(json.dumps(answers))
