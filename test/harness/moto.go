package harness

import (
	"crypto/rand"
	"os"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// signer signs requests to stand-ins, which accept every signature.
var signer = credentials.NewStaticCredentialsProvider("test", "test", "")

// startMoto starts moto's server of AWS's APIs.
var startMoto = sync.OnceValues(func() (string, error) {
	address, err := FreeAddress()
	if err != nil {
		return "", err
	}
	moto, err := Start(os.Environ(), Path(".tools/venv/bin/moto_server"), "-H", "127.0.0.1", "-p", Port(address))
	if err != nil {
		return "", err
	}
	services.stopAtEnd(moto.Stop)
	return "http://" + address, moto.WaitForHTTP("http://" + address + "/moto-api/")
})

// Secret is a secret in a stand-in of Secrets Manager.
type Secret struct {
	ARN      string
	endpoint string
	client   *secretsmanager.Client
}

// NewSecret makes a secret of the test's own in moto.
func NewSecret(t *testing.T, value string) *Secret {
	t.Helper()
	Moto(t)
	return NewSecretAt(t, Must(startMoto())(t), value)
}

// NewSecretAt makes a secret of the test's own in the stand-in at an endpoint.
func NewSecretAt(t *testing.T, endpoint, value string) *Secret {
	t.Helper()
	s := &Secret{endpoint: endpoint}
	s.client = secretsmanager.New(secretsmanager.Options{Region: awstest.Region, BaseEndpoint: &endpoint, Credentials: signer})
	made := Must(s.client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("junction/" + t.Name() + "-" + rand.Text()), SecretString: aws.String(value),
	}))(t)
	s.ARN = *made.ARN
	return s
}

// Rotate replaces the secret's value.
func (s *Secret) Rotate(t *testing.T, value string) {
	t.Helper()
	Must(s.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(s.ARN), SecretString: aws.String(value),
	}))(t)
}

// Environ returns the variables that the function needs to read the secret.
func (s *Secret) Environ() map[string]string {
	return map[string]string{"JUNCTION_SECRET_ID": s.ARN, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.endpoint}
}
