// The stack of junction-refresh in a CDK app: docs/install.md#cdk. The files of the release are next to this one.
import { App, CfnOutput, CfnStack, Stack } from "aws-cdk-lib";
import { Asset } from "aws-cdk-lib/aws-s3-assets";

const release = "0.1.0";

const app = new App();
const stack = new Stack(app, "junction-refresh");

// cdk deploy uploads both files to its own bucket.
const code = new Asset(stack, "Code", { path: `junction-refresh_${release}_arm64.zip` });
const template = new Asset(stack, "Template", { path: `junction-refresh_${release}.yaml` });

const refresh = new CfnStack(stack, "Refresh", {
  templateUrl: template.httpUrl,
  parameters: {
    CodeBucket: code.s3BucketName,
    CodeKey: code.s3ObjectKey,
    JunctionSecretArn: app.node.getContext("secretArn"), // cdk deploy --context secretArn=…
  },
});

// Every output of the template can be used, for example the queue of refreshes.
new CfnOutput(stack, "RefreshQueueUrl", { value: refresh.getAtt("Outputs.RefreshQueueUrl").toString() });
