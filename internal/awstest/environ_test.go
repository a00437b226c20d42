package awstest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestEnviron(t *testing.T) {
	const credentials, secret = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=no-secret"
	for _, test := range []struct {
		name        string
		given, want []string
	}{
		{"nothing given", nil, []string{credentials, "AWS_REGION=us-east-1", secret, "CALLER_AUTH=none", "JUNCTION_API_KEY=" + junctiontest.DefaultKey}},
		{"the later entry counts", []string{"CALLER_AUTH=iam", "CALLER_AUTH=token", "AWS_REGION=eu-west-1"},
			[]string{credentials, "AWS_REGION=eu-west-1", secret, "CALLER_AUTH=token", "JUNCTION_API_KEY=" + junctiontest.DefaultKey}},
		{"a secret takes the place of the key", []string{"JUNCTION_SECRET_ID=x"},
			[]string{credentials, "AWS_REGION=us-east-1", secret, "CALLER_AUTH=none", "JUNCTION_SECRET_ID=x"}},
		{"an empty key stays empty", []string{"JUNCTION_API_KEY="},
			[]string{credentials, "AWS_REGION=us-east-1", secret, "CALLER_AUTH=none", "JUNCTION_API_KEY="}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, awstest.Environ(test.given...)); diff != "" {
				t.Errorf("the environment (-want +got):\n%s", diff)
			}
		})
	}
}

// setter keeps what Setenv is called with.
type setter map[string]string

func (s setter) Setenv(name, value string) { s[name] = value }

func TestSetEndpoint(t *testing.T) {
	for _, test := range []struct {
		name     string
		services []string
		want     map[string]string
	}{
		{"of all services", nil, map[string]string{"AWS_ENDPOINT_URL": "http://x"}},
		{"of two services", []string{"SQS", "SECRETS_MANAGER"},
			map[string]string{"AWS_ENDPOINT_URL_SQS": "http://x", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.want["AWS_REGION"] = "us-east-1"
			test.want["AWS_ACCESS_KEY_ID"], test.want["AWS_SECRET_ACCESS_KEY"] = "AKIAIOSFODNN7EXAMPLE", "no-secret"
			got := setter{}
			awstest.SetEndpoint(got, "http://x", test.services...)
			if diff := cmp.Diff(test.want, map[string]string(got)); diff != "" {
				t.Errorf("the variables (-want +got):\n%s", diff)
			}
		})
	}
}
