"""Deploys template.yaml to ministack: stack.py TEMPLATE BOOTSTRAP ENDPOINT JUNCTION KEY ARCHITECTURE

SAM's transform of the template is deployed unchanged, except for what ministack does not support: an archive, a number
that is a reference, and a base URL without https. The script prints the outputs and the names of the resources as JSON.
"""

import io
import json
import sys
import time
import zipfile

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

STACK = "junction-refresh"
FILES = "files"


def transform(path):
    with open(path, encoding="utf-8") as file:
        source = yaml_parse(file.read())
    source["Resources"]["RefreshFunction"]["Properties"]["CodeUri"] = f"s3://{FILES}/function.zip"
    template = Translator({}, Parser()).translate(source, {})
    template = json.loads(json.dumps(template, default=str))
    del template["Resources"]["ResultArchive"]
    del template["Parameters"]["JunctionBaseUrl"]["AllowedPattern"]
    mapping = template["Resources"]["RefreshFunctionQueued"]["Properties"]
    mapping["ScalingConfig"]["MaximumConcurrency"] = 2
    return template


def zipped(path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive, open(path, "rb") as binary:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, binary.read())
    return out.getvalue()


def main(path, bootstrap, endpoint, junction, key, architecture):
    def client(service):
        return boto3.client(
            service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )

    client("s3").create_bucket(Bucket=FILES)
    client("s3").put_object(Bucket=FILES, Key="function.zip", Body=zipped(bootstrap))
    secret = client("secretsmanager").create_secret(Name="junction/team-key", SecretString=key)["ARN"]
    parameters = {
        "JunctionSecretArn": secret,
        "JunctionBaseUrl": junction,
        "Architecture": architecture,
        "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:operators",
    }
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(transform(path)),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    while True:
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.2)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        sys.exit("\n".join(str(e) for e in events if "FAILED" in e["ResourceStatus"]) or stack["StackStatus"])
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    mapping = client("lambda").list_event_source_mappings()["EventSourceMappings"][0]
    print(json.dumps({
        "outputs": {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]},
        "resources": {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources},
        "mapping": {k: mapping.get(k) for k in ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes")},
    }))


main(*sys.argv[1:])
