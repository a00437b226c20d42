"""Deploys template.yaml to ministack with each of the sets of parameters on standard input, one after the other, and
prints after each what the alias is at, or why the deployment failed: versions.py TEMPLATE BOOTSTRAP ENDPOINT STACK_PY_FOLDER

As CloudFormation does, and ministack does not, it gives SAM the values of the parameters: from the second deployment on
also those that are defaults."""

import json
import sys
import time

import boto3

path, bootstrap, endpoint, folder = sys.argv[1:]
sys.path.insert(0, folder)
import stack  # noqa: E402

clients = {service: boto3.client(service, endpoint_url=endpoint) for service in ("s3", "cloudformation", "lambda")}
clients["s3"].create_bucket(Bucket=stack.FILES)
clients["s3"].put_object(Bucket=stack.FILES, Key="function.zip", Body=stack.zipped(bootstrap))
answers, known = [], {}
for parameters in json.load(sys.stdin):
    template = stack.transform(path, {**known, **parameters})
    template["Resources"] = {
        name: resource for name, resource in template["Resources"].items() if not resource["Type"].startswith("AWS::CodeDeploy::")
    }
    clients["s3"].put_object(Bucket=stack.FILES, Key="template", Body=json.dumps(template).encode())
    deploy = clients["cloudformation"].update_stack if known else clients["cloudformation"].create_stack
    known.update(parameters)
    deploy(
        StackName=stack.STACK,
        TemplateURL=f"{endpoint}/{stack.FILES}/template",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in known.items()],
    )
    while True:
        state = clients["cloudformation"].describe_stacks(StackName=stack.STACK)["Stacks"][0]
        if not state["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.1)
    known.update({p["ParameterKey"]: p["ParameterValue"] for p in state["Parameters"]})
    if state["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = clients["cloudformation"].describe_stack_events(StackName=stack.STACK)["StackEvents"]
        answers.append(next(e["ResourceStatusReason"] for e in events if "FAILED" in e["ResourceStatus"]))
        continue
    alias = next(o["OutputValue"] for o in state["Outputs"] if o["OutputKey"] == "FunctionArn")
    live = clients["lambda"].get_function_configuration(FunctionName=alias)
    answers.append(f'{live["Version"]}: {live["MemorySize"]} MB, {live["Environment"]["Variables"]["RESULT_BUS"]}')
print(json.dumps(answers))
