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
	}
	sets := make([]parameters, 0, len(cases))
	for _, c := range cases {
		set := parameters{"JunctionSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/team-key-a1b2c3"}
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
