"""Deploys template.yaml to ministack: stack.py TEMPLATE BOOTSTRAP ENDPOINT JUNCTION KEY ARCHITECTURE PARAMETERS

SAM's transform of the template is deployed unchanged, except for what ministack does not support: an archive, a number
that is a reference, a base URL without https, alarms with metric math or of other alarms, the queries of the log, the
schemas, and the types of the result webhook's connection and destination, which are created with EventBridge's own API and replaced by
their names. PARAMETERS are further parameters as JSON; of a secret
it has the value. The script prints the outputs, the names of the resources, what could be created, and the function's variables and
permissions as JSON.
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


def transform(path, parameters=()):
    with open(path, encoding="utf-8") as file:
        source = yaml_parse(file.read())
    source["Resources"]["RefreshFunction"]["Properties"]["CodeUri"] = f"s3://{FILES}/function.zip"
    template = Translator({}, Parser()).translate(source, dict(parameters))
    template = json.loads(json.dumps(template, default=str))
    del template["Resources"]["ResultArchive"]
    for name, resource in list(template["Resources"].items()):
        alarm = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
        unknown = ("AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition", "AWS::EventSchemas::Registry", "AWS::EventSchemas::Schema")
        if alarm or resource["Type"] in unknown:
            del template["Resources"][name]
    del template["Outputs"]["SchemaRegistryName"]
    del template["Parameters"]["JunctionBaseUrl"]["AllowedPattern"]
    mapping = template["Resources"]["RefreshFunctionQueued"]["Properties"]
    mapping["ScalingConfig"]["MaximumConcurrency"] = 2
    return template


def with_webhook(template, secret, endpoint, events):
    """Creates the connection and the destination, and returns the template without them."""
    connection = template["Resources"].pop("ResultWebhookConnection")["Properties"]
    key = connection["AuthParameters"]["ApiKeyAuthParameters"]
    assert key["ApiKeyValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${ResultWebhookSecretArn}:SecretString:::}}"}
    key["ApiKeyValue"] = secret
    connection_arn = events.create_connection(Name="webhook", **connection)["ConnectionArn"]
    destination = template["Resources"].pop("ResultWebhookDestination")["Properties"]
    assert destination["ConnectionArn"] == {"Fn::GetAtt": ["ResultWebhookConnection", "Arn"]}
    assert destination["InvocationEndpoint"] == {"Ref": "ResultWebhookUrl"}
    destination.update(ConnectionArn=connection_arn, InvocationEndpoint=endpoint, InvocationRateLimitPerSecond=50)
    arn = events.create_api_destination(Name="webhook", **destination)["ApiDestinationArn"]
    reference = json.dumps({"Fn::GetAtt": ["ResultWebhookDestination", "Arn"]})
    return json.loads(json.dumps(template).replace(reference, json.dumps(arn)).replace("${ResultWebhookConnection}", "webhook"))


def zipped(path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive, open(path, "rb") as binary:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, binary.read())
    return out.getvalue()


def main(path, bootstrap, endpoint, junction, key, architecture, further):
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
        **json.loads(further),
    }
    template = transform(path)
    if value := parameters.get("ResultWebhookSecretArn"):
        created = client("secretsmanager").create_secret(Name="junction/result-webhook", SecretString=value)
        parameters["ResultWebhookSecretArn"] = created["ARN"]
        template = with_webhook(template, value, parameters["ResultWebhookUrl"], client("events"))
    client("s3").put_object(Bucket=FILES, Key="template", Body=json.dumps(template).encode())  # over 51,200 bytes
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{FILES}/template",
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
    role = next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "RefreshRole")
    policies = client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    function = next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "RefreshFunction")
    print(json.dumps({
        "outputs": {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]},
        "resources": {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources},
        "expected": list(template["Resources"]),
        "environment": client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"],
        "policies": [client("iam").get_role_policy(RoleName=role, PolicyName=p)["PolicyDocument"] for p in policies],
        "mapping": {k: mapping.get(k) for k in ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes")},
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
