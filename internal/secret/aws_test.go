package secret

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// load loads the AWS configuration as the function does.
func load() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) }

// secretsManager serves one answer where the AWS SDK looks for Secrets Manager, and records what was
// asked.
func secretsManager(t *testing.T, status int, body string) *[]string {
	t.Helper()
	asked := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := make([]byte, 200)
		n, _ := r.Body.Read(text)
		*asked = append(*asked, r.Header.Get("X-Amz-Target")+" "+string(text[:n])+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return asked
}

func TestTheSecretComesFromSecretsManager(t *testing.T) {
	asked := secretsManager(t, 200, `{"SecretString":"sk_us_x"}`)
	expect(t, New(FromSecretsManager(load, "junction/key"), time.Minute), "sk_us_x")
	if got := (*asked)[0]; !strings.HasPrefix(got, `secretsmanager.GetSecretValue {"SecretId":"junction/key"}`) || !strings.Contains(got, "/eu-west-1/") {
		t.Error(got)
	}
}

func TestASecretInAnotherRegionIsAskedForThere(t *testing.T) {
	asked := secretsManager(t, 200, `{"SecretBinary":"c2tfdXNfeA=="}`)
	expect(t, New(FromSecretsManager(load, "arn:aws:secretsmanager:us-east-2:123456789012:secret:junction-AbCdEf"), time.Minute), "sk_us_x")
	if got := (*asked)[0]; !strings.Contains(got, "/us-east-2/") {
		t.Error(got)
	}
}

func TestWhatSecretsManagerRefusesIsSecretUnavailable(t *testing.T) {
	for body, status := range map[string]int{
		`{"__type":"ResourceNotFoundException","message":"x"}`: 400,
		`{"__type":"AccessDeniedException","message":"x"}`:     400,
		`{}`: 200,
	} {
		secretsManager(t, status, body)
		_, err := New(FromSecretsManager(load, "junction/key"), time.Minute).Key(t.Context())
		if f := result.AsFailure(err); f.Code != result.SecretUnavailable || f.Cause == nil {
			t.Errorf("%s: %+v", body, f)
		}
	}
}
