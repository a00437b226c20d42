package deploy

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

func TestParametersThatCannotWorkAreRefusedBeforeAnythingIsDeployed(t *testing.T) {
	t.Parallel()
	type parameters = map[string]string
	const (
		teamKeySecret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/team-key-a1b2c3"
		webhookSecret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/result-webhook-d4e5f6"
	)
	cases := []struct {
		name    string
		with    parameters
		refused string // part of the reason; "" if accepted
	}{
		{"the defaults", parameters{}, ""},
		{"an HTTP API for signed requests", parameters{"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "iam"}, ""},
		{"signed requests and a public URL for webhooks", parameters{
			"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "iam,signature", "CreateFunctionUrl": "true", "FunctionUrlAuthType": "NONE",
		}, ""},
		{"the methods in another order", parameters{"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "token,iam,signature"}, ""},
		{"a public URL for tokens", parameters{"CreateFunctionUrl": "true", "FunctionUrlAuthType": "NONE"}, ""},
		{"a URL for signed requests", parameters{"CreateHttpApi": "false", "CreateFunctionUrl": "true", "CallerAuth": "iam"}, ""},
		{"no door, and iam for an API of one's own", parameters{"CreateHttpApi": "false", "CallerAuth": "iam"}, ""},
		{"an authorizer without its API", parameters{"CreateHttpApi": "false", "HttpApiAuthorizer": "AWS_IAM"}, ""},
		{"an open API", parameters{"CallerAuth": "none"}, ""},

		{"an IAM API without iam callers", parameters{"HttpApiAuthorizer": "AWS_IAM"}, "AnIamDoorNeedsIamCallers"},
		{"an IAM API for token callers", parameters{"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "token"}, "AnIamDoorNeedsIamCallers"},
		{"an IAM API without caller checks", parameters{"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "none"}, "AnIamDoorNeedsIamCallers"},
		{"an IAM URL without iam callers", parameters{"CreateFunctionUrl": "true"}, "AnIamDoorNeedsIamCallers"},
		{"iam callers without an IAM door", parameters{"CallerAuth": "iam"}, "IamCallersNeedIamDoors"},
		{"iam callers at a public URL", parameters{
			"HttpApiAuthorizer": "AWS_IAM", "CallerAuth": "iam", "CreateFunctionUrl": "true", "FunctionUrlAuthType": "NONE",
		}, "IamCallersNeedIamDoors"},
		{"iam callers at an API without an authorizer", parameters{"CallerAuth": "iam", "CreateFunctionUrl": "true"}, "IamCallersNeedIamDoors"},
		{"none beside another method", parameters{"CallerAuth": "none,token"}, "CallerAuth"},
		{"a method twice", parameters{"CallerAuth": "iam,iam"}, "CallerAuth"},

		{"a schedule without users", parameters{"ScheduleExpression": "rate(1 day)"}, "AScheduleSaysWhatToRefresh"},
		{"a schedule of all users", parameters{"ScheduleExpression": "rate(1 day)", "ScheduleInput": `{"all_users":true}`}, ""},
		{"a large batch that is not gathered", parameters{"QueueBatchSize": "100"}, "ABatchOverTenIsGathered"},
		{"an archive without a bus", parameters{"ArchiveDays": "1", "CreateResultBus": "false"}, "AnArchiveHasABus"},

		{"a result webhook", parameters{"ResultWebhookUrl": "https://app.example.com/results?tenant=1", "ResultWebhookSecretArn": webhookSecret}, ""},
		{"a result webhook on a given bus", parameters{
			"ResultWebhookUrl": "https://app.example.com:8443", "ResultWebhookSecretArn": webhookSecret, "CreateResultBus": "false", "ResultBusName": "default",
		}, ""},
		{"a result webhook without a secret", parameters{"ResultWebhookUrl": "https://app.example.com/results"}, "AResultWebhookIsComplete"},
		{"a secret without a result webhook", parameters{"ResultWebhookSecretArn": webhookSecret}, "AResultWebhookIsComplete"},
		{"a result webhook without a bus", parameters{
			"ResultWebhookUrl": "https://app.example.com/results", "ResultWebhookSecretArn": webhookSecret, "CreateResultBus": "false",
		}, "AResultWebhookIsComplete"},
		{"the team key for the result webhook", parameters{
			"ResultWebhookUrl": "https://app.example.com/results", "ResultWebhookSecretArn": teamKeySecret,
		}, "AResultWebhookIsComplete"},
		{"a result webhook over http", parameters{"ResultWebhookUrl": "http://app.example.com", "ResultWebhookSecretArn": webhookSecret}, "ResultWebhookUrl"},
		{"a result webhook with a user", parameters{"ResultWebhookUrl": "https://user:password@app.example.com", "ResultWebhookSecretArn": webhookSecret}, "ResultWebhookUrl"},
		{"a result webhook with a path parameter", parameters{"ResultWebhookUrl": "https://app.example.com/*", "ResultWebhookSecretArn": webhookSecret}, "ResultWebhookUrl"},
		{"a value instead of a secret", parameters{"ResultWebhookUrl": "https://app.example.com", "ResultWebhookSecretArn": "a-secret-value"}, "ResultWebhookSecretArn"},

		{"no alarms", parameters{"CreateAlarms": "false"}, ""},
		{"alarms by email", parameters{"AlarmEmail": "operators@example.com"}, ""},
		{"alarms to a topic", parameters{"AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:operators"}, ""},
		{"alarms to a topic and by email", parameters{
			"AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:operators", "AlarmEmail": "operators@example.com",
		}, "AlarmsHaveOneTopic"},
		{"alarms to no address", parameters{"AlarmEmail": "operators"}, "AlarmEmail"},

		{"a canary", parameters{"DeploymentType": "Canary10Percent5Minutes"}, ""},
		{"a canary without alarms", parameters{"DeploymentType": "Canary10Percent5Minutes", "CreateAlarms": "false"}, "AlarmsRollBackAVersionThatFails"},
		{"a shift that CodeDeploy does not know", parameters{"DeploymentType": "Canary50Percent"}, "DeploymentType"},
		{"two subnets and a security group", parameters{"VpcSubnetIds": "subnet-0a1b2c3d,subnet-1a2b3c4d", "VpcSecurityGroupIds": "sg-0a1b2c3d"}, ""},
		{"subnets without a security group", parameters{"VpcSubnetIds": "subnet-0a1b2c3d"}, "AVpcIsComplete"},
		{"a list of subnets with a space", parameters{"VpcSubnetIds": "subnet-0a1b2c3d, subnet-1a2b3c4d", "VpcSecurityGroupIds": "sg-0a1b2c3d"}, "VpcSubnetIds"},

		{"no follow-up", parameters{"FollowUp": "off"}, ""},
		{"one look after fifteen minutes", parameters{"FollowUp": "15m"}, ""},
		{"five looks", parameters{"FollowUp": "1s,10s,90s,900s,15m"}, ""},
		{"six looks", parameters{"FollowUp": "1s,1s,1s,1s,1s,1s"}, "FollowUp"},
		{"a pause of no time", parameters{"FollowUp": "0s"}, "FollowUp"},
		{"a pause that SQS does not allow", parameters{"FollowUp": "901s"}, "FollowUp"},
		{"a pause in hours", parameters{"FollowUp": "1h"}, "FollowUp"},
		{"a pause after off", parameters{"FollowUp": "off,30s"}, "FollowUp"},
		{"no pause", parameters{"FollowUp": ""}, "FollowUp"},
		{"failures that are not explained", parameters{"ExplainFailures": "false"}, ""},
		{"no metrics", parameters{"CreateMetrics": "false"}, ""},
		{"failures that are perhaps explained", parameters{"ExplainFailures": "maybe"}, "ExplainFailures"},
	}
	sets := make([]parameters, 0, len(cases))
	for _, c := range cases {
		set := parameters{"JunctionSecretArn": teamKeySecret}
		maps.Copy(set, c.with)
		sets = append(sets, set)
	}
	answers := script[[]string](t, sets, "changesets.py", filepath.Join(root, "template.yaml"), startCloud(t))
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := answers[i]; (got == "") != (c.refused == "") || !strings.Contains(got, c.refused) {
				t.Errorf("%v: got %q, want %q", c.with, got, c.refused)
			}
		})
	}
}
