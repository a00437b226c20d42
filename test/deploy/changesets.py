"""Asks CloudFormation for a change set with each of the parameter sets on standard input, and prints why each was
refused, or "": changesets.py TEMPLATE ENDPOINT"""

import json
import sys

import boto3
import botocore.exceptions
from samcli.yamlhelper import yaml_parse

cloudformation, s3 = (boto3.client(service, endpoint_url=sys.argv[2]) for service in ("cloudformation", "s3"))
with open(sys.argv[1], encoding="utf-8") as file:
    source = yaml_parse(file.read())
source["Resources"]["RefreshFunction"]["Properties"]["CodeUri"] = "s3://files/function.zip"
for resource in source["Resources"].values():
    if resource["Type"] in (  # which ministack does not know
        "AWS::Events::Connection", "AWS::Events::ApiDestination", "AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition",
    ):
        resource.update(Type="AWS::CloudFormation::WaitConditionHandle", Properties={})
s3.create_bucket(Bucket="files")  # a template over 51,200 bytes has to be in S3, where SAM puts it too
s3.put_object(Bucket="files", Key="template", Body=json.dumps(source, default=str).encode())
answers = []
for number, parameters in enumerate(json.load(sys.stdin)):
    try:
        cloudformation.create_change_set(
            StackName=f"rules-{number}",
            ChangeSetName="rules",
            ChangeSetType="CREATE",
            TemplateURL=f"{sys.argv[2]}/files/template",
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        answers.append("")
    except botocore.exceptions.ClientError as refused:
        answers.append(str(refused))
print(json.dumps(answers))
