package test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const region = "us-east-1"

// startMoto starts moto's server of AWS's APIs, once for all tests.
var startMoto = sync.OnceValues(func() (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	server, err := filepath.Abs("../.tools/venv/bin/moto_server")
	if err != nil {
		return "", err
	}
	moto, err := start(os.Environ(), server, "-H", "127.0.0.1", "-p", port(address))
	if err != nil {
		return "", err
	}
	shared.add(moto)
	return "http://" + address, moto.serving("http://" + address + "/moto-api/")
})

// secret is a secret in Secrets Manager.
type secret struct {
	endpoint string
	arn      string
	client   *secretsmanager.Client
}

// newSecret makes a secret of the test's own.
func newSecret(t *testing.T, value string) *secret {
	t.Helper()
	motoServer(t)
	s := &secret{endpoint: must(t)(startMoto())}
	s.client = secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: aws.String(s.endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	made, err := s.client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("junction/" + t.Name()), SecretString: aws.String(value),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.arn = *made.ARN
	return s
}

// rotate replaces the secret's value.
func (s *secret) rotate(t *testing.T, value string) {
	t.Helper()
	_, err := s.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(s.arn), SecretString: aws.String(value),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is what the function needs to read the secret.
func (s *secret) environment() map[string]string {
	return map[string]string{
		"JUNCTION_SECRET_ID": s.arn, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.endpoint,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": region,
	}
}
